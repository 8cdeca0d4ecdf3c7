import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ArrayMap,
  be16,
  be32,
  be64,
  bytes,
  type Codec,
  CodecError,
  Ebpf,
  HashMap,
  i8,
  i16,
  i32,
  i64,
  MapError,
  u8,
  u16,
  u32,
  u64,
} from "skmsg";
import { skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { fixture } from "../support/fixtures.ts";
import { leavesNothing } from "../support/leaks.ts";

const skip = skipWithoutRoot;

/** Every integer codec, with the type that JavaScript has for it and what it holds. */
const INTEGERS: readonly (readonly [string, Codec<number> | Codec<bigint>, "number" | "bigint", bigint, bigint])[] = [
  ["u8", u8, "number", 0n, 0xffn],
  ["i8", i8, "number", -0x80n, 0x7fn],
  ["u16", u16, "number", 0n, 0xffffn],
  ["be16", be16, "number", 0n, 0xffffn],
  ["i16", i16, "number", -0x8000n, 0x7fffn],
  ["u32", u32, "number", 0n, 0xffff_ffffn],
  ["be32", be32, "number", 0n, 0xffff_ffffn],
  ["i32", i32, "number", -0x8000_0000n, 0x7fff_ffffn],
  ["u64", u64, "bigint", 0n, 2n ** 64n - 1n],
  ["be64", be64, "bigint", 0n, 2n ** 64n - 1n],
  ["i64", i64, "bigint", -(2n ** 63n), 2n ** 63n - 1n],
];

/** What is no integer at all. */
const NO_NUMBERS: readonly (readonly [unknown, RegExp])[] = [
  ["5", /and got "5"/],
  ["", /and got ""/],
  ["x".repeat(100), /and got "x{40}…"/],
  [null, /and got null/],
  [undefined, /and got undefined/],
  [true, /and got true/],
  [{}, /and got an object \(Object\)/],
  [Object.create(null), /and got an object \(no prototype\)/],
  [[1], /and got an object \(Array\)/],
  [new Uint8Array(1), /and got 1 bytes/],
  [new Date(0), /and got an object \(Date\)/],
  [() => 1, /and got a function/],
  [Symbol("s"), /and got Symbol\(s\)/],
];

const PATTERN = 0xa5;

/** The codec refuses, and has written nothing. */
function refuses(name: string, codec: Codec<unknown>, value: unknown, code: string, message: RegExp): void {
  const view = new DataView(new ArrayBuffer(codec.size + 2));
  new Uint8Array(view.buffer).fill(PATTERN);
  const error = throwsCode(() => Reflect.apply(codec.write, codec, [view, 1, value]), code, message);
  assert.ok(error instanceof CodecError);
  assert.ok(
    new Uint8Array(view.buffer).every((byte) => byte === PATTERN),
    `${name} wrote before it refused`,
  );
}

for (const [name, codec, type, min, max] of INTEGERS)
  test(`${name} takes nothing but its own`, () => {
    const range = new RegExp(` is no ${name}: whole numbers from ${min} to ${max}\\.$`);
    const outside: unknown[] = [min - 1n, max + 1n, 2n ** 64n, -(2n ** 64n)];
    if (type === "number") outside.push(...outside.map(Number), 0n, 5n);
    for (const value of [...outside, Number.NaN, 1.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 70])
      refuses(name, codec, value, "ERR_OUT_OF_RANGE", range);
    for (const [value, got] of NO_NUMBERS) {
      refuses(name, codec, value, "ERR_INVALID_TYPE", new RegExp(`^${name} wants a ${type}, `));
      refuses(name, codec, value, "ERR_INVALID_TYPE", got);
    }
    const view = new DataView(new ArrayBuffer(codec.size));
    for (const value of [min, max]) {
      Reflect.apply(codec.write, codec, [view, 0, type === "number" ? Number(value) : value]);
      assert.equal(BigInt(codec.read(view, 0)), value);
    }
  });

test("a 64-bit codec takes safe integers, and no others", () => {
  for (const [name, codec] of [
    ["u64", u64],
    ["i64", i64],
    ["be64", be64],
  ] as const) {
    const view = new DataView(new ArrayBuffer(8));
    Reflect.apply(codec.write, codec, [view, 0, 5]);
    assert.equal(codec.read(view, 0), 5n);
    for (const value of [Number.MAX_SAFE_INTEGER + 1, 2 ** 60])
      refuses(name, codec, value, "ERR_OUT_OF_RANGE", /is no [a-z]+64/);
  }
});

test("the values of the issue", () => {
  refuses("u8", u8, 300, "ERR_OUT_OF_RANGE", /^300 is no u8: whole numbers from 0 to 255\.$/);
  refuses("u8", u8, -1, "ERR_OUT_OF_RANGE", /^-1 is no u8/);
  refuses("u32", u32, 2 ** 32, "ERR_OUT_OF_RANGE", /^4294967296 is no u32/);
  refuses("u32", u32, 5n, "ERR_OUT_OF_RANGE", /^5n is no u32/);
  refuses("u32", u32, Number.NaN, "ERR_OUT_OF_RANGE", /^NaN is no u32/);
  refuses("u32", u32, 1.5, "ERR_OUT_OF_RANGE", /^1\.5 is no u32/);
});

test("bytes(n) takes exactly n bytes", () => {
  for (const size of [-1, 1.5, Number.NaN, "4", null, undefined, 4n])
    throwsCode(() => Reflect.apply(bytes, undefined, [size]), "ERR_OUT_OF_RANGE", /^bytes\(.*\): the size must be/);
  const four = bytes(4);
  for (const length of [0, 3, 5, 400])
    refuses(
      "bytes(4)",
      four,
      new Uint8Array(length),
      "ERR_INVALID_SIZE",
      new RegExp(`wants 4 bytes, and got ${length}`),
    );
  for (const value of [4, "abcd", null, undefined, [1, 2, 3, 4], {}, new ArrayBuffer(4), new Uint16Array(2), 4n])
    refuses("bytes(4)", four, value, "ERR_INVALID_TYPE", /^bytes\(4\) wants a Uint8Array, and got /);
  const view = new DataView(new ArrayBuffer(4));
  four.write(view, 0, Buffer.from("abcd"));
  assert.deepEqual(four.read(view, 0), new Uint8Array([97, 98, 99, 100]));
});

test("a value that does not fit leaves the map's element as it was", { skip }, () =>
  leavesNothing(() => {
    using bpf = Ebpf.load(fixture("hash-array"));
    const table: readonly (readonly [string, unknown, unknown, string])[] = [
      ["HASH_U8", 7, 300, "ERR_OUT_OF_RANGE"],
      ["HASH_U16", 7, -1, "ERR_OUT_OF_RANGE"],
      ["HASH_U32", 7, 2 ** 32, "ERR_OUT_OF_RANGE"],
      ["HASH_U64", 7n, -1n, "ERR_OUT_OF_RANGE"],
      ["HASH_I32", -7, 2 ** 31, "ERR_OUT_OF_RANGE"],
      ["HASH_I64", -7n, 2n ** 63n, "ERR_OUT_OF_RANGE"],
      ["HASH_U8", 7, "7", "ERR_INVALID_TYPE"],
      ["HASH_U64", 7n, 1.5, "ERR_OUT_OF_RANGE"],
      ["HASH_RECORD", new Uint8Array(16).fill(7), new Uint8Array(15), "ERR_INVALID_SIZE"],
      ["HASH_RECORD", new Uint8Array(16).fill(7), 7, "ERR_INVALID_TYPE"],
    ];
    for (const [name, good, bad, code] of table) {
      const map = bpf.map(name, HashMap<unknown, unknown>);
      map.set(good, good);
      for (const [what, use] of [
        ["value", () => map.set(good, bad)],
        ["value", () => map.insert(good, bad)],
        ["key", () => map.set(bad, good)],
        ["key", () => map.get(bad)],
        ["key", () => map.has(bad)],
        ["key", () => map.delete(bad)],
      ] as const) {
        const error = throwsCode(use, code, new RegExp(`^The ${what} does not fit the Hash map "${name}": `));
        assert.ok(error instanceof MapError && error.cause instanceof CodecError);
      }
      assert.deepEqual([...map], [[good, good]], name);
    }
  }),
);

test("an index that an array does not have", { skip }, () =>
  leavesNothing(() => {
    using map = ArrayMap.create<number>({ maxEntries: 3 });
    throwsCode(() => map.set(3, 1), "ERR_INDEX_OUT_OF_BOUNDS", /E2BIG.*The indexes are 0 to 2\./);
    assert.equal(map.get(3), undefined);
    for (const bad of [-1, 1.5, 2 ** 32]) throwsCode(() => map.set(bad, 1), "ERR_OUT_OF_RANGE");
    throwsCode(() => map.delete(1), "ERR_NOT_SUPPORTED", /cannot be deleted/);
    assert.deepEqual([...map.values()], [0, 0, 0]);
  }),
);

test("a read past the map's size is refused when the map is opened, not when it is read", { skip }, () =>
  leavesNothing(() => {
    using bpf = Ebpf.load(fixture("hash-array"));
    for (const [key, value] of [
      [u64, u32],
      [u32, u64],
      [bytes(3), u32],
      [u32, bytes(5)],
    ] as const)
      throwsCode(
        () => bpf.map("HASH_U32", HashMap<unknown, unknown>, { key, value }),
        "ERR_INVALID_SIZE",
        /A codec of \d bytes does not/,
      );
  }),
);
