import { Btf } from "./btf.ts";
import { TYPE_BYTES } from "./btf-decode.ts";
import type { BtfDataSection } from "./btf-types.ts";
import { viewOf } from "./bytes.ts";
import { BtfError } from "./errors.ts";
import type { ElfFile } from "./file.ts";
import type { FunctionTable } from "./functions.ts";
import { type ElfSymbol, isGlobal, isHidden, SymbolType } from "./symbols.ts";

const LINKAGE_STATIC = 0;
const LINKAGE_GLOBAL = 1;
/** Bytes of `struct btf_var_secinfo`: u32 variable, offset, size. */
const ENTRY_BYTES = 12;
/** Sections that the kernel fills; their variables have no place in the object. */
const EXTERN_SECTIONS: ReadonlySet<string> = new Set([".ksyms", ".kconfig"]);

/**
 * The object's BTF as the kernel takes it: a copy with what the compiler could not know yet. Sections of variables get
 * their size, variables their offset, both from the ELF file; what is hidden becomes static. Follows libbpf's
 * btf_fixup_datasec, and the mark_btf_static part of bpf_object__sanitize_and_load_btf.
 *
 * @throws BtfError ERR_BTF_MALFORMED when BTF and ELF file contradict each other
 */
export function fixupBtf(bytes: Uint8Array, file: ElfFile, functions: FunctionTable): Uint8Array {
  const fixed = new Uint8Array(bytes);
  const btf = Btf.parse(fixed);
  const view = viewOf(fixed);
  const variables = variableSymbols(file);
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) === "datasec") fixupSection(btf, view, id, file, variables);
  }
  makeHiddenStatic(btf, view, functions);
  return fixed;
}

/** Global variables by name. Old compilers give them no symbol type. */
function variableSymbols(file: ElfFile): ReadonlyMap<string, ElfSymbol> {
  const variables = new Map<string, ElfSymbol>();
  for (const symbol of file.symbols) {
    const isVariable = symbol.type === SymbolType.Object || (symbol.type === SymbolType.NoType && symbol.section !== 0);
    if (isVariable && isGlobal(symbol) && !variables.has(symbol.name)) variables.set(symbol.name, symbol);
  }
  return variables;
}

function fixupSection(
  btf: Btf,
  view: DataView,
  id: number,
  file: ElfFile,
  symbols: ReadonlyMap<string, ElfSymbol>,
): void {
  const section = btf.type(id);
  if (section.kind !== "datasec") return;
  const at = btf.recordOffset(id);
  const entries = section.variables.map(({ type, offset, size }) => ({ type, offset, size }));
  if (!EXTERN_SECTIONS.has(section.name)) {
    // A linked object (bpftool gen object) comes with sizes and offsets; then only what is hidden remains to be seen to.
    const isOpen = section.size === 0;
    if (isOpen) view.setUint32(at + 8, sizeOfSection(section, file), btf.littleEndian);
    for (const entry of entries) {
      const symbol = fixupVariable(btf, view, section.name, entry.type, symbols);
      if (isOpen && symbol !== undefined) entry.offset = symbol.value;
    }
  }
  entries.sort((a, b) => a.offset - b.offset);
  entries.forEach(({ type, offset, size }, index) => {
    const entryAt = at + TYPE_BYTES + index * ENTRY_BYTES;
    view.setUint32(entryAt, type, btf.littleEndian);
    view.setUint32(entryAt + 4, offset, btf.littleEndian);
    view.setUint32(entryAt + 8, size, btf.littleEndian);
  });
}

function sizeOfSection(section: BtfDataSection, file: ElfFile): number {
  const size = file.sectionsByName.get(section.name)?.size ?? 0;
  if (size === 0)
    throw malformed(
      `it describes ${section.variables.length} variables of section "${section.name}", and the object has no such section, or an empty one. Compile with -fno-common.`,
    );
  return size;
}

/** The symbol of a global variable, undefined for others, whose offset the compiler knew. */
function fixupVariable(
  btf: Btf,
  view: DataView,
  section: string,
  id: number,
  symbols: ReadonlyMap<string, ElfSymbol>,
): ElfSymbol | undefined {
  const variable = btf.type(id);
  if (variable.kind !== "var")
    throw malformed(`section "${section}" holds type ${id}, a ${variable.kind}, where a variable should be.`);
  if (variable.linkage !== LINKAGE_GLOBAL) return undefined;
  const symbol = symbols.get(variable.name);
  if (symbol === undefined)
    throw malformed(
      `it describes a global variable "${variable.name}" in section "${section}", and the symbol table has none. The object was stripped too far; llvm-strip -g keeps what is needed.`,
    );
  if (isHidden(symbol)) view.setUint32(btf.recordOffset(id) + TYPE_BYTES, LINKAGE_STATIC, btf.littleEndian);
  return symbol;
}

/** A hidden subprogram is verified with each caller, as a static one is, and not on its own. */
function makeHiddenStatic(btf: Btf, view: DataView, functions: FunctionTable): void {
  const hidden = new Set(functions.all.filter((fn) => fn.hidden && fn.subprogram).map((fn) => fn.name));
  for (let id = 1; id < btf.typeCount && hidden.size > 0; id++) {
    const type = btf.kind(id) === "func" ? btf.type(id) : undefined;
    if (type?.kind !== "func" || type.linkage !== LINKAGE_GLOBAL || !hidden.delete(type.name)) continue;
    const at = btf.recordOffset(id) + 4;
    // The low half of the info word of a function is its linkage.
    view.setUint32(at, (view.getUint32(at, btf.littleEndian) & 0xffff0000) | LINKAGE_STATIC, btf.littleEndian);
  }
}

function malformed(reason: string): BtfError {
  return new BtfError("ERR_BTF_MALFORMED", `The BTF of this object does not agree with its ELF file: ${reason}`);
}
