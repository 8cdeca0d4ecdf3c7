import type { Codec } from "../codecs/codec.ts";
import type { DefaultValue } from "../codecs/defaults.ts";
import type { MapOptions } from "./bpfMap.ts";
import { type Codecs, checkSize, chosenCodec, KeyedMap } from "./keyedMap.ts";

/** A map whose values go in as they come out. */
export abstract class ValueMap<K = DefaultValue, V = DefaultValue> extends KeyedMap<K, V> {
  protected readonly valueCodec: Codec<V>;

  constructor(options: MapOptions & Codecs<K, V>) {
    super(options);
    this.valueCodec = chosenCodec(options.value, this.valueSize, options.btf, options.valueTypeId);
    checkSize(this.valueCodec, this.valueSize, "value", this.describe());
  }

  protected override readValue(view: DataView): V {
    return this.valueCodec.read(view, 0);
  }

  protected override writeValue(view: DataView, value: V): void {
    this.valueCodec.write(view, 0, value);
  }
}
