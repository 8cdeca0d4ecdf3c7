import { decodeType, kindOf, recordBytes, TYPE_BYTES } from "./btf-decode.ts";
import { type BtfParts, readBtfHeader } from "./btf-header.ts";
import { type BtfKind, type BtfType, KIND_NAMES } from "./btf-types.ts";
import { MAX_NAME_BYTES, readCString, viewOf } from "./bytes.ts";
import { EssentialNames } from "./core-names.ts";
import { BtfError } from "./errors.ts";

/** Steps through typedefs, qualifiers and arrays before a type counts as a cycle (as libbpf's MAX_RESOLVE_DEPTH). */
const MAX_DEPTH = 32;
/** Bytes of a pointer of the BPF machine. */
const POINTER_BYTES = 8;

/**
 * BPF Type Format: the types of an object file, or of the running kernel.
 *
 * Parsing walks the records once and keeps where each begins. A type becomes an object only when asked for, so the
 * kernel's 126,000 types cost half a megabyte and a few milliseconds. Format: Documentation/bpf/btf.rst.
 */
export class Btf {
  readonly littleEndian: boolean;
  /** The bytes this was parsed from; not a copy. */
  readonly bytes: Uint8Array;
  /** What a split BTF (that of a kernel module) goes on from. */
  readonly base: Btf | undefined;
  /** Number of ids, void and those of the base included: ids run from 0 to `typeCount - 1`. */
  readonly typeCount: number;

  readonly #view: DataView;
  readonly #parts: BtfParts;
  readonly #strings: Uint8Array;
  /** Byte offset of each record; the first is that of id `#firstId`. */
  readonly #offsets: Int32Array;
  readonly #firstId: number;
  readonly #firstString: number;
  /** The string section as one text of single-byte characters, made when first searched. */
  #searchable: string | undefined;
  /** Made when first asked. */
  #essentialNames: EssentialNames | undefined;

  /**
   * @param bytes kept, not copied
   * @param options.base needed for split BTF, whose ids and strings go on where those of the base end
   * @throws BtfError ERR_BTF_MALFORMED
   */
  static parse(bytes: Uint8Array, options?: { readonly base?: Btf | undefined }): Btf {
    return new Btf(bytes, options?.base);
  }

  private constructor(bytes: Uint8Array, base: Btf | undefined) {
    this.#parts = readBtfHeader(bytes, base !== undefined);
    this.bytes = bytes;
    this.base = base;
    this.littleEndian = this.#parts.littleEndian;
    this.#view = viewOf(bytes);
    this.#strings = bytes.subarray(this.#parts.stringsOffset, this.#parts.stringsOffset + this.#parts.stringsLength);
    this.#firstId = base?.typeCount ?? 1;
    this.#firstString = base?.stringsEnd ?? 0;
    this.#offsets = indexRecords(this.#view, this.#parts, this.#firstId);
    this.typeCount = this.#firstId + this.#offsets.length;
  }

  /** The first string offset that is past this BTF's strings. */
  get stringsEnd(): number {
    return this.#firstString + this.#strings.length;
  }

