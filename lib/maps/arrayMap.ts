import { E2BIG, EEXIST, EINVAL, MapType } from "../../syscalls/index.ts";
import type { DefaultValue } from "../codecs/defaults.ts";
import { u32 } from "../codecs/integers.ts";
import type { Reasons } from "../errors/refusal.ts";
import { type CreateMapOptions, createOf } from "./create.ts";
import { mapClasses } from "./registry.ts";
import { ValueMap } from "./valueMap.ts";

/** `BPF_MAP_TYPE_ARRAY` (Linux 3.19): every index from 0 to maxEntries - 1 is there always, zero at first, and cannot be deleted. */
export class ArrayMap<V = DefaultValue> extends ValueMap<number, V> {
  static override readonly MAP_TYPES: readonly MapType[] = [MapType.Array];

  /** A new map; keys are u32. @throws MapError */
  static create<V = DefaultValue>(options: Omit<CreateMapOptions<number, V>, "key" | "keySize">): ArrayMap<V> {
    return createOf(ArrayMap<V>, MapType.Array, { ...options, key: u32 });
  }

  protected override reasons(): Reasons {
    return {
      ...super.reasons(),
      [EINVAL]: {
        code: "ERR_NOT_SUPPORTED",
        why: "An array's elements are always there and cannot be deleted; set them to zero.",
      },
      [E2BIG]: { code: "ERR_INDEX_OUT_OF_BOUNDS", why: `The indexes are 0 to ${this.maxEntries - 1}.` },
      [EEXIST]: {
        code: "ERR_KEY_EXISTS",
        why: "Every index of an array is there already, so that BPF_NOEXIST always fails.",
      },
    };
  }

  static {
    mapClasses.add(MapType.Array, this);
  }
}
