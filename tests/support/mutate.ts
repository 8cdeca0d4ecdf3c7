import fc from "fast-check";
import { littleEndian } from "skmsg/syscalls";

/** Where a section of an ELF64 file lies. */
interface Span {
  readonly offset: number;
  readonly size: number;
}

/** The sections of an object that is sound; enough of an ELF reader to know where to damage it. */
function sectionsOf(bytes: Uint8Array): Span[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = Number(view.getBigUint64(40, littleEndian));
  const count = view.getUint16(60, littleEndian);
  return Array.from({ length: count }, (_, index) => ({
    offset: Number(view.getBigUint64(table + index * 64 + 24, littleEndian)),
    size: Number(view.getBigUint64(table + index * 64 + 32, littleEndian)),
  })).filter(({ offset, size }) => size > 0 && offset + size <= bytes.length);
}

/** Numbers with which counts, sizes, ids and offsets go wrong. */
const hostile = fc.constantFrom(
  0,
  1,
  2,
  3,
  0x7f,
  0xff,
  0xffff,
  0x10000,
  0x7fffffff,
  0x80000000,
  0xfffffff8,
  0xffffffff,
);

type Mutation = (bytes: Uint8Array, sections: readonly Span[]) => Uint8Array;

/** Where to, within a section: some sections are large, and the small ones tell more. */
const place = fc.record({ section: fc.nat(63), at: fc.nat(0xffff) });

function resolve(sections: readonly Span[], { section, at }: { section: number; at: number }, width: number): number {
  const { offset, size } = sections[section % sections.length] ?? { offset: 0, size: 64 };
  const units = Math.max(1, Math.floor(size / width));
  return offset + (at % units) * width;
}

const setBits = fc.record({ place, bit: fc.nat(7) }).map(
  ({ place: to, bit }): Mutation =>
    (bytes, sections) => {
      const at = resolve(sections, to, 1);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      return bytes;
    },
);

const setWord = fc.record({ place, value: fc.oneof(hostile, fc.nat(64)) }).map(
  ({ place: to, value }): Mutation =>
    (bytes, sections) => {
      const at = resolve(sections, to, 4);
      if (at + 4 <= bytes.length) new DataView(bytes.buffer).setUint32(at, value, littleEndian);
      return bytes;
    },
);

const swapSections = fc.record({ from: place, to: place, length: fc.constantFrom(1, 4, 8, 16, 64) }).map(
  ({ from, to, length }): Mutation =>
    (bytes, sections) => {
      const start = resolve(sections, from, length);
      bytes.copyWithin(resolve(sections, to, length), start, start + length);
      return bytes;
    },
);

const header = fc.record({ at: fc.nat(0xffff), value: hostile }).map(
  ({ at, value }): Mutation =>
    (bytes) => {
      // The section table is the last thing in the file.
      const table = Number(new DataView(bytes.buffer).getBigUint64(40, littleEndian));
      const words = Math.max(1, Math.floor((bytes.length - table) / 4));
      const to = table + (at % words) * 4;
      if (to + 4 <= bytes.length) new DataView(bytes.buffer).setUint32(to, value, littleEndian);
      return bytes;
    },
);

const truncate = fc.nat(0xffff).map(
  (at): Mutation =>
    (bytes) =>
      bytes.slice(0, at % bytes.length),
);

/**
 * An object with one to three damages: mostly inside of sections (instructions, types, relocations, symbols), where
 * the file stays readable and it is the loader and the kernel that have to cope.
 */
export function mutant(seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const mutation = fc.oneof(
    { weight: 6, arbitrary: setBits },
    { weight: 6, arbitrary: setWord },
    { weight: 3, arbitrary: swapSections },
    { weight: 1, arbitrary: header },
    { weight: 1, arbitrary: truncate },
  );
  return fc
    .record({ seed: fc.nat(seeds.length - 1), mutations: fc.array(mutation, { minLength: 1, maxLength: 3 }) })
    .map(({ seed, mutations }) => {
      const sound = seeds[seed] ?? new Uint8Array();
      const sections = sectionsOf(sound);
      // A cut goes last: the others want a file that is long enough.
      return mutations.reduce<Uint8Array>(
        (bytes, mutate) => (bytes.length === sound.length ? mutate(bytes, sections) : bytes),
        new Uint8Array(sound),
      );
    });
}
