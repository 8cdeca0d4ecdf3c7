import { kindOf } from "./btf-decode.ts";
import { MAX_NAME_BYTES } from "./bytes.ts";

const UNDERSCORE = 0x5f;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Kinds that no CO-RE relocation begins at: void, functions, variables, sections and tags of declarations. */
const NO_ROOT: ReadonlySet<number> = new Set([0, 12, 14, 15, 17]);

/** The records of one BTF, as {@link EssentialNames} needs them. */
export interface NamedRecords {
  readonly view: DataView;
  readonly littleEndian: boolean;
  /** Byte offset of each record. */
  readonly offsets: Int32Array;
  /** Id of the first. */
  readonly firstId: number;
  /** The bytes that hold the name at this offset of the string section, and where in them it begins. */
  text(offset: number): readonly [bytes: Uint8Array, start: number];
}

/** A name without its flavour: what stands before the last `___` that has other characters on both sides. */
export function essentialName(name: string): string {
  for (let at = name.length - 5; at >= 0; at--)
    if (name[at] !== "_" && name.startsWith("___", at + 1) && name[at + 4] !== "_") return name.slice(0, at + 1);
  return name;
}

/** Whether two names differ in their flavours only. */
export function sameEssentialName(a: string, b: string): boolean {
  return essentialName(a) === essentialName(b);
}

/**
 * Finds types by their name without its flavour. A hash table over the bytes of the string section, made in one pass in
 * which nothing is decoded: of the kernel's 126,000 types some 25,000 have a name that counts.
 */
export class EssentialNames {
  readonly #records: NamedRecords;
  /** By hash: number of the first record in the chain, plus one. */
  readonly #heads: Int32Array;
  /** By record: number of the next one in the chain, plus one. */
  readonly #next: Int32Array;

  constructor(records: NamedRecords) {
    const { view, littleEndian, offsets } = records;
    this.#records = records;
    this.#heads = new Int32Array(2 ** Math.max(4, Math.ceil(Math.log2(offsets.length / 4 + 1))));
    this.#next = new Int32Array(offsets.length);
    // Backwards, so that each chain is in the order of the ids.
    for (let index = offsets.length - 1; index >= 0; index--) {
      const at = offsets[index] ?? 0;
      const name = view.getUint32(at, littleEndian);
      if (name === 0 || NO_ROOT.has(kindOf(view.getUint32(at + 4, littleEndian)))) continue;
      const [bytes, start] = records.text(name);
      const found = scan(bytes, start);
      if (found === undefined) continue;
      const slot = found.hash & (this.#heads.length - 1);
      this.#next[index] = this.#heads[slot] ?? 0;
      this.#heads[slot] = index + 1;
    }
  }

  /** Ids in ascending order, of every kind. */
  idsOf(name: string): number[] {
    const wanted = new TextEncoder().encode(`${name}\0`);
    const found = scan(wanted, 0);
    const ids: number[] = [];
    if (found === undefined) return ids;
    const { view, littleEndian, offsets, firstId } = this.#records;
    let link = this.#heads[found.hash & (this.#heads.length - 1)] ?? 0;
    for (; link > 0; link = this.#next[link - 1] ?? 0) {
      const [bytes, start] = this.#records.text(view.getUint32(offsets[link - 1] ?? 0, littleEndian));
      if (isSame(bytes, start, wanted, found.length)) ids.push(firstId + link - 1);
    }
    return ids;
  }
}

function isSame(bytes: Uint8Array, start: number, wanted: Uint8Array, length: number): boolean {
  for (let at = 0; at < length; at++) if (bytes[start + at] !== wanted[at]) return false;
  return scan(bytes, start)?.length === length;
}

/** Bytes and hash (FNV-1a) of the essential part of the name that begins here; undefined for none, and for one past all lengths. */
function scan(bytes: Uint8Array, start: number): { readonly length: number; readonly hash: number } | undefined {
  let hash = FNV_OFFSET;
  let underscores = 0;
  // As they were where the last run of underscores began, and where a flavour did.
  let hashBefore = hash;
  let hashOfEssential = hash;
  let essential = 0;
  for (let at = start; at <= start + MAX_NAME_BYTES; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0) {
      if (at === start) return undefined;
      return essential > 0 ? { length: essential, hash: hashOfEssential } : { length: at - start, hash };
    }
    if (byte === UNDERSCORE) {
      if (underscores === 0) hashBefore = hash;
      underscores++;
    } else {
      if (underscores === 3 && at - start > 3) {
        essential = at - start - 3;
        hashOfEssential = hashBefore;
      }
      underscores = 0;
    }
    hash = Math.imul(hash ^ byte, FNV_PRIME);
  }
  return undefined;
}
