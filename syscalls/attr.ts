import type { Field, Layout } from "./layouts.ts";
import { Memory } from "./memory.ts";
import { littleEndian } from "./platform.ts";

/** Values for a command's fields: undefined is not written; 8 bytes also take a Memory (its address), 16 a name. */
export type AttrValues<L extends Layout> = { readonly [K in keyof L]?: AttrValue<L[K]> | undefined };
type AttrValue<F extends Field> = F[1] extends 16 ? string : F[1] extends 8 ? number | bigint | Memory : number;

/** `union bpf_attr` is 168 bytes in Linux 6.18; nothing of ours goes beyond. */
export const ATTR_SIZE = 168;

/**
 * Writes the given fields and returns the smallest size that holds them: a kernel that does not know
 * the fields behind accepts it (kernel/bpf/syscall.c, bpf_check_uarg_tail_zero).
 */
export function writeAttr<L extends Layout>(attr: Memory, layout: L, values: AttrValues<L>): number {
  attr.bytes.fill(0);
  let size = 0;
  for (const name in layout) {
    const field = layout[name];
    const value = values[name];
    if (field === undefined || value === undefined) continue;
    writeField(attr, field, value);
    size = Math.max(size, field[0] + field[1]);
  }
  return size;
}

function writeField(attr: Memory, [offset, width]: Field, value: number | bigint | string | Memory): void {
  if (typeof value === "string") {
    // The caller has cut it to 15 bytes of ASCII; the rest stays NUL.
    new TextEncoder().encodeInto(value, attr.bytes.subarray(offset, offset + width - 1));
  } else if (value instanceof Memory) {
    attr.view.setBigUint64(offset, BigInt(value.address), littleEndian);
  } else if (width === 8) {
    attr.view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), littleEndian);
  } else {
    attr.view.setUint32(offset, Number(value), littleEndian);
  }
}

/** A struct that the kernel filled in, read by field name. A field beyond what this kernel knows reads as undefined. */
export class KernelStruct<L extends Layout> {
  readonly #layout: L;
  readonly #memory: Memory;
  /** Bytes that the kernel filled in. */
  readonly length: number;

  constructor(layout: L, memory: Memory, length: number) {
    this.#layout = layout;
    this.#memory = memory;
    this.length = length;
  }

  /** The same bytes through another layout: an arm of a union. */
  as<M extends Layout>(layout: M): KernelStruct<M> {
    return new KernelStruct(layout, this.#memory, this.length);
  }

  /** @param missing what a field that this kernel does not know reads as. */
  u32(name: keyof L): number | undefined;
  u32(name: keyof L, missing: number): number;
  u32(name: keyof L, missing?: number): number | undefined {
    const place = this.#place(name);
    return place === undefined ? missing : this.#memory.view.getUint32(place[0], littleEndian);
  }

  /** @param missing what a field that this kernel does not know reads as. */
  u64(name: keyof L): bigint | undefined;
  u64(name: keyof L, missing: bigint): bigint;
  u64(name: keyof L, missing?: bigint): bigint | undefined {
    const place = this.#place(name);
    return place === undefined ? missing : this.#memory.view.getBigUint64(place[0], littleEndian);
  }

  /** The field's bytes in memory order, copied; none where this kernel does not know it. */
  bytes(name: keyof L): Uint8Array {
    const [offset, width] = this.#place(name) ?? [0, 0];
    return this.#memory.bytes.slice(offset, offset + width);
  }

  /** A NUL-padded name; empty where this kernel does not know the field. */
  text(name: keyof L): string {
    return textUntilNul(this.bytes(name));
  }

  /** Undefined where this kernel does not know the field. */
  #place(name: keyof L): Field | undefined {
    const place = this.#layout[name];
    return place !== undefined && place[0] + place[1] <= this.length ? place : undefined;
  }
}

/** Text up to the first NUL; bytes that are no UTF-8 come out as U+FFFD. */
export function textUntilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
