import koffi from "koffi";

const libc = koffi.load(null);
const socketCall = libc.func("int socket(int, int, int)");
const getsockoptCall = libc.func("int getsockopt(int, int, int, _Out_ uint64_t *, _Inout_ uint32_t *)");

/** `AF_INET`, `SOCK_STREAM`, `SOL_SOCKET`, `SO_COOKIE` of asm-generic/socket.h. */
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_COOKIE = 57;

/** The fd of a TCP socket in the state in which socket(2) makes it, for the caller to close: Node makes none before it connects. */
export function unconnectedTcp(): number {
  const fd: unknown = socketCall(AF_INET, SOCK_STREAM, 0);
  if (typeof fd !== "number" || fd < 0) throw new Error("socket(2) failed");
  return fd;
}

/** The kernel's cookie of a socket, by getsockopt(2) with SO_COOKIE. */
export function cookieOf(fd: number): bigint {
  const cookie = [0n];
  if (getsockoptCall(fd, SOL_SOCKET, SO_COOKIE, cookie, [8]) !== 0) throw new Error("getsockopt(2) failed");
  return BigInt(cookie[0] ?? 0);
}
