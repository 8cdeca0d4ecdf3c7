import { Bytes, Strings } from "./elf-writer.ts";

/** Writes BTF; each method gives the id of what it added. */
export class BtfWriter {
  readonly littleEndian: boolean;
  readonly strings: Strings = new Strings();
  readonly #types: Bytes;
  #count = 0;

  constructor(littleEndian = true) {
    this.littleEndian = littleEndian;
    this.#types = new Bytes(littleEndian);
  }

  /** Any record: `words` follow the three fixed ones. */
  record(
    kind: number,
    name: string,
    sizeOrType: number,
    words: readonly number[] = [],
    vlen = 0,
    flag = false,
  ): number {
    this.#types.u32(
      this.strings.add(name),
      ((flag ? 0x80000000 : 0) | (kind << 24) | vlen) >>> 0,
      sizeOrType,
      ...words,
    );
    return ++this.#count;
  }

  int(name: string, size: number, signed = false): number {
    return this.record(1, name, size, [(signed ? 0x1000000 : 0) | (size * 8)]);
  }

  ptr(type: number): number {
    return this.record(2, "", type);
  }

  array(type: number, length: number, indexType = 1): number {
    return this.record(3, "", 0, [type, indexType, length]);
  }

  struct(
    name: string,
    size: number,
    members: readonly (readonly [name: string, type: number, bitOffset: number])[],
  ): number {
    return this.record(
      4,
      name,
      size,
      members.flatMap(([member, type, offset]) => [this.strings.add(member), type, offset]),
      members.length,
    );
  }

  func(name: string, type: number, linkage = 1): number {
    return this.record(12, name, type, [], linkage);
  }

  variable(name: string, type: number, linkage = 1): number {
    return this.record(14, name, type, [linkage]);
  }

  datasec(
    name: string,
    size: number,
    entries: readonly (readonly [type: number, offset: number, size: number])[],
  ): number {
    return this.record(15, name, size, entries.flat(), entries.length);
  }

  build(): Uint8Array {
    const types = this.#types.done();
    const strings = this.strings.bytes.done();
    const header = new Bytes(this.littleEndian)
      .int(2, 0xeb9f)
      .int(1, 1)
      .int(1, 0)
      .u32(24, 0, types.length, types.length, strings.length);
    return header.append(types).append(strings).done();
  }
}

/** `.BTF.ext` with function, line and CO-RE records; each record's first word is a byte offset into the section. */
export function btfExt(
  btf: BtfWriter,
  tables: { readonly func?: Table; readonly line?: Table; readonly core?: Table },
): Uint8Array {
  const parts = [write(btf, tables.func, 2), write(btf, tables.line, 4), write(btf, tables.core, 4)];
  const header = new Bytes(btf.littleEndian).int(2, 0xeb9f).int(1, 1).int(1, 0).u32(32);
  let offset = 0;
  for (const part of parts) {
    header.u32(offset, part.length);
    offset += part.length;
  }
  for (const part of parts) header.append(part);
  return header.done();
}

export type Table = Readonly<Record<string, readonly (readonly number[])[]>>;

function write(btf: BtfWriter, table: Table | undefined, words: number): Uint8Array {
  const bytes = new Bytes(btf.littleEndian);
  if (table === undefined) return bytes.done();
  bytes.u32(words * 4);
  for (const [section, records] of Object.entries(table)) {
    bytes.u32(btf.strings.add(section), records.length);
    for (const record of records) bytes.u32(...record);
  }
  return bytes.done();
}

/** The words of a definition `__uint(name, n)`, and of `__type(name, T)`. */
export function mapDefinition(
  btf: BtfWriter,
  int: number,
  numbers: Readonly<Record<string, number>>,
  types: Readonly<Record<string, number>> = {},
): { id: number; size: number } {
  const members: [string, number, number][] = [];
  for (const [name, value] of Object.entries(numbers))
    members.push([name, btf.ptr(btf.array(int, value, int)), members.length * 64]);
  for (const [name, type] of Object.entries(types)) members.push([name, btf.ptr(type), members.length * 64]);
  return { id: btf.struct("", members.length * 8, members), size: members.length * 8 };
}
