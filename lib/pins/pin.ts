import { rmSync, type Stats, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import {
  EACCES,
  EEXIST,
  EINVAL,
  ENAMETOOLONG,
  ENOENT,
  EPERM,
  isBpffs,
  type ObjectKind,
  type OwnedFd,
  objectKind,
  objGet,
  objPin,
} from "../../syscalls/index.ts";
import { PinError } from "../errors/classes.ts";
import { explained, type Reasons } from "../errors/refusal.ts";
import { orClose } from "../handle.ts";
import { expectKind, idOf, type Kind } from "../kinds.ts";

const PIN_REASONS: Reasons = {
  [EEXIST]: { code: "ERR_PIN_EXISTS", why: "Something has that name already; unpin it or choose another path." },
  [ENOENT]: {
    code: "ERR_PIN_NO_FOLDER",
    why: "The folder is not there; make it with mkdir inside the BPF file system.",
  },
  [ENAMETOOLONG]: { code: "ERR_INVALID_PATH", why: "A name has at most 255 bytes." },
  [EINVAL]: { code: "ERR_NOT_SUPPORTED", why: "This kind of object cannot be pinned." },
  [EPERM]: { code: "ERR_PERMISSION", why: "Writing to this folder is not allowed." },
  [EACCES]: { code: "ERR_PERMISSION", why: "Writing to this folder is not allowed." },
};

const GET_REASONS: Reasons = {
  [ENOENT]: { code: "ERR_NO_SUCH_PIN", why: "Nothing is pinned there." },
  [EPERM]: { code: "ERR_PERMISSION", why: "Reading this pin is not allowed; look at its owner and mode." },
  [EACCES]: {
    code: "ERR_PERMISSION",
    why: "Reading this pin is not allowed; look at its owner and mode, and at what kind of file it is.",
  },
};

/** The path as given, checked for what no file system takes. @throws PinError `ERR_INVALID_PATH` */
export function checkPath(path: string): string {
  if (typeof path !== "string")
    throw new PinError("ERR_INVALID_PATH", `A pin's path is a string, and got a ${typeof path}.`);
  if (path === "") throw new PinError("ERR_INVALID_PATH", "A pin's path is empty.");
  if (path.includes("\0"))
    throw new PinError("ERR_INVALID_PATH", "A pin's path holds a NUL character, which no file system takes.");
  return path;
}

/**
 * Gives an object a name in bpffs.
 * @throws PinError `ERR_PIN_NAME` (a dot in it), `ERR_PIN_NO_FOLDER`, `ERR_NOT_BPFFS`, `ERR_PIN_EXISTS`, `ERR_PERMISSION`
 */
export function pinObject(fd: number, path: string, what: string): void {
  const asked = `Cannot pin ${what} at ${JSON.stringify(checkPath(path))}`;
  const folder = dirname(path);
  const there = look(folder, asked);
  if (there === undefined)
    throw new PinError(
      "ERR_PIN_NO_FOLDER",
      `${asked}: the folder ${folder} does not exist. Make it with mkdir, inside a BPF file system.`,
    );
  if (!there.isDirectory()) throw new PinError("ERR_PIN_NO_FOLDER", `${asked}: ${folder} is no folder.`);
  if (!isBpffs(folder))
    throw new PinError(
      "ERR_NOT_BPFFS",
      `${asked}: ${folder} is not on a BPF file system, the only kind that holds pins. Mount one: mount -t bpf bpf /sys/fs/bpf`,
    );
  // The kernel keeps dots for itself and says only EPERM (kernel/bpf/inode.c, bpf_lookup).
  if (basename(path).includes("."))
    throw new PinError(
      "ERR_PIN_NAME",
      `${asked}: the kernel allows no dot in a name of the BPF file system. Use _ instead.`,
    );
  explained({ family: PinError, asked, reasons: PIN_REASONS, code: "ERR_PIN", needs: ["CAP_BPF"] }, () =>
    objPin(fd, path),
  );
}

/**
 * Opens what is pinned at a path.
 * @throws PinError `ERR_NO_SUCH_PIN`, `ERR_NOT_BPFFS`, `ERR_PERMISSION`
 */
export function openPin(path: string): { fd: OwnedFd; kind: ObjectKind } {
  const asked = `Cannot open the pin ${JSON.stringify(checkPath(path))}`;
  const there = look(path, asked);
  if (there === undefined)
    throw new PinError("ERR_NO_SUCH_PIN", `${asked}: nothing is there. listPins() tells what is.`);
  if (!isBpffs(path)) throw new PinError("ERR_NOT_BPFFS", `${asked}: it is not on a BPF file system, so it is no pin.`);
  if (there.isDirectory())
    throw new PinError("ERR_NO_SUCH_PIN", `${asked}: it is a folder. listPins() tells what is pinned in it.`);
  const fd = explained({ family: PinError, asked, reasons: GET_REASONS, code: "ERR_PIN", needs: ["CAP_BPF"] }, () =>
    objGet(path),
  );
  return orClose([fd], () => ({ fd, kind: objectKind(fd.fd) }));
}

/** The same for one kind of object. @throws as `openPin`, and ProgramError, MapError or LinkError where it is another */
export function openPinOf(path: string, wanted: Kind): OwnedFd {
  const { fd, kind } = openPin(path);
  return orClose([fd], () => {
    expectKind(JSON.stringify(path), kind, wanted);
    return fd;
  });
}

/** What is at a path, undefined for nothing. @throws PinError `ERR_PERMISSION`, `ERR_INVALID_PATH` */
export function look(path: string, asked: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (reason === "ENOENT" || reason === "ENOTDIR") return undefined;
    if (reason === "EACCES")
      throw new PinError("ERR_PERMISSION", `${asked}: a folder on the way is closed to this user.`, { cause });
    throw new PinError("ERR_INVALID_PATH", `${asked}: the file system answered ${reason}.`, { cause });
  }
}

/**
 * Removes a pin if it still is of that object; by now the path may be gone, or somebody else's.
 * @throws PinError `ERR_PERMISSION`
 */
export function removePin(path: string, kind: Kind, id: number): void {
  if (look(path, `Cannot unpin ${JSON.stringify(path)}`) === undefined) return;
  const found = openPin(path);
  try {
    // The kinds count their ids each for themselves.
    if (found.kind !== kind || idOf(found.fd.fd, kind) !== id) return;
  } finally {
    found.fd.close();
  }
  try {
    rmSync(path, { force: true });
  } catch (cause) {
    throw new PinError(
      "ERR_PERMISSION",
      `Cannot unpin ${JSON.stringify(path)}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

/** The paths that an object pinned itself at, or was opened from, each with the id of what was pinned there. */
export class Pins {
  readonly #kind: Kind;
  readonly #ids = new Map<string, number>();

  constructor(kind: Kind) {
    this.#kind = kind;
  }

  get size(): number {
    return this.#ids.size;
  }

  /** Remembers a path that was opened. */
  add(path: string, id: number): void {
    this.#ids.set(path, id);
  }

  pin(fd: number, id: number, path: string, what: string): void {
    pinObject(fd, path, what);
    // Only now: after a refusal the file there is somebody else's.
    this.#ids.set(path, id);
  }

  unpin(): void {
    for (const [path, id] of this.#ids) {
      removePin(path, this.#kind, id);
      this.#ids.delete(path);
    }
  }
}
