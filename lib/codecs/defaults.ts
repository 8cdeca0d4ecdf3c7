import type { Btf } from "../../elf/index.ts";
import { bytes } from "./bytes.ts";
import type { Codec } from "./codec.ts";
import { i8, i16, i32, i64, u8, u16, u32, u64 } from "./integers.ts";

/** What a key or value is without a codec of the user's: 1, 2 or 4 bytes a number, 8 a bigint, any other size bytes. */
export type DefaultValue = number | bigint | Uint8Array;

const UNSIGNED: Readonly<Record<number, Codec<number> | Codec<bigint>>> = { 1: u8, 2: u16, 4: u32, 8: u64 };
const SIGNED: Readonly<Record<number, Codec<number> | Codec<bigint>>> = { 1: i8, 2: i16, 4: i32, 8: i64 };

/**
 * The codec for a size; a signed integer type in the BTF makes it signed.
 * A DefaultValue is wider than what each of them writes: they check at run time.
 */
export function defaultCodec(size: number, btf?: Btf, typeId = 0): Codec<DefaultValue> {
  const codec = (isSigned(btf, typeId) ? SIGNED : UNSIGNED)[size] ?? bytes(size);
  // Codec<T> is invariant in T; every one of these checks what it is given to write.
  return codec as Codec<DefaultValue>;
}

function isSigned(btf: Btf | undefined, typeId: number): boolean {
  if (btf === undefined || typeId === 0) return false;
  const type = btf.type(btf.skipModifiers(typeId));
  return type.kind === "int" && type.signed;
}
