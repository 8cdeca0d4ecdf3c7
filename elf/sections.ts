import { MAX_NAME_BYTES, readCString, readU64, viewOf } from "./bytes.ts";
import { ElfError } from "./errors.ts";
import { ELF_HEADER_BYTES } from "./identify.ts";

/** `sh_type` values of elf.h. */
export const SectionType = {
  Null: 0,
  ProgBits: 1,
  SymbolTable: 2,
  StringTable: 3,
  Rela: 4,
  NoBits: 8,
  Rel: 9,
} as const;

/** `sh_flags`: holds machine instructions (SHF_EXECINSTR). */
export const SECTION_EXECUTABLE = 4;

const SECTION_HEADER_BYTES = 64;
/** `e_shstrndx` when the true number stands in the first section header (SHN_XINDEX). */
const SECTION_INDEX_ELSEWHERE = 0xffff;
/** Above this a section is no part of a BPF object that a kernel could take. */
const MAX_SECTION_BYTES = 2 ** 31 - 1;

/** One section, its header decoded. */
export interface ElfSection {
  /** Place in the section table, from 0. */
  readonly index: number;
  readonly name: string;
  /** `SHT_*`, see {@link SectionType}. */
  readonly type: number;
  /** `SHF_*` bits. */
  readonly flags: number;
  /** Bytes; of a section without bytes in the file (`.bss`), its size in memory. */
  readonly size: number;
  /** Index of the section this one depends on (`sh_link`). */
  readonly link: number;
  /** Of a relocation section, the index of the section it patches (`sh_info`). */
  readonly info: number;
  /** Bytes of one entry of a table. */
  readonly entrySize: number;
  /** The bytes in the file; empty for a section that has none there. */
  readonly data: Uint8Array;
}

/**
 * Reads the section table. Layout: elf(5), `Elf64_Ehdr` and `Elf64_Shdr`. `bytes` begin as {@link identify} wants.
 *
 * @throws ElfError ERR_ELF_MALFORMED for what lies outside the file
 */
export function readSections(bytes: Uint8Array, littleEndian: boolean): ElfSection[] {
  const view = viewOf(bytes);
  const table = readU64(view, 40, littleEndian);
  const entryBytes = view.getUint16(58, littleEndian);
  if (table === 0) throw malformed("it has no section table. The object was stripped too far; use llvm-strip -g.");
  if (table < ELF_HEADER_BYTES || table + SECTION_HEADER_BYTES > bytes.length)
    throw truncated(table + SECTION_HEADER_BYTES, bytes.length);
  if (entryBytes !== SECTION_HEADER_BYTES)
    throw malformed(`its section headers are said to have ${entryBytes} bytes; ELF64 has ${SECTION_HEADER_BYTES}.`);

  // With 65,280 sections and more, both numbers move into the first section header.
  const count = view.getUint16(60, littleEndian) || readU64(view, table + 32, littleEndian);
  if (table + count * SECTION_HEADER_BYTES > bytes.length)
    throw truncated(table + count * SECTION_HEADER_BYTES, bytes.length);
  const namesField = view.getUint16(62, littleEndian);
  const namesIndex = namesField === SECTION_INDEX_ELSEWHERE ? view.getUint32(table + 40, littleEndian) : namesField;
  if (namesIndex === 0 || namesIndex >= count)
    throw malformed(`its section names are said to stand in section ${namesIndex} of ${count}.`);

  const names = readSection(bytes, view, table + namesIndex * SECTION_HEADER_BYTES, namesIndex, littleEndian).data;
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * SECTION_HEADER_BYTES;
    const section = readSection(bytes, view, at, index, littleEndian);
    if (section.type !== SectionType.Null) section.name = readName(names, view.getUint32(at, littleEndian), index);
    return section;
  });
}

/** All of a section but its name. */
function readSection(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  index: number,
  littleEndian: boolean,
): ElfSection & { name: string } {
  const type = view.getUint32(at + 4, littleEndian);
  const offset = readU64(view, at + 24, littleEndian);
  const size = type === SectionType.Null ? 0 : readU64(view, at + 32, littleEndian);
  if (size > MAX_SECTION_BYTES) throw malformed(`section ${index} is said to have ${size} bytes.`);
  const inFile = type !== SectionType.Null && type !== SectionType.NoBits;
  if (inFile && offset + size > bytes.length) throw truncated(offset + size, bytes.length, index);
  return {
    index,
    name: "",
    type,
    flags: readU64(view, at + 8, littleEndian),
    size,
    link: view.getUint32(at + 40, littleEndian),
    info: view.getUint32(at + 44, littleEndian),
    entrySize: readU64(view, at + 56, littleEndian),
    data: inFile ? bytes.subarray(offset, offset + size) : new Uint8Array(),
  };
}

function readName(names: Uint8Array, offset: number, index: number): string {
  const name = readCString(names, offset, MAX_NAME_BYTES);
  if (name === undefined)
    throw malformed(
      `the name of section ${index} is said to stand at byte ${offset} of ${names.length}, where no name ends.`,
    );
  return name;
}

function truncated(needed: number, found: number, section?: number): ElfError {
  const what = section === undefined ? "its section table" : `section ${section}`;
  return malformed(
    `${what} ends at byte ${needed} and the file at ${found}. It was cut off, perhaps while being copied or compiled.`,
  );
}

function malformed(reason: string): ElfError {
  return new ElfError("ERR_ELF_MALFORMED", `This ELF file is damaged: ${reason}`);
}
