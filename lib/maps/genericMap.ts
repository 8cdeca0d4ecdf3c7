import type { MapType } from "../../syscalls/index.ts";
import type { DefaultValue } from "../codecs/defaults.ts";
import { type CreateMapOptions, createOf } from "./create.ts";
import { mapClasses } from "./registry.ts";
import { ValueMap } from "./valueMap.ts";

/** A map of a type that has no class of its own here: elements by the plain commands, as far as the kernel knows them for it. */
export class GenericMap<K = DefaultValue, V = DefaultValue> extends ValueMap<K, V> {
  /** A new map of any type. @throws MapError */
  static create<K = DefaultValue, V = DefaultValue>(type: MapType, options: CreateMapOptions<K, V>): GenericMap<K, V> {
    return createOf(GenericMap<K, V>, type, options);
  }

  static {
    mapClasses.addFallback(this);
  }
}
