import { existsSync, lstatSync, rmSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import {
  EACCES,
  EEXIST,
  EINVAL,
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

const PIN_REASONS: Reasons = {
  [EEXIST]: { code: "ERR_PIN_EXISTS", why: "Something has that name already; unpin it or choose another path." },
  [ENOENT]: {
    code: "ERR_PIN_NO_FOLDER",
    why: "The folder is not there; make it with mkdir inside the BPF file system.",
  },
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
  if (!existsSync(folder))
    throw new PinError(
      "ERR_PIN_NO_FOLDER",
      `${asked}: the folder ${folder} does not exist. Make it with mkdir, inside a BPF file system.`,
    );
  if (!statSync(folder).isDirectory()) throw new PinError("ERR_PIN_NO_FOLDER", `${asked}: ${folder} is no folder.`);
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
  explained({ family: PinError, asked, reasons: PIN_REASONS, code: "ERR_PIN" }, () => objPin(fd, path));
}

/**
 * Opens what is pinned at a path.
 * @throws PinError `ERR_NO_SUCH_PIN`, `ERR_NOT_BPFFS`, `ERR_PERMISSION`
 */
export function openPin(path: string): { fd: OwnedFd; kind: ObjectKind } {
  const asked = `Cannot open the pin ${JSON.stringify(checkPath(path))}`;
  if (!existsSync(path)) throw new PinError("ERR_NO_SUCH_PIN", `${asked}: nothing is there. listPins() tells what is.`);
  if (!isBpffs(path)) throw new PinError("ERR_NOT_BPFFS", `${asked}: it is not on a BPF file system, so it is no pin.`);
  if (statSync(path).isDirectory())
    throw new PinError("ERR_NO_SUCH_PIN", `${asked}: it is a folder. listPins() tells what is pinned in it.`);
  const fd = explained({ family: PinError, asked, reasons: GET_REASONS, code: "ERR_PIN" }, () => objGet(path));
  return orClose([fd], () => ({ fd, kind: objectKind(fd.fd) }));
}

/**
 * Removes a pin if it still is the object that `isOurs` knows; by now the path may be gone, or somebody else's.
 * @throws PinError `ERR_PERMISSION`
 */
export function removePin(path: string, isOurs: (fd: number) => boolean): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  const { fd } = openPin(path);
  try {
    if (!isOurs(fd.fd)) return;
  } finally {
    fd.close();
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

/** The paths that an object pinned itself at, or was opened from. */
export class Pins {
  readonly #paths = new Set<string>();

  get paths(): ReadonlySet<string> {
    return this.#paths;
  }

  /** Remembers a path that was opened. */
  add(path: string): void {
    this.#paths.add(path);
  }

  pin(fd: number, path: string, what: string): void {
    pinObject(fd, path, what);
    // Only now: after a refusal the file there is somebody else's.
    this.#paths.add(path);
  }

  unpin(isOurs: (fd: number) => boolean): void {
    for (const path of this.#paths) {
      removePin(path, isOurs);
      this.#paths.delete(path);
    }
  }
}
