import {
  dupFd,
  ENOENT,
  linkInfo,
  mapInfo,
  type ObjectKind,
  type OwnedFd,
  objectKind,
  progInfo,
} from "../syscalls/index.ts";
import { LinkError, MapError, ProgramError } from "./errors/classes.ts";
import { explained, type Reasons } from "./errors/refusal.ts";

/** The kinds of object that have classes of their own. */
export type Kind = "prog" | "map" | "link";

const KINDS = {
  prog: {
    word: "program",
    family: ProgramError,
    code: "ERR_UNEXPECTED_PROGRAM_TYPE",
    id: (fd: number) => progInfo(fd).u32("id", 0),
  },
  map: { word: "map", family: MapError, code: "ERR_UNEXPECTED_MAP_TYPE", id: (fd: number) => mapInfo(fd).u32("id", 0) },
  link: {
    word: "link",
    family: LinkError,
    code: "ERR_UNEXPECTED_LINK_TYPE",
    id: (fd: number) => linkInfo(fd).u32("id", 0),
  },
} as const;

const REASONS: Reasons = { [ENOENT]: { code: "ERR_BAD_FD", why: "It is not open, or /proc is not mounted." } };

/** `a program`, in a sentence. */
export function kindName(kind: ObjectKind): string {
  if (kind === "btf") return "a BTF object";
  return kind === "other" ? "something else" : `a ${KINDS[kind].word}`;
}

/** The kernel's id of what an fd holds. Each kind counts for itself. @throws SyscallError */
export function idOf(fd: number, kind: Kind): number {
  return KINDS[kind].id(fd);
}

/**
 * @param what is of that kind.
 * @throws ProgramError `ERR_UNEXPECTED_PROGRAM_TYPE`, MapError `ERR_UNEXPECTED_MAP_TYPE`, LinkError `ERR_UNEXPECTED_LINK_TYPE`
 */
export function expectKind(what: string, kind: ObjectKind, wanted: Kind): void {
  const { word, family, code } = KINDS[wanted];
  if (kind !== wanted) throw new family(code, `${what} is no ${word} but ${kindName(kind)}.`);
}

/**
 * An fd of the caller's must be of that kind: the kernel answers a question about any, and a map's answer read as
 * a program's would be nonsense.
 * @throws `ERR_BAD_FD`, and as `expectKind`
 */
export function expectFd(fd: number, wanted: Kind): void {
  const how = { family: KINDS[wanted].family, asked: `Cannot use fd ${fd}`, reasons: REASONS, code: "ERR_BAD_FD" };
  expectKind(
    `fd ${fd}`,
    explained(how, () => objectKind(fd)),
    wanted,
  );
}

/** A duplicate of an fd of the caller's. @throws as `expectFd`, `ERR_TOO_MANY_FILES` */
export function duplicate(fd: number, wanted: Kind): OwnedFd {
  expectFd(fd, wanted);
  const how = { family: KINDS[wanted].family, asked: `Cannot duplicate fd ${fd}`, reasons: {}, code: "ERR_BAD_FD" };
  return explained(how, () => dupFd(fd));
}

/** Asks the kernel about an object. @throws the family's `ERR_INFO`, `ERR_PERMISSION`, `ERR_TOO_MANY_FILES` */
export function ask<T>(kind: Kind, question: () => T): T {
  const { word, family } = KINDS[kind];
  const asked = `Cannot ask about the ${word}`;
  // Up to Linux 6.2 the sysctl kernel.unprivileged_bpf_disabled forbids even that.
  return explained({ family, asked, reasons: {}, code: "ERR_INFO", needs: ["CAP_BPF"] }, question);
}
