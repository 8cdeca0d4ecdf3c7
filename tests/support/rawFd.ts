import { writeSync } from "node:fs";
import type { Socket } from "node:net";

/** The fd of a socket, which Node gives only on its handle. */
export function rawFd(socket: Socket): number {
  const handle = "_handle" in socket ? socket._handle : undefined;
  if (typeof handle === "object" && handle !== null && "fd" in handle && typeof handle.fd === "number")
    return handle.fd;
  throw new Error("this socket has no fd");
}

/** write(2) past Node, which gives up on a socket at its first error: the bytes written, or the errno's name. */
export function rawWrite(socket: Socket, data: string | Uint8Array): number | string {
  try {
    return typeof data === "string" ? writeSync(rawFd(socket), data) : writeSync(rawFd(socket), data);
  } catch (error) {
    if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
    throw error;
  }
}
