import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  be16,
  be32,
  be64,
  bytes,
  type Codec,
  CodecError,
  i8,
  i16,
  i32,
  i64,
  SkmsgError,
  u8,
  u16,
  u32,
  u64,
} from "skmsg";
import { littleEndian } from "skmsg/syscalls";

interface Integer<T extends number | bigint> {
  readonly name: string;
  readonly codec: Codec<T>;
  readonly size: number;
  readonly min: bigint;
  readonly max: bigint;
  readonly bigEndian: boolean;
}

const row = <T extends number | bigint>(name: string, codec: Codec<T>, bits: number, signed = false): Integer<T> => ({
  name,
  codec,
  size: bits / 8,
  min: signed ? -(1n << BigInt(bits - 1)) : 0n,
  max: (1n << BigInt(signed ? bits - 1 : bits)) - 1n,
  bigEndian: name.startsWith("be"),
});

const NARROW: readonly Integer<number>[] = [
  row("u8", u8, 8),
  row("i8", i8, 8, true),
  row("u16", u16, 16),
  row("i16", i16, 16, true),
  row("u32", u32, 32),
  row("i32", i32, 32, true),
  row("be16", be16, 16),
  row("be32", be32, 32),
];
const WIDE: readonly Integer<bigint>[] = [row("u64", u64, 64), row("i64", i64, 64, true), row("be64", be64, 64)];

/** Bytes before and after that a codec must leave alone. */
const MARGIN = 5;
const FILL = 0xa5;

const room = (size: number): DataView => new DataView(new Uint8Array(size + 2 * MARGIN).fill(FILL).buffer);
const bytesOf = (view: DataView): number[] => [...new Uint8Array(view.buffer)];

/** The value as the machine would lay it out, worked out by hand. */
function laidOut(value: bigint, { size, bigEndian }: Integer<number | bigint>): number[] {
  const out = Array.from({ length: size }, (_, index) =>
    Number((BigInt.asUintN(64, value) >> BigInt(8 * index)) & 0xffn),
  );
  return bigEndian || !littleEndian ? out.reverse() : out;
}

/** Writing is refused with that code, and the bytes stay as they were; gives the message. */
function refuses<T>(codec: Codec<T>, value: unknown, code: string): string {
  const view = room(codec.size);
  try {
    codec.write(view, MARGIN, value as T); // what the type forbids is what is tried
  } catch (error) {
    assert.ok(error instanceof CodecError && error instanceof SkmsgError, String(error));
    assert.equal(error.code, code, error.message);
    assert.ok(bytesOf(view).every((byte) => byte === FILL));
    return error.message;
  }
  return assert.fail(`${String(value)} was written`);
}

function roundTrip<T extends number | bigint>(integer: Integer<T>, value: T): void {
  const { codec, size } = integer;
  const view = room(size);
  codec.write(view, MARGIN, value);
  assert.equal(codec.read(view, MARGIN), value);
  const written = bytesOf(view);
  assert.deepEqual(written.slice(MARGIN, MARGIN + size), laidOut(BigInt(value), integer));
  for (const at of [...Array(MARGIN).keys()])
    assert.deepEqual([written[at], written[MARGIN + size + at]], [FILL, FILL]);
}

