import { EBUSY, EINVAL, ENOENT, ENOLINK, EOPNOTSUPP, EPERM } from "../../syscalls/index.ts";
import type { Reason, Reasons } from "../errors/refusal.ts";

/** Attaching to a sockmap (net/core/sock_map.c, sock_map_prog_update and sock_map_link_create). */
export const ATTACH_REASONS: Reasons = {
  [EBUSY]: {
    code: "ERR_LINK_BUSY",
    why: "A bpf link holds this map's place for that attach type, or a program of an attach type that excludes this one is there. Detach it first; loadedLinks() and bpftool link show it.",
  },
  [EOPNOTSUPP]: {
    code: "ERR_UNEXPECTED_MAP_TYPE",
    why: "Programs of this kind attach to a SockMap or a SockHash only.",
  },
  [EINVAL]: {
    code: "ERR_NOT_SUPPORTED",
    why: "The kernel does not know this kind of attaching, or the program's type does not fit the attach type.",
  },
};

/** Undoing a plain attach. */
export const DETACH_REASONS: Reasons = {
  [ENOENT]: {
    code: "ERR_NO_SUCH_LINK",
    why: "The program is not attached there any more: another one has taken its place, or somebody detached it.",
  },
  [EBUSY]: { code: "ERR_LINK_BUSY", why: "A bpf link holds the place by now." },
};

const OTHER_TYPE: Reason = {
  code: "ERR_UNEXPECTED_PROGRAM_TYPE",
  why: "The new program must have the type and attach type of the one that it replaces.",
};

/** A plain attach in the place of another. */
export const REPLACE_REASONS: Reasons = { ...ATTACH_REASONS, [EINVAL]: OTHER_TYPE };

/** BPF_LINK_UPDATE. */
export const UPDATE_REASONS: Reasons = {
  [EINVAL]: OTHER_TYPE,
  [EPERM]: { code: "ERR_UNEXPECTED_PROGRAM", why: "The program behind the link is not the one that was expected." },
  [ENOLINK]: { code: "ERR_NO_SUCH_LINK", why: "Somebody else has detached it, through another fd of the link." },
};
