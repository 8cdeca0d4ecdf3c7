import { readFileSync } from "node:fs";
import { Errno, SyscallError } from "../syscalls/index.ts";

/** A file of /proc as text: Node's own error would not be one of this package. @throws SyscallError with the errno of opening it */
export function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const name = cause instanceof Error && "code" in cause ? String(cause.code) : "EIO";
    throw new SyscallError("open", Errno[name] ?? 0, { message: `Cannot read ${path}: ${name}`, cause });
  }
}
