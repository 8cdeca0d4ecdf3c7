import {
  BPF_ANY,
  EBADF,
  EBUSY,
  EEXIST,
  EINVAL,
  ENOSPC,
  EOPNOTSUPP,
  Errno,
  littleEndian,
  type MapElements,
} from "../../syscalls/index.ts";
import type { DefaultValue } from "../codecs/defaults.ts";
import { MapError } from "../errors/classes.ts";
import type { Reasons } from "../errors/refusal.ts";
import type { MapOptions } from "./bpfMap.ts";
import { type Codecs, KeyedMap } from "./keyedMap.ts";
import { type SocketValue, socketFd } from "./socketFd.ts";

/**
 * What SockMap and SockHash have in common: sockets go in, and come out as cookies (bigint), since that is what the
 * kernel gives; for that the map's values must have 8 bytes. An entry leaves by itself when its socket closes.
 * A program is bound to a socket when the socket is inserted: attach first, then insert.
 */
export abstract class SocketsMap<K = DefaultValue> extends KeyedMap<K, bigint, SocketValue> {
  constructor(options: MapOptions & Codecs<K, bigint>) {
    super(options);
    if (this.valueSize !== 4 && this.valueSize !== 8)
      throw new MapError(
        "ERR_INVALID_SIZE",
        `${this.describe()} has values of ${this.valueSize} bytes, and those of sockets have 4 or 8.`,
      );
  }

  /**
   * Puts a socket under a key; the fd stays the socket's.
   * @param flags `BPF_ANY` (default), `BPF_NOEXIST`, `BPF_EXIST`
   * @throws MapError `ERR_SOCKET_NOT_CONNECTED`, `ERR_SOCKET_CLOSED`, `ERR_NOT_A_SOCKET`, `ERR_SOCKET_BUSY`, `ERR_KEY_EXISTS`,
   * `ERR_NO_SUCH_KEY`, `ERR_INDEX_OUT_OF_BOUNDS` or `ERR_MAP_FULL`, `ERR_CLOSED`
   */
  override set(key: K, socket: SocketValue, flags: number = BPF_ANY): this {
    return super.set(key, socket, flags);
  }

  protected override readValue(view: DataView): bigint {
    return view.getBigUint64(0, littleEndian);
  }

  protected override writeValue(view: DataView, socket: SocketValue): void {
    const fd = socketFd(socket);
    // A number of 31 bits, whose upper half is zero where there is one; by halves, as a bigint costs 200 ns.
    const low = littleEndian || this.valueSize === 4 ? 0 : 4;
    if (this.valueSize === 8) view.setUint32(4 - low, 0);
    view.setUint32(low, fd, littleEndian);
  }

  protected override deleteWritten(elements: MapElements): boolean {
    const result = elements.delete();
    // A SockMap says EINVAL of an empty slot (net/core/sock_map.c, __sock_map_delete).
    if (result === -EINVAL) return false;
    if (result === 0) return true;
    if (result === -(Errno.ENOENT ?? 2)) return false;
    throw this.failure("delete from", "BPF_MAP_DELETE_ELEM", result);
  }

  protected override reasons(): Reasons {
    return {
      ...super.reasons(),
      [EOPNOTSUPP]: {
        code: "ERR_SOCKET_NOT_CONNECTED",
        why: 'The kernel takes TCP sockets that are connected or listening, bound UDP sockets, and unix and vsock ones; this one is in another state or of another protocol (MPTCP is none of them). Insert it after its "connect" event.',
      },
      [Errno.ENOTSOCK ?? 88]: { code: "ERR_NOT_A_SOCKET", why: "The file descriptor is open, and not a socket." },
      [EBADF]: { code: "ERR_SOCKET_CLOSED", why: "The file descriptor is not open." },
      // sock_map_link of net/core/sock_map.c; a taken slot is EEXIST.
      [EBUSY]: {
        code: "ERR_SOCKET_BUSY",
        why: "The socket carries a program of this kind already, by this map or another one: delete it there first. A map that was closed lets go of its sockets a moment later.",
      },
      [EEXIST]: { code: "ERR_KEY_EXISTS", why: "The key is there already, and BPF_NOEXIST asks for one that is not." },
      [ENOSPC]: {
        code: "ERR_NOT_SUPPORTED",
        why: "The kernel answers a lookup with the socket's cookie of 8 bytes, and this map's values have 4: declare them as __u64.",
      },
      [EINVAL]: {
        code: "ERR_NOT_SUPPORTED",
        why: "The kernel does not take these flags, or the socket cannot carry the programs that are attached to this map.",
      },
    };
  }
}
