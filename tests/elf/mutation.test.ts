import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Btf, BtfError, ElfError, ElfObject, RelocationError } from "../../elf/index.ts";
import { stopwatch } from "../support/stopwatch.ts";
import { fixture } from "./helpers.ts";

const MAX_MS = 1000;
const MAX_BYTES = 256 * 2 ** 20;
const OBJECTS = readdirSync(new URL("../fixtures/clang-19", import.meta.url)).filter((name) => name.endsWith(".o"));
const SEEDS = [...OBJECTS.map((name) => fixture(`clang-19/${name}`)), fixture("bad/big-endian.o")];

/** Parses; whatever comes out, it must come quickly, in bounded memory, and be a result or a documented error. */
function survive(bytes: Uint8Array, parse: (bytes: Uint8Array) => unknown = ElfObject.parse): void {
  const elapsed = stopwatch();
  try {
    parse(bytes);
  } catch (error) {
    if (error instanceof ElfError || error instanceof BtfError || error instanceof RelocationError) {
      assert.match(
        error.code,
        /^ERR_(NOT_ELF|ELF_(CLASS|MACHINE|TYPE|MALFORMED|UNSUPPORTED)|BTF_MALFORMED|NO_BTF|RELOCATION)$/,
      );
      assert.ok(error.message.length > 20);
    } else {
      throw new Error("an undocumented error", { cause: error });
    }
  }
  const took = elapsed();
  assert.ok(took < MAX_MS, `took ${took.toFixed(0)} ms`);
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  assert.ok(arrayBuffers + heapUsed < 2 * MAX_BYTES, `${arrayBuffers + heapUsed} bytes in use`);
}

/** Numbers that counts, sizes and offsets go wrong with. */
const hostile = fc.constantFrom(0, 1, 0x7f, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff);
const place = fc.nat(0xffffff);
const seed = fc.nat(SEEDS.length - 1);

type Mutation = (bytes: Uint8Array) => Uint8Array;
const within = (bytes: Uint8Array, at: number, room: number): number => at % Math.max(1, bytes.length - room);
const setWord: (bytes: Uint8Array, at: number, value: number) => Uint8Array = (bytes, at, value) => {
  if (bytes.length >= 4) new DataView(bytes.buffer, bytes.byteOffset).setUint32(within(bytes, at, 3), value, true);
  return bytes;
};
/** The section table stands at the end, and damage there reaches furthest. */
const inSectionTable = (bytes: Uint8Array, at: number): number => {
  const headers = Math.min(bytes.length, 64 * 24);
  return bytes.length - headers + (at % Math.max(1, headers));
};

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ at: place, bit: fc.nat(7) }).map(({ at, bit }) => (bytes: Uint8Array) => {
    const index = within(bytes, at, 0);
    bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
    return bytes;
  }),
  fc.record({ at: place, value: hostile }).map(
    ({ at, value }) =>
      (bytes: Uint8Array) =>
        setWord(bytes, at & ~3, value),
  ),
  fc.record({ at: place, value: fc.oneof(hostile, fc.nat(8192)) }).map(
    ({ at, value }) =>
      (bytes: Uint8Array) =>
        setWord(bytes, inSectionTable(bytes, at) & ~3, value),
  ),
  fc
    .record({ from: place, to: place, length: fc.integer({ min: 1, max: 128 }) })
    .map(({ from, to, length }) => (bytes: Uint8Array) => {
      const start = within(bytes, from, length);
      bytes.copyWithin(within(bytes, to, length), start, start + length);
      return bytes;
    }),
  fc.record({ at: place }).map(
    ({ at }) =>
      (bytes: Uint8Array) =>
        bytes.subarray(0, within(bytes, at, 0)),
  ),
);

describe("mutated objects", () => {
  it("of every fixture, cut off at every 64th byte", () => {
    for (const bytes of SEEDS)
      for (let length = 0; length < bytes.length; length += 64) survive(bytes.subarray(0, length));
  });

  it("of every fixture, with each byte of the header set to hostile values", () => {
    for (const bytes of SEEDS) {
      for (let at = 4; at < 64; at++) {
        for (const value of [0, 1, 0x7f, 0xff]) {
          const copy = bytes.slice();
          copy[at] = value;
          survive(copy);
        }
      }
    }
  });

  it("with bits flipped, words replaced, bytes moved and ends cut off", () => {
    fc.assert(
      fc.property(seed, fc.array(mutation, { minLength: 1, maxLength: 6 }), (index, mutations) => {
        survive(
          mutations.reduce<Uint8Array>((bytes, mutate) => mutate(bytes), SEEDS[index]?.slice() ?? new Uint8Array()),
        );
      }),
      { numRuns: 4000 },
    );
  });

  it("with sections exchanged for one another", () => {
    fc.assert(
      fc.property(seed, fc.nat(40), fc.nat(40), fc.integer({ min: 4, max: 60 }), (index, a, b, field) => {
        const bytes = SEEDS[index]?.slice() ?? new Uint8Array();
        const view = new DataView(bytes.buffer);
        const little = bytes[5] === 1;
        const table = Number(view.getBigUint64(40, little));
        const count = view.getUint16(60, little);
        const from = table + (a % count) * 64 + field;
        const to = table + (b % count) * 64 + field;
        bytes.copyWithin(to, from, from + 4);
        survive(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("mutated BTF", () => {
  const seeds = SEEDS.flatMap((bytes) => {
    const btf = ElfObject.parse(bytes).btfForKernel();
    return btf === undefined ? [] : [btf];
  });

  /** Asks for all there is. */
  const walk = (bytes: Uint8Array): void => {
    const btf = Btf.parse(bytes);
    let failure: unknown;
    for (let id = 0; id < btf.typeCount; id++) {
      for (const ask of [() => btf.type(id), () => btf.sizeOf(id), () => btf.skipModifiers(id)]) {
        try {
          ask();
        } catch (error) {
          if (!(error instanceof BtfError)) throw error;
          failure = error;
        }
      }
    }
    if (failure !== undefined) throw failure;
  };

  it("gives a type or a BtfError for every question", () => {
    fc.assert(
      fc.property(fc.nat(seeds.length - 1), fc.array(mutation, { minLength: 1, maxLength: 6 }), (index, mutations) => {
        survive(
          mutations.reduce<Uint8Array>((bytes, mutate) => mutate(bytes), seeds[index]?.slice() ?? new Uint8Array()),
          walk,
        );
      }),
      { numRuns: 3000 },
    );
  });
});
