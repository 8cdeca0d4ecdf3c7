import type { BtfType } from "./btf-types.ts";

/** Bytes of `struct btf_type`, which every record begins with: u32 name offset, u32 info, u32 size or type id. */
export const TYPE_BYTES = 12;

/** Bytes that follow `struct btf_type`, by kind number: those of any such record, and those of each of its `vlen` entries. */
const EXTRA_BYTES: readonly (readonly [fixed: number, perEntry: number])[] = [
  [0, 0],
  [4, 0],
  [0, 0],
  [12, 0],
  [0, 12],
  [0, 12],
  [0, 8],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 8],
  [4, 0],
  [0, 12],
  [0, 0],
  [4, 0],
  [0, 0],
  [0, 12],
];

/** Kind number of an info word: bits 24 to 28. */
export function kindOf(info: number): number {
  return (info >>> 24) & 0x1f;
}

/** Bytes of a whole record with this info word; undefined for a kind that is not known. */
export function recordBytes(info: number): number | undefined {
  const extra = EXTRA_BYTES[kindOf(info)];
  return extra && TYPE_BYTES + extra[0] + extra[1] * (info & 0xffff);
}

/** A record in the bytes of a BTF, as {@link decodeType} needs it. */
export interface RecordSource {
  readonly view: DataView;
  readonly littleEndian: boolean;
  /** The name at that offset of the string section. */
  name(offset: number): string;
}

/** Decodes the record at byte `at`; the caller knows that it lies wholly inside, and that its kind is known. */
export function decodeType(source: RecordSource, at: number, id: number): BtfType {
  const { view, littleEndian } = source;
  const u32 = (offset: number): number => view.getUint32(at + offset, littleEndian);
  const name = source.name(u32(0));
  const info = u32(4);
  const sizeOrType = u32(8);
  const entries = <T>(bytes: number, read: (offset: number) => T): T[] =>
    Array.from({ length: info & 0xffff }, (_, index) => read(TYPE_BYTES + index * bytes));
  const flag = info >>> 31 === 1;
  const type = sizeOrType;
  const size = sizeOrType;

  switch (kindOf(info)) {
    case 1: {
      const encoding = u32(12);
      const signed = (encoding & 0x1000000) !== 0;
      const char = (encoding & 0x2000000) !== 0;
      const bool = (encoding & 0x4000000) !== 0;
      return {
        kind: "int",
        id,
        name,
        size,
        signed,
        char,
        bool,
        bits: encoding & 0xff,
        bitOffset: (encoding >>> 16) & 0xff,
      };
    }
    case 2:
      return { kind: "ptr", id, name, type };
    case 3:
      return { kind: "array", id, name, type: u32(12), indexType: u32(16), length: u32(20) };
    case 4:
    case 5: {
      // With the flag set, the upper byte of a member's offset is the width of a bit field.
      const members = entries(12, (offset) => {
        const position = u32(offset + 8);
        const bitOffset = flag ? position & 0xffffff : position;
        return {
          name: source.name(u32(offset)),
          type: u32(offset + 4),
          bitOffset,
          bitFieldSize: flag ? position >>> 24 : 0,
        };
      });
      return { kind: kindOf(info) === 4 ? "struct" : "union", id, name, size, members };
    }
    case 6: {
      const values = entries(8, (offset) => {
        const value = flag ? view.getInt32(at + offset + 4, littleEndian) : u32(offset + 4);
        return { name: source.name(u32(offset)), value };
      });
      return { kind: "enum", id, name, size, signed: flag, values };
    }
    case 7:
      return { kind: "fwd", id, name, union: flag };
    case 8:
      return { kind: "typedef", id, name, type };
    case 9:
      return { kind: "volatile", id, name, type };
    case 10:
      return { kind: "const", id, name, type };
    case 11:
      return { kind: "restrict", id, name, type };
    case 12:
      return { kind: "func", id, name, type, linkage: info & 0xffff };
    case 13:
      return {
        kind: "func_proto",
        id,
        name,
        returnType: type,
        parameters: entries(8, (offset) => ({ name: source.name(u32(offset)), type: u32(offset + 4) })),
      };
    case 14:
      return { kind: "var", id, name, type, linkage: u32(12) };
    case 15:
      return {
        kind: "datasec",
        id,
        name,
        size,
        variables: entries(12, (offset) => ({ type: u32(offset), offset: u32(offset + 4), size: u32(offset + 8) })),
      };
    case 16:
      return { kind: "float", id, name, size };
    case 17:
      return { kind: "decl_tag", id, name, type, componentIndex: view.getInt32(at + 12, littleEndian) };
    case 18:
      return { kind: "type_tag", id, name, type };
    case 19: {
      // Low half first, whatever the byte order of the halves.
      const values = entries(12, (offset) => {
        const bits = (BigInt(u32(offset + 8)) << 32n) | BigInt(u32(offset + 4));
        return { name: source.name(u32(offset)), value: flag ? BigInt.asIntN(64, bits) : bits };
      });
      return { kind: "enum64", id, name, size, signed: flag, values };
    }
    default:
      return { kind: "void", id, name };
  }
}
