import {
  type AttachType,
  EINVAL,
  ENOENT,
  linkCreate,
  MapType,
  nameOf,
  objectKind,
  progQuery,
} from "../../syscalls/index.ts";
import { LinkError } from "../errors/classes.ts";
import { explained } from "../errors/refusal.ts";
import { kernelVersion } from "../features/kernelVersion.ts";
import { withMemoryLock } from "../features/memlock.ts";
import { hasSockMapLink } from "../features/probes.ts";
import { isErrno } from "../handle.ts";
import { MapInfo } from "../infos/mapInfo.ts";
import { kindName } from "../kinds.ts";
import { BpfMap } from "../maps/bpfMap.ts";
import type { SockHash } from "../maps/sockHash.ts";
import type { SockMap } from "../maps/sockMap.ts";
import { type Attachment, ProgAttachment } from "./attachment.ts";
import { Link } from "./link.ts";
import { ATTACH_REASONS } from "./reasons.ts";

/** What a sockmap program attaches to: one of ours, or the fd of one. */
// biome-ignore lint/suspicious/noExplicitAny: a SockHash with keys of whatever type.
export type SocketsTarget = SockMap | SockHash<any> | number;

export interface AttachOptions {
  /**
   * `link`: a bpf link (Linux 6.10), which goes with the process unless pinned, and which no plain attach replaces.
   * `prog`: a plain attach, which stays as long as the map. `auto` (default): a link where the kernel has it, else plain.
   */
  readonly mode?: "auto" | "link" | "prog";
}

/** A loaded program that is to be attached. */
export interface Attachable {
  readonly fd: number;
  /** The kernel's program id. */
  readonly id: number;
  readonly name: string;
}

/** The map that a target means, checked for its type. @throws LinkError `ERR_UNEXPECTED_MAP_TYPE` */
export function targetInfo(target: SocketsTarget, program: string): MapInfo {
  if (typeof target !== "number" && !(target instanceof BpfMap))
    throw new LinkError(
      "ERR_UNEXPECTED_MAP_TYPE",
      `Cannot attach ${JSON.stringify(program)}: a SockMap, a SockHash or the fd of one is wanted.`,
    );
  const fd = typeof target === "number" ? target : target.fd;
  const how = {
    family: LinkError,
    asked: `Cannot attach ${JSON.stringify(program)} to fd ${fd}`,
    reasons: NOT_OPEN,
    code: "ERR_LINK",
  };
  const info = explained(how, () => {
    const kind = objectKind(fd);
    if (kind === "map") return MapInfo.fromFd(fd);
    throw new LinkError("ERR_UNEXPECTED_MAP_TYPE", `${how.asked}: it is no map but ${kindName(kind)}.`);
  });
  if (info.type !== MapType.SockMap && info.type !== MapType.SockHash)
    throw new LinkError(
      "ERR_UNEXPECTED_MAP_TYPE",
      `Cannot attach ${JSON.stringify(program)} to ${JSON.stringify(info.name)}: it is a ${nameOf(MapType, info.type)} map, and programs of this kind attach to a SockMap or a SockHash only.`,
    );
  return info;
}

const NOT_OPEN = {
  [ENOENT]: { code: "ERR_UNEXPECTED_MAP_TYPE", why: "The file descriptor is not open, or /proc is not mounted." },
};

/**
 * Attaches a loaded program to a sockmap.
 * @throws LinkError `ERR_LINK_BUSY`, `ERR_NOT_SUPPORTED` (mode "link" before Linux 6.10), `ERR_PERMISSION`
 */
export function attachToSockets(
  program: Attachable,
  mapFd: number,
  mapName: string,
  attachType: AttachType,
  mode: AttachOptions["mode"] = "auto",
): Attachment {
  const asked = `Cannot attach ${JSON.stringify(program.name)} to the map ${JSON.stringify(mapName)}`;
  if (!["auto", "link", "prog"].includes(mode))
    throw new LinkError(
      "ERR_INVALID_OPTION",
      `${asked}: mode is "auto", "link" or "prog", not ${JSON.stringify(mode)}.`,
    );
  if (mode === "prog") return ProgAttachment.attach(program.fd, mapFd, attachType, asked);
  const how = {
    family: LinkError,
    asked,
    reasons: ATTACH_REASONS,
    code: "ERR_LINK",
    needs: ["CAP_NET_ADMIN"],
  } as const;
  return explained(how, () => {
    try {
      return new Link(linkCreate({ prog_fd: program.fd, target_fd: mapFd, attach_type: attachType }));
    } catch (error) {
      if (!isErrno(error, EINVAL) || withMemoryLock(hasSockMapLink)) throw error;
      if (mode === "auto") return ProgAttachment.attach(program.fd, mapFd, attachType, asked);
      throw new LinkError(
        "ERR_NOT_SUPPORTED",
        `${asked} by a link: the kernel has bpf links for sockmaps since 6.10, and this is ${kernelVersion()}. Use mode "prog" or "auto".`,
        { cause: error },
      );
    }
  });
}

/** Whether a program is on a map; undefined where the kernel cannot tell (before 5.18). */
export function isAttached(programId: number, mapFd: number, attachType: AttachType): boolean | undefined {
  try {
    return progQuery(mapFd, attachType).programIds.includes(programId);
  } catch {
    return undefined;
  }
}
