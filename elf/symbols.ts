import { MAX_NAME_BYTES, readCString, readU64, viewOf } from "./bytes.ts";
import { ElfError } from "./errors.ts";
import { type ElfSection, SectionType } from "./sections.ts";

/** `STT_*` of elf.h. */
export const SymbolType = { NoType: 0, Object: 1, Function: 2, Section: 3 } as const;
/** `STB_*` of elf.h. */
export const SymbolBinding = { Local: 0, Global: 1, Weak: 2 } as const;
/** `STV_*` of elf.h. */
export const SymbolVisibility = { Default: 0, Internal: 1, Hidden: 2, Protected: 3 } as const;

/** Section numbers from here on are no sections (SHN_LORESERVE). */
export const FIRST_RESERVED_SECTION = 0xff00;

const SYMBOL_BYTES = 24;

export interface ElfSymbol {
  /** Place in the symbol table, which relocations refer to. */
  readonly index: number;
  /** Empty for the symbol of a section. */
  readonly name: string;
  /** Section index; 0 is undefined (extern), from 0xff00 on none at all. */
  readonly section: number;
  /** Bytes from the start of the section. */
  readonly value: number;
  /** Bytes. */
  readonly size: number;
  /** `STT_*`, see {@link SymbolType}. */
  readonly type: number;
  /** `STB_*`, see {@link SymbolBinding}. */
  readonly binding: number;
  /** `STV_*`, see {@link SymbolVisibility}. */
  readonly visibility: number;
}

/**
 * Reads the one symbol table of an object. Layout: elf(5), `Elf64_Sym`.
 *
 * @throws ElfError ERR_ELF_MALFORMED when there is none, or more than one, or a name is outside its table
 */
export function readSymbols(sections: readonly ElfSection[], littleEndian: boolean): ElfSymbol[] {
  const tables = sections.filter((section) => section.type === SectionType.SymbolTable);
  const table = tables[0];
  if (table === undefined) {
    throw malformed(
      "it has no symbol table, so its programs have no names. It was stripped too far; llvm-strip -g keeps what is needed.",
    );
  }
  if (tables.length > 1) throw malformed(`it has ${tables.length} symbol tables, and one is allowed.`);
  if (table.entrySize !== SYMBOL_BYTES)
    throw malformed(`its symbols are said to have ${table.entrySize} bytes; ELF64 has ${SYMBOL_BYTES}.`);
  const names = sections[table.link];
  if (names === undefined || names.type !== SectionType.StringTable)
    throw malformed(`the names of its symbols are said to stand in section ${table.link}, which is no string table.`);

  const view = viewOf(table.data);
  const count = Math.floor(table.data.length / SYMBOL_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const at = index * SYMBOL_BYTES;
    const nameOffset = view.getUint32(at, littleEndian);
    const name = nameOffset === 0 ? "" : readCString(names.data, nameOffset, MAX_NAME_BYTES);
    if (name === undefined)
      throw malformed(
        `the name of symbol ${index} is said to stand at byte ${nameOffset} of ${names.data.length}, where no name ends.`,
      );
    const info = view.getUint8(at + 4);
    return {
      index,
      name,
      section: view.getUint16(at + 6, littleEndian),
      value: readU64(view, at + 8, littleEndian),
      size: readU64(view, at + 16, littleEndian),
      type: info & 0xf,
      binding: info >> 4,
      visibility: view.getUint8(at + 5) & 3,
    };
  });
}

/** Declared here and defined elsewhere: a kernel symbol, a kernel function, a kernel setting (as libbpf's sym_is_extern). */
export function isExtern(symbol: ElfSymbol): boolean {
  return symbol.section === 0 && symbol.binding !== SymbolBinding.Local && symbol.type === SymbolType.NoType;
}

/** Whether other objects may see it, hidden or not. */
export function isGlobal(symbol: ElfSymbol): boolean {
  return symbol.binding === SymbolBinding.Global || symbol.binding === SymbolBinding.Weak;
}

/** Global for the linker, static for the verifier: `__hidden` of bpf_helpers.h. */
export function isHidden(symbol: ElfSymbol): boolean {
  return symbol.visibility === SymbolVisibility.Hidden || symbol.visibility === SymbolVisibility.Internal;
}

function malformed(reason: string): ElfError {
  return new ElfError("ERR_ELF_MALFORMED", `This ELF file is damaged: ${reason}`);
}