  /**
   * The type with this id; 0 is void.
   *
   * @throws BtfError ERR_BTF_MALFORMED for an id or a name that is not there
   */
  type(id: number): BtfType {
    if (id === 0) return { kind: "void", id, name: "" };
    if (this.base !== undefined && id < this.#firstId) return this.base.type(id);
    return decodeType(
      { view: this.#view, littleEndian: this.littleEndian, name: (offset) => this.name(offset) },
      this.recordOffset(id),
      id,
    );
  }

  /** Kind of the type with this id, without decoding the rest. Throws as {@link type} does. */
  kind(id: number): BtfKind {
    if (id === 0) return "void";
    if (this.base !== undefined && id < this.#firstId) return this.base.kind(id);
    return KIND_NAMES[kindOf(this.#view.getUint32(this.recordOffset(id) + 4, this.littleEndian))] ?? "void";
  }

  /** Byte offset in {@link bytes} of the record of this id, which is one of this BTF and not of its base. Throws as {@link type} does. */
  recordOffset(id: number): number {
    const offset = this.#offsets[id - this.#firstId];
    if (offset === undefined)
      throw malformed(`type ${id} is referred to, and its ids go from ${this.#firstId} to ${this.typeCount - 1}.`);
    return offset;
  }

  /**
   * The text at this offset of the string section.
   *
   * @throws BtfError ERR_BTF_MALFORMED for an offset that is outside
   */
  string(offset: number): string {
    return this.#text(offset, this.#strings.length);
  }

  /**
   * The name at this offset of the string section, empty for offset 0.
   *
   * @throws BtfError ERR_BTF_MALFORMED for an offset that is outside, and for a name of more than 1024 bytes
   */
  name(offset: number): string {
    return offset === 0 ? "" : this.#text(offset, MAX_NAME_BYTES);
  }

  /**
   * The id of the first type of that name, undefined if there is none. A base is searched first.
   */
  findByName(name: string, kind?: BtfKind): number | undefined {
    return this.base?.findByName(name, kind) ?? this.#idsNamed(name, kind).next().value;
  }

  /** The ids of all types of that name, those of a base first. */
  findAllByName(name: string, kind?: BtfKind): number[] {
    return [...(this.base?.findAllByName(name, kind) ?? []), ...this.#idsNamed(name, kind)];
  }

  /**
   * The ids of this BTF's own types, in order and without those of a base, that have this name when flavours are left
   * off on both sides: `x`, `x___old`. Functions, variables and sections are not searched.
   */
  idsByEssentialName(name: string): number[] {
    this.#essentialNames ??= new EssentialNames({
      view: this.#view,
      littleEndian: this.littleEndian,
      offsets: this.#offsets,
      firstId: this.#firstId,
      text: (offset) => this.#textPlace(offset),
    });
    return this.#essentialNames.idsOf(name);
  }

  /**
   * Follows typedefs, const, volatile, restrict and type tags to the type behind them.
   *
   * @throws BtfError ERR_BTF_MALFORMED for a chain of more than 32, which only a cycle makes
   */
  skipModifiers(id: number): number {
    let current = id;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const type = this.type(current);
      switch (type.kind) {
        case "typedef":
        case "const":
        case "volatile":
        case "restrict":
        case "type_tag":
          current = type.type;
          break;
        default:
          return current;
      }
    }
    throw malformed(`type ${id} leads in a circle.`);
  }

  /**
   * Size in bytes of a value of this type.
   *
   * @throws BtfError ERR_BTF_MALFORMED for a type without size (void, a function, a mere declaration), for a cycle,
   * and for 4 GiB or more
   */
  sizeOf(id: number): number {
    let factor = 1;
    let current = id;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const type = this.type(current);
      switch (type.kind) {
        case "int":
        case "struct":
        case "union":
        case "enum":
        case "enum64":
        case "float":
        case "datasec":
          return this.#checkedSize(id, factor * type.size);
        case "ptr":
          return this.#checkedSize(id, factor * POINTER_BYTES);
        case "array":
          factor *= type.length;
          current = type.type;
          break;
        case "typedef":
        case "const":
        case "volatile":
        case "restrict":
        case "type_tag":
        case "var":
        case "decl_tag":
          current = type.type;
          break;
        default:
          throw malformed(
            `the size of type ${id} is asked for, and it comes down to type ${current}, a ${type.kind}, which has none.`,
          );
      }
    }
    throw malformed(`type ${id} leads in a circle.`);
  }

  #checkedSize(id: number, size: number): number {
    if (size > 0xffffffff) throw malformed(`type ${id} is said to have ${size} bytes.`);
    return size;
  }

  #text(offset: number, limit: number): string {
    if (this.base !== undefined && offset < this.#firstString) return this.base.#text(offset, limit);
    const text = readCString(this.#strings, offset - this.#firstString, limit);
    if (text === undefined)
      throw malformed(
        `a name is said to stand at byte ${offset} of its strings, which end at ${this.stringsEnd}, and none ends there within ${limit} bytes.`,
      );
    return text;
  }

  #textPlace(offset: number): readonly [bytes: Uint8Array, start: number] {
    if (this.base !== undefined && offset < this.#firstString) return this.base.#textPlace(offset);
    return [this.#strings, offset - this.#firstString];
  }

  *#idsNamed(name: string, kind: BtfKind | undefined): Generator<number, undefined> {
    const offsets = this.#offsetsOf(name);
    if (offsets.size === 0) return;
    const wanted = kind === undefined ? -1 : KIND_NAMES.indexOf(kind);
    for (let index = 0; index < this.#offsets.length; index++) {
      const at = this.#offsets[index] ?? 0;
      if (!offsets.has(this.#view.getUint32(at, this.littleEndian))) continue;
      if (wanted < 0 || kindOf(this.#view.getUint32(at + 4, this.littleEndian)) === wanted) yield this.#firstId + index;
    }
  }

  /** Where in the string section the name stands: as a string of its own, or as the end of a longer one. */
  #offsetsOf(name: string): Set<number> {
    const decoder = new TextDecoder("latin1");
    this.#searchable ??= decoder.decode(this.#strings);
    const wanted = `${decoder.decode(new TextEncoder().encode(name))}\0`;
    const found = new Set<number>(this.base === undefined ? [] : this.base.#offsetsOf(name));
    if (name === "") return found;
    for (let at = this.#searchable.indexOf(wanted); at >= 0; at = this.#searchable.indexOf(wanted, at + 1))
      found.add(this.#firstString + at);
    return found;
  }
}

/** One pass over the type records: where each begins. */
function indexRecords(
  view: DataView,
  { typesOffset, typesLength, littleEndian }: BtfParts,
  firstId: number,
): Int32Array {
  const offsets = new Int32Array(Math.floor(typesLength / TYPE_BYTES));
  const end = typesOffset + typesLength;
  let count = 0;
  for (let at = typesOffset; at < end; ) {
    if (at + TYPE_BYTES > end) throw malformed(`type ${firstId + count} is cut off.`);
    const info = view.getUint32(at + 4, littleEndian);
    const length = recordBytes(info);
    if (length === undefined || info === 0) {
      throw malformed(
        `type ${firstId + count} is of kind ${kindOf(info)}, which is not known here. A newer compiler may have written it.`,
      );
    }
    if (at + length > end)
      throw malformed(
        `type ${firstId + count}, a ${KIND_NAMES[kindOf(info)]}, has ${length} bytes and ${end - at} are left.`,
      );
    offsets[count++] = at;
    at += length;
  }
  return offsets.slice(0, count);
}

function malformed(reason: string): BtfError {
  return new BtfError("ERR_BTF_MALFORMED", `This BTF is damaged: ${reason}`);
}
