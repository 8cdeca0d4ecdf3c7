import { E2BIG, MapType } from "../../syscalls/index.ts";
import { u32 } from "../codecs/integers.ts";
import type { Reasons } from "../errors/refusal.ts";
import { type CreateMapOptions, createOf } from "./create.ts";
import { mapClasses } from "./registry.ts";
import { SocketsMap } from "./sockets.ts";

/**
 * `BPF_MAP_TYPE_SOCKMAP` (Linux 4.14): sockets by index, 0 to maxEntries - 1. Lookup and so `get`, `has` and `entries`
 * need values of 8 bytes; `keys` then gives the filled slots, and with values of 4 bytes every index.
 */
export class SockMap extends SocketsMap<number> {
  static override readonly MAP_TYPES: readonly MapType[] = [MapType.SockMap];

  /** A new map; values have 8 bytes, so that cookies can be read. @throws MapError */
  static create(
    options: Pick<CreateMapOptions<number, bigint>, "name" | "maxEntries" | "flags" | "numaNode" | "valueSize">,
  ): SockMap {
    return createOf(SockMap, MapType.SockMap, { valueSize: 8, ...options, key: u32 });
  }

  override *keys(): Generator<number, void, undefined> {
    if (this.valueSize === 8) for (const [index] of this.entries()) yield index;
    // The kernel's own walk gives every index, filled or not.
    else yield* super.keys();
  }

  protected override reasons(): Reasons {
    return {
      ...super.reasons(),
      [E2BIG]: { code: "ERR_INDEX_OUT_OF_BOUNDS", why: `The indexes are 0 to ${this.maxEntries - 1}.` },
    };
  }

  static {
    mapClasses.add(MapType.SockMap, this);
  }
}
