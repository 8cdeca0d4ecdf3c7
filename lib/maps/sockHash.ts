import { MapType } from "../../syscalls/index.ts";
import type { DefaultValue } from "../codecs/defaults.ts";
import { type CreateMapOptions, createOf } from "./create.ts";
import { mapClasses } from "./registry.ts";
import { SocketsMap } from "./sockets.ts";

/** `BPF_MAP_TYPE_SOCKHASH` (Linux 4.18): sockets by keys of any kind. Lookup needs values of 8 bytes. */
export class SockHash<K = DefaultValue> extends SocketsMap<K> {
  static override readonly MAP_TYPES: readonly MapType[] = [MapType.SockHash];

  /** A new map; values have 8 bytes, so that cookies can be read. @throws MapError */
  static create<K = DefaultValue>(options: Omit<CreateMapOptions<K, bigint>, "value">): SockHash<K> {
    return createOf(SockHash<K>, MapType.SockHash, { valueSize: 8, ...options });
  }

  static {
    mapClasses.add(MapType.SockHash, this);
  }
}
