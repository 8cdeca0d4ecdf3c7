/** Writes ELF objects and instructions for the tests, of either byte order, sound or not. */

export interface SectionInput {
  readonly name: string;
  readonly type?: number;
  readonly flags?: number;
  readonly data?: Uint8Array;
  /** Overrides the size of `data`: for `.bss`, and for lies. */
  readonly size?: number;
  /** Overrides the offset: for lies. */
  readonly offset?: number;
  readonly link?: number;
  readonly info?: number;
  readonly entrySize?: number;
}

export interface SymbolInput {
  readonly name: string;
  readonly section: number;
  readonly value?: number;
  readonly size?: number;
  readonly type?: number;
  readonly binding?: number;
  readonly visibility?: number;
}

export const PROGBITS = 1;
export const NOBITS = 8;
export const REL = 9;
export const EXECUTABLE = 4;
export const OBJECT = 1;
export const FUNC = 2;
export const SECTION = 3;
export const GLOBAL = 1;
export const WEAK = 2;
export const HIDDEN = 2;

/** A growing byte array. */
export class Bytes {
  readonly #parts: number[] = [];
  readonly littleEndian: boolean;

  constructor(littleEndian: boolean) {
    this.littleEndian = littleEndian;
  }

  get length(): number {
    return this.#parts.length;
  }

  int(bytes: number, value: number): this {
    const all = Array.from({ length: bytes }, (_, index) =>
      Number((BigInt.asUintN(64, BigInt(value)) >> BigInt(8 * index)) & 0xffn),
    );
    this.#parts.push(...(this.littleEndian ? all : all.reverse()));
    return this;
  }

  u32(...values: readonly number[]): this {
    for (const value of values) this.int(4, value);
    return this;
  }

  append(bytes: Iterable<number>): this {
    for (const byte of bytes) this.#parts.push(byte);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#parts);
  }
}

/** A string table: NUL first, each string once. */
export class Strings {
  readonly bytes: Bytes = new Bytes(true).int(1, 0);
  readonly #offsets = new Map<string, number>([["", 0]]);

  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.bytes.length;
    this.#offsets.set(text, offset);
    this.bytes.append(new TextEncoder().encode(text)).int(1, 0);
    return offset;
  }
}

export class ElfWriter {
  readonly littleEndian: boolean;
  /** The null section, then what was added. */
  readonly sections: SectionInput[] = [{ name: "", type: 0 }];
  readonly symbols: SymbolInput[] = [{ name: "", section: 0 }];
  machine = 247;
  type = 1;

  constructor(littleEndian = true) {
    this.littleEndian = littleEndian;
  }

  section(input: SectionInput): number {
    return this.sections.push(input) - 1;
  }

  /** An executable section. */
  code(name: string, data: Uint8Array): number {
    return this.section({ name, data, flags: EXECUTABLE });
  }

  symbol(input: SymbolInput): number {
    return this.symbols.push({ binding: GLOBAL, ...input }) - 1;
  }

  /** A section of relocations for another; each is a byte offset and a symbol. */
  relocations(target: number, entries: readonly (readonly [offset: number, symbol: number])[]): number {
    const data = new Bytes(this.littleEndian);
    for (const [offset, symbol] of entries) {
      data.int(8, offset);
      if (this.littleEndian) data.u32(1, symbol);
      else data.u32(symbol, 1);
    }
    return this.section({
      name: `.rel${this.sections[target]?.name}`,
      type: REL,
      info: target,
      entrySize: 16,
      data: data.done(),
    });
  }

  build(): Uint8Array {
    const names = new Strings();
    const symbolNames = new Strings();
    const symbols = new Bytes(this.littleEndian);
    for (const symbol of this.symbols) {
      symbols
        .u32(symbolNames.add(symbol.name))
        .int(1, ((symbol.binding ?? 0) << 4) | (symbol.type ?? 0))
        .int(1, symbol.visibility ?? 0);
      symbols
        .int(2, symbol.section)
        .int(8, symbol.value ?? 0)
        .int(8, symbol.size ?? 0);
    }
    const stringsIndex = this.sections.length + 1;
    const sections: SectionInput[] = [
      ...this.sections,
      { name: ".symtab", type: 2, link: stringsIndex, entrySize: 24, data: symbols.done() },
      { name: ".strtab", type: 3, data: symbolNames.bytes.done() },
    ];
    for (const { name } of sections) names.add(name);
    const namesIndex = sections.length;
    names.add(".shstrtab");
    sections.push({ name: ".shstrtab", type: 3, data: names.bytes.done() });

    const body = new Bytes(this.littleEndian);
    const placed = sections.map((section) => {
      while (body.length % 8 !== 0) body.int(1, 0);
      const offset = 64 + body.length;
      body.append(section.data ?? []);
      return { ...section, offset: section.offset ?? offset };
    });
    while (body.length % 8 !== 0) body.int(1, 0);

    const file = new Bytes(this.littleEndian)
      .append([0x7f, 0x45, 0x4c, 0x46, 2, this.littleEndian ? 1 : 2, 1, 0])
      .int(8, 0);
    file
      .int(2, this.type)
      .int(2, this.machine)
      .u32(1)
      .int(8, 0)
      .int(8, 0)
      .int(8, 64 + body.length)
      .u32(0);
    file.int(2, 64).int(2, 0).int(2, 0).int(2, 64).int(2, sections.length).int(2, namesIndex).append(body.done());
    for (const section of placed) {
      file
        .u32(names.add(section.name), section.type ?? PROGBITS)
        .int(8, section.flags ?? 0)
        .int(8, 0)
        .int(8, section.offset);
      file
        .int(8, section.size ?? section.data?.length ?? 0)
        .u32(section.link ?? 0, section.info ?? 0)
        .int(8, 8)
        .int(8, section.entrySize ?? 0);
    }
    return file.done();
  }
}

export interface Instruction {
  readonly op: number;
  readonly dst?: number;
  readonly src?: number;
  readonly off?: number;
  readonly imm?: number;
}

export function assemble(littleEndian: boolean, instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Bytes(littleEndian);
  for (const { op, dst = 0, src = 0, off = 0, imm = 0 } of instructions) {
    bytes
      .int(1, op)
      .int(1, littleEndian ? dst | (src << 4) : (dst << 4) | src)
      .int(2, off)
      .int(4, imm);
  }
  return bytes.done();
}

export const EXIT: Instruction = { op: 0x95 };
export const NOP: Instruction = { op: 0xb7 };
/** A call whose target stands in a relocation (-1), or in the immediate. */
export const call = (imm = -1): Instruction => ({ op: 0x85, src: 1, imm });
/** A 64-bit constant, two instructions. */
export const load = (imm = 0): Instruction[] => [{ op: 0x18, dst: 1, imm }, { op: 0 }];
