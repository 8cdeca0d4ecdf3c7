import { littleEndian } from "../../syscalls/index.ts";
import { type Codec, CodecError, show } from "./codec.ts";

function refuse(name: string, min: number | bigint, max: number | bigint, value: unknown): never {
  if (typeof value !== "number" && typeof value !== "bigint")
    throw new CodecError("ERR_INVALID_TYPE", `${name} wants a ${typeof min}, and got ${show(value)}.`);
  throw new CodecError("ERR_OUT_OF_RANGE", `${show(value)} is no ${name}: whole numbers from ${min} to ${max}.`);
}

type Read = (view: DataView, offset: number) => number;
type Write = (view: DataView, offset: number, value: number) => void;

function integer(name: string, size: number, min: number, max: number, read: Read, write: Write): Codec<number> {
  return {
    size,
    read,
    write(view, offset, value) {
      // Number.isInteger is false for anything that is no number.
      if (!Number.isInteger(value) || value < min || value > max) refuse(name, min, max, value);
      write(view, offset, value);
    },
  };
}

type Read64 = (view: DataView, offset: number) => bigint;
type Write64 = (view: DataView, offset: number, value: bigint) => void;

function integer64(name: string, min: bigint, max: bigint, read: Read64, write: Write64): Codec<bigint> {
  return {
    size: 8,
    read,
    write(view, offset, value: bigint | number) {
      // A safe integer is taken too, since 5 is what people write for 5n.
      const wide = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
      if (typeof wide !== "bigint" || wide < min || wide > max) refuse(name, min, max, value);
      write(view, offset, wide);
    },
  };
}

const le = littleEndian;

export const u8: Codec<number> = integer(
  "u8",
  1,
  0,
  0xff,
  (v, o) => v.getUint8(o),
  (v, o, x) => v.setUint8(o, x),
);
export const i8: Codec<number> = integer(
  "i8",
  1,
  -0x80,
  0x7f,
  (v, o) => v.getInt8(o),
  (v, o, x) => v.setInt8(o, x),
);
export const u16: Codec<number> = integer(
  "u16",
  2,
  0,
  0xffff,
  (v, o) => v.getUint16(o, le),
  (v, o, x) => v.setUint16(o, x, le),
);
export const i16: Codec<number> = integer(
  "i16",
  2,
  -0x8000,
  0x7fff,
  (v, o) => v.getInt16(o, le),
  (v, o, x) => v.setInt16(o, x, le),
);
export const u32: Codec<number> = integer(
  "u32",
  4,
  0,
  0xffff_ffff,
  (v, o) => v.getUint32(o, le),
  (v, o, x) => v.setUint32(o, x, le),
);
export const i32: Codec<number> = integer(
  "i32",
  4,
  -0x8000_0000,
  0x7fff_ffff,
  (v, o) => v.getInt32(o, le),
  (v, o, x) => v.setInt32(o, x, le),
);
/** Read as bigint; written from a bigint or a safe integer. */
export const u64: Codec<bigint> = integer64(
  "u64",
  0n,
  2n ** 64n - 1n,
  (v, o) => v.getBigUint64(o, le),
  (v, o, x) => v.setBigUint64(o, x, le),
);
/** Read as bigint; written from a bigint or a safe integer. */
export const i64: Codec<bigint> = integer64(
  "i64",
  -(2n ** 63n),
  2n ** 63n - 1n,
  (v, o) => v.getBigInt64(o, le),
  (v, o, x) => v.setBigInt64(o, x, le),
);
/** Unsigned, in network byte order, as `sk_msg_md.remote_port` and the addresses are. */
export const be16: Codec<number> = integer(
  "be16",
  2,
  0,
  0xffff,
  (v, o) => v.getUint16(o),
  (v, o, x) => v.setUint16(o, x),
);
export const be32: Codec<number> = integer(
  "be32",
  4,
  0,
  0xffff_ffff,
  (v, o) => v.getUint32(o),
  (v, o, x) => v.setUint32(o, x),
);
export const be64: Codec<bigint> = integer64(
  "be64",
  0n,
  2n ** 64n - 1n,
  (v, o) => v.getBigUint64(o),
  (v, o, x) => v.setBigUint64(o, x),
);
