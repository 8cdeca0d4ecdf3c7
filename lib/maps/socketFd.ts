import type { Socket as DgramSocket } from "node:dgram";
import type { Server, Socket } from "node:net";
import { show } from "../codecs/codec.ts";
import { MapError } from "../errors/classes.ts";

/** What can be put into a SockMap or SockHash: a connected TCP socket, a listening server, a bound UDP socket, or a file descriptor. */
export type SocketValue = Socket | Server | DgramSocket | { readonly fd: number } | number;

/**
 * The file descriptor of a socket. It stays the socket's.
 * @throws MapError `ERR_NOT_A_SOCKET`, `ERR_SOCKET_NOT_CONNECTED`, `ERR_SOCKET_CLOSED`, `ERR_INVALID_TYPE`
 */
export function socketFd(value: SocketValue): number {
  if (typeof value === "number") return checkFd(value);
  if (typeof value !== "object" || value === null)
    throw new MapError(
      "ERR_INVALID_TYPE",
      `A socket is wanted (net.Socket, net.Server, dgram.Socket, { fd } or a file descriptor), and got ${show(value)}.`,
    );
  if (isStream(value)) checkState(value);
  const fd = "fd" in value ? value.fd : handleFd(value);
  if (typeof fd === "number" && fd >= 0) return checkFd(fd);
  if (isServer(value) || isDgram(value))
    throw new MapError(
      "ERR_SOCKET_NOT_CONNECTED",
      'This socket is not bound: wait for its "listening" event, and insert it then.',
    );
  if (isStream(value))
    throw new MapError(
      "ERR_SOCKET_CLOSED",
      "This socket has no file descriptor: it is closed, or was made without one.",
    );
  throw new MapError(
    "ERR_NOT_A_SOCKET",
    `${show(value)} has no file descriptor, so it is no socket that a map can hold.`,
  );
}

function checkState(socket: Socket): void {
  if (socket.destroyed)
    throw new MapError("ERR_SOCKET_CLOSED", "This socket is closed, and a map holds only live ones.");
  if (socket.connecting || socket.pending)
    throw new MapError(
      "ERR_SOCKET_NOT_CONNECTED",
      'This socket is not connected yet: wait for its "connect" event, and insert it then.',
    );
}

function checkFd(fd: number): number {
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fff_ffff)
    throw new MapError("ERR_INVALID_TYPE", `${show(fd)} is no file descriptor.`);
  return fd;
}

/** Told apart by what they have: asking for their classes would load node:net, which takes 5 ms, at every start. */
function isStream(value: object): value is Socket {
  return "connecting" in value;
}

function isServer(value: object): value is Server {
  return "listening" in value;
}

function isDgram(value: object): boolean {
  return value.constructor?.name === "Socket" && "bind" in value;
}

/**
 * Node gives the fd of a socket only on its handle: `_handle`, under which a TLS socket has its TCP
 * socket's as well; of a dgram socket the handle hangs on a symbol.
 */
function handleFd(socket: object): unknown {
  const handle = "_handle" in socket ? socket._handle : dgramHandle(socket);
  return typeof handle === "object" && handle !== null && "fd" in handle ? handle.fd : undefined;
}

function dgramHandle(socket: object): unknown {
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    if (symbol.description !== "state symbol") continue;
    const state: unknown = Reflect.get(socket, symbol);
    if (typeof state === "object" && state !== null && "handle" in state) return state.handle;
  }
  return undefined;
}