describe("integer codecs", () => {
  for (const integer of [...NARROW, ...WIDE])
    it(`${integer.name} has ${integer.size} bytes`, () => {
      assert.equal(integer.codec.size, integer.size);
    });

  for (const integer of NARROW) {
    const [min, max] = [Number(integer.min), Number(integer.max)];
    it(`${integer.name}: any value comes back, in the bytes that it should have`, () => {
      for (const value of [min, max, 0, 1, max - 1, min + 1]) roundTrip(integer, value);
      fc.assert(fc.property(fc.integer({ min, max }), (value) => roundTrip(integer, value)));
    });

    it(`${integer.name}: what is out of range is refused, and nothing written`, () => {
      const { codec } = integer;
      for (const value of [min - 1, max + 1, 2 ** 32, -(2 ** 40), Number.MAX_VALUE, 1.5, 0.1, Number.NaN])
        refuses(codec, value, "ERR_OUT_OF_RANGE");
      for (const value of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1n])
        refuses(codec, value, "ERR_OUT_OF_RANGE");
      fc.assert(
        fc.property(fc.oneof(fc.double(), fc.maxSafeInteger()), (value) => {
          fc.pre(!(Number.isInteger(value) && value >= min && value <= max));
          refuses(codec, value, "ERR_OUT_OF_RANGE");
        }),
      );
    });
  }

  for (const integer of WIDE) {
    const { min, max } = integer;
    it(`${integer.name}: any value comes back, in the bytes that it should have`, () => {
      for (const value of [min, max, 0n, 1n, max - 1n, min + 1n]) roundTrip(integer, value);
      fc.assert(fc.property(fc.bigInt({ min, max }), (value) => roundTrip(integer, value)));
    });

    it(`${integer.name}: a safe integer is taken too, and comes back as a bigint`, () => {
      fc.assert(
        fc.property(fc.maxSafeInteger(), (value) => {
          fc.pre(BigInt(value) >= min);
          const view = room(8);
          integer.codec.write(view, MARGIN, value as unknown as bigint); // documented, and not in the type
          assert.equal(integer.codec.read(view, MARGIN), BigInt(value));
        }),
      );
    });

    it(`${integer.name}: what is out of range is refused, and nothing written`, () => {
      const { codec } = integer;
      for (const value of [min - 1n, max + 1n, 2n ** 80n, -(2n ** 80n)]) refuses(codec, value, "ERR_OUT_OF_RANGE");
      for (const value of [2 ** 53, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
        refuses(codec, value, "ERR_OUT_OF_RANGE");
      fc.assert(
        fc.property(fc.bigInt(), (value) => {
          fc.pre(value < min || value > max);
          refuses(codec, value, "ERR_OUT_OF_RANGE");
        }),
      );
    });
  }

  it("what is no number is refused by its type, and named", () => {
    const values = ["1", undefined, null, {}, [], true, new Uint8Array(4), () => 1, Symbol("s"), new Date()];
    // One of number or bigint: what matters is that it checks by itself.
    for (const { codec, name } of [...NARROW, ...WIDE])
      for (const value of values)
        assert.ok(refuses(codec as Codec<unknown>, value, "ERR_INVALID_TYPE").startsWith(`${name} wants a `));
  });

  it("a message says the value and the range", () => {
    assert.throws(() => u8.write(room(1), 0, 300), { message: "300 is no u8: whole numbers from 0 to 255." });
    assert.throws(() => i64.write(room(8), 0, 2n ** 63n), {
      message: /^9223372036854775808n is no i64: .*-9223372036854775808 to 9223372036854775807/,
    });
  });
});

describe("bytes(n)", () => {
  it("any bytes come back, as a copy", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (value) => {
        const codec = bytes(value.length);
        const view = room(value.length);
        codec.write(view, MARGIN, value);
        const read = codec.read(view, MARGIN);
        assert.deepEqual(read, value);
        new Uint8Array(view.buffer).fill(0);
        assert.deepEqual(read, value, "a copy");
      }),
    );
  });

  it("another length and other types are refused, and nothing written", () => {
    const codec = bytes(4);
    refuses(codec, new Uint8Array(3), "ERR_INVALID_SIZE");
    refuses(codec, new Uint8Array(5), "ERR_INVALID_SIZE");
    for (const value of [[1, 2, 3, 4], "abcd", 1, null, new ArrayBuffer(4)]) refuses(codec, value, "ERR_INVALID_TYPE");
    codec.write(room(4), MARGIN, Buffer.from("abcd"));
  });

  it("a size that is none is refused", () => {
    for (const size of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => bytes(size), { name: "CodecError", code: "ERR_OUT_OF_RANGE" });
    assert.equal(bytes(0).size, 0);
  });
});
