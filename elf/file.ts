import { identify } from "./identify.ts";
import { type ElfSection, readSections } from "./sections.ts";
import { type ElfSymbol, readSymbols } from "./symbols.ts";

/** An ELF64 file taken apart, nothing interpreted yet. */
export interface ElfFile {
  readonly littleEndian: boolean;
  readonly sections: readonly ElfSection[];
  /** The first section of each name. */
  readonly sectionsByName: ReadonlyMap<string, ElfSection>;
  readonly symbols: readonly ElfSymbol[];
}

/**
 * Reads the section table and the symbol table. Layout: elf(5), `Elf64_Ehdr` and `Elf64_Shdr`.
 *
 * @throws ElfError for whatever is not a sound, relocatable, 64-bit BPF object
 */
export function readElf(bytes: Uint8Array): ElfFile {
  const { littleEndian } = identify(bytes);
  const sections = readSections(bytes, littleEndian);
  const sectionsByName = new Map<string, ElfSection>();
  for (const section of sections) if (!sectionsByName.has(section.name)) sectionsByName.set(section.name, section);
  return { littleEndian, sections, sectionsByName, symbols: readSymbols(sections, littleEndian) };
}
