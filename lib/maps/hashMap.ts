import { MapType } from "../../syscalls/index.ts";
import type { DefaultValue } from "../codecs/defaults.ts";
import { type CreateMapOptions, createOf } from "./create.ts";
import { mapClasses } from "./registry.ts";
import { ValueMap } from "./valueMap.ts";

/** `BPF_MAP_TYPE_HASH` (Linux 3.19). */
export class HashMap<K = DefaultValue, V = DefaultValue> extends ValueMap<K, V> {
  static override readonly MAP_TYPES: readonly MapType[] = [MapType.Hash];

  /** A new map. @throws MapError */
  static create<K = DefaultValue, V = DefaultValue>(options: CreateMapOptions<K, V>): HashMap<K, V> {
    return createOf(HashMap<K, V>, MapType.Hash, options);
  }

  static {
    mapClasses.add(MapType.Hash, this);
  }
}
