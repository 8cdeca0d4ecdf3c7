import { readU64, viewOf } from "./bytes.ts";
import { ElfError, RelocationError } from "./errors.ts";
import type { ElfFile } from "./file.ts";
import { type BpfFunction, type FunctionTable, isTextSection } from "./functions.ts";
import {
  INSTRUCTION_BYTES,
  isSubprogramCall,
  OP_CALL,
  OP_LOAD_64,
  SOURCE_CALL,
  sourceRegister,
} from "./instructions.ts";
import type { PlacedMap } from "./maps.ts";
import { type ElfSection, SECTION_EXECUTABLE, SectionType } from "./sections.ts";
import type { Relocation } from "./spec.ts";
import { type ElfSymbol, FIRST_RESERVED_SECTION, isExtern, SymbolBinding, SymbolType } from "./symbols.ts";

/** `Elf64_Rel` of elf(5): u64 offset, u32 type, u32 symbol, the last two swapped on big endian. */
const RELOCATION_BYTES = 16;

/** A reference from one function to another, at this instruction of the first. */
export interface FunctionReference {
  readonly instruction: number;
  readonly target: BpfFunction;
  /** A call, or a constant that is the function's address. */
  readonly how: "call" | "address";
}

/** What the instructions of one function refer to, each list ordered by instruction, counted from the function's first. */
export interface References {
  readonly functions: readonly FunctionReference[];
  readonly maps: readonly Relocation[];
}

/** A relocation entry that falls into a function. */
interface Entry {
  readonly fn: BpfFunction;
  /** Counted from the function's first. */
  readonly instruction: number;
  readonly symbol: ElfSymbol;
}

/**
 * Finds out what each function refers to: by relocation entries, and by calls inside one section, which the compiler
 * resolves itself. Follows libbpf's bpf_program__record_reloc and bpf_object__reloc_code.
 *
 * @throws RelocationError ERR_RELOCATION, ElfError ERR_ELF_MALFORMED, ERR_ELF_UNSUPPORTED
 */
export function resolveReferences(
  file: ElfFile,
  functions: FunctionTable,
  maps: readonly PlacedMap[],
): ReadonlyMap<BpfFunction, References> {
  const resolver = new Resolver(file, functions, maps);
  const entries = new Map<BpfFunction, Map<number, Entry>>();
  for (const section of file.sections) {
    const target =
      section.type === SectionType.Rel || section.type === SectionType.Rela ? file.sections[section.info] : undefined;
    if (target === undefined || target.type !== SectionType.ProgBits || (target.flags & SECTION_EXECUTABLE) === 0)
      continue;
    for (const entry of readEntries(file, section, target, functions)) {
      const ofFunction = entries.get(entry.fn) ?? new Map<number, Entry>();
      if (ofFunction.has(entry.instruction))
        throw resolver.error(entry, "has two relocations, and can carry one. The object is damaged.");
      entries.set(entry.fn, ofFunction.set(entry.instruction, entry));
    }
  }
  return new Map(functions.all.map((fn) => [fn, resolver.referencesOf(fn, entries.get(fn))]));
}

function* readEntries(
  file: ElfFile,
  section: ElfSection,
  target: ElfSection,
  functions: FunctionTable,
): Generator<Entry> {
  if (section.type === SectionType.Rela) {
    throw new ElfError(
      "ERR_ELF_UNSUPPORTED",
      `Section "${section.name}" has relocations with addends (RELA); BPF objects of clang have them without. Compile with clang -target bpf.`,
    );
  }
  if (section.entrySize !== RELOCATION_BYTES)
    throw new ElfError(
      "ERR_ELF_MALFORMED",
      `The relocations of section "${section.name}" are said to have ${section.entrySize} bytes; ELF64 has ${RELOCATION_BYTES}.`,
    );
  const view = viewOf(section.data);
  for (let at = 0; at + RELOCATION_BYTES <= section.data.length; at += RELOCATION_BYTES) {
    const offset = readU64(view, at, file.littleEndian);
    const symbolIndex = view.getUint32(at + (file.littleEndian ? 12 : 8), file.littleEndian);
    const symbol = file.symbols[symbolIndex];
    if (symbol === undefined || offset % INSTRUCTION_BYTES !== 0 || offset >= target.size) {
      throw new RelocationError(
        "ERR_RELOCATION",
        `A relocation of section "${target.name}" is for byte ${offset} of ${target.size} and symbol ${symbolIndex} of ${file.symbols.length}: it points nowhere, and the object is damaged.`,
      );
    }
    // Code that belongs to no function is left over from a weak function that another one replaced; the linker keeps its entries.
    const fn = functions.at(target.index, offset / INSTRUCTION_BYTES);
    if (fn !== undefined) yield { fn, instruction: offset / INSTRUCTION_BYTES - fn.start, symbol };
  }
}

class Resolver {
  readonly #file: ElfFile;
  readonly #functions: FunctionTable;
  readonly #text: number;
  /** By section, then by offset. */
  readonly #maps = new Map<number, Map<number, PlacedMap>>();

  constructor(file: ElfFile, functions: FunctionTable, maps: readonly PlacedMap[]) {
    this.#file = file;
    this.#functions = functions;
    this.#text = file.sections.find(isTextSection)?.index ?? 0;
    for (const map of maps) {
      const ofSection = this.#maps.get(map.section) ?? new Map<number, PlacedMap>();
      this.#maps.set(map.section, ofSection.set(map.offset, map));
    }
  }

  referencesOf(fn: BpfFunction, entries: ReadonlyMap<number, Entry> | undefined): References {
    const functions: FunctionReference[] = [];
    const maps: Relocation[] = [];
    const view = viewOf(fn.code);
    for (let instruction = 0; instruction < fn.length; instruction++) {
      const entry = entries?.get(instruction);
      if (entry !== undefined) {
        const reference = this.#resolve(entry, view);
        if ("how" in reference) functions.push(reference);
        else maps.push(reference);
      } else if (isSubprogramCall(view, instruction * INSTRUCTION_BYTES, this.#file.littleEndian)) {
        functions.push(this.#resolveLocalCall(fn, instruction, view));
      }
    }
    return { functions, maps };
  }

  error({ fn, instruction, symbol }: Entry, problem: string): RelocationError {
    const name = symbol.name || this.#file.sections[symbol.section]?.name || `symbol ${symbol.index}`;
    return new RelocationError(
      "ERR_RELOCATION",
      `Instruction ${instruction} of function "${fn.name}" in section "${fn.section.name}" refers to "${name}": ${problem}`,
    );
  }

  #resolve(entry: Entry, view: DataView): FunctionReference | Relocation {
    const { symbol, instruction } = entry;
    const at = instruction * INSTRUCTION_BYTES;
    const opcode = view.getUint8(at);
    if (opcode !== OP_CALL && opcode !== OP_LOAD_64)
      throw this.error(
        entry,
        `the instruction (opcode 0x${opcode.toString(16)}) is neither a call nor a 64-bit constant, and no other can carry a reference.`,
      );
    if (isExtern(symbol)) {
      throw this.error(
        entry,
        "it is declared and not defined in this object. Kernel symbols (__ksym), kernel functions and settings (__kconfig) are not supported yet; a function or variable of your own must be linked in with bpftool gen object.",
      );
    }
    if (opcode === OP_CALL) return this.#resolveCall(entry, view);
    if (at + 2 * INSTRUCTION_BYTES > view.byteLength)
      throw this.error(entry, "the 64-bit constant is cut off by the end of the function.");
    if (symbol.section === 0 || symbol.section >= FIRST_RESERVED_SECTION) {
      throw this.error(
        entry,
        "it stands in no section. A global variable without a value may be the reason: give it one, or compile with -fno-common.",
      );
    }
    if (
      symbol.section === this.#text &&
      (symbol.type === SymbolType.Function ||
        (symbol.type === SymbolType.Section && symbol.binding === SymbolBinding.Local))
    ) {
      const target = (symbol.value + view.getInt32(at + 4, this.#file.littleEndian)) / INSTRUCTION_BYTES;
      return { how: "address", instruction, target: this.#subprogramAt(entry, target) };
    }
    return this.#resolveMap(entry, view.getInt32(at + 4, this.#file.littleEndian));
  }

  /** A global function is named and the immediate is -1; a static one is given as its section, with its place in the immediate. */
  #resolveCall(entry: Entry, view: DataView): FunctionReference {
    const { symbol, instruction } = entry;
    const at = instruction * INSTRUCTION_BYTES;
    if (sourceRegister(view, at, this.#file.littleEndian) !== SOURCE_CALL)
      throw this.error(entry, "the call is not one to a function of this object. Compile with clang -target bpf.");
    if (symbol.section === 0 || symbol.section !== this.#text) {
      throw this.error(
        entry,
        `the function stands in section "${this.#file.sections[symbol.section]?.name ?? symbol.section}", and only functions of .text can be called. Drop SEC() from it, or call it through a program array.`,
      );
    }
    const target = symbol.value / INSTRUCTION_BYTES + view.getInt32(at + 4, this.#file.littleEndian) + 1;
    return { how: "call", instruction, target: this.#subprogramAt(entry, target) };
  }

  #resolveLocalCall(fn: BpfFunction, instruction: number, view: DataView): FunctionReference {
    const target =
      fn.start + instruction + view.getInt32(instruction * INSTRUCTION_BYTES + 4, this.#file.littleEndian) + 1;
    const callee = fn.section.index === this.#text ? this.#functions.at(this.#text, target) : undefined;
    if (callee === undefined) {
      throw new RelocationError(
        "ERR_RELOCATION",
        `Instruction ${instruction} of function "${fn.name}" in section "${fn.section.name}" calls instruction ${target} of that section, where no subprogram is. Subprograms stand in .text: drop SEC() from the function that is called.`,
      );
    }
    return { how: "call", instruction, target: callee };
  }

  #subprogramAt(entry: Entry, instruction: number): BpfFunction {
    const found = Number.isInteger(instruction) ? this.#functions.at(this.#text, instruction) : undefined;
    if (found === undefined)
      throw this.error(entry, `no function holds instruction ${instruction} of .text. The object is damaged.`);
    return found;
  }

  #resolveMap(entry: Entry, addend: number): Relocation {
    const { symbol, instruction } = entry;
    const ofSection = this.#maps.get(symbol.section);
    if (ofSection === undefined) {
      throw this.error(
        entry,
        `it stands in section "${this.#file.sections[symbol.section]?.name ?? symbol.section}", which holds neither maps nor global variables.`,
      );
    }
    const data = ofSection.get(0)?.spec;
    if (data?.origin === "data")
      return { kind: "data", instruction, map: data.name, offset: (symbol.value + addend) >>> 0 };
    const map = ofSection.get(symbol.value)?.spec;
    if (map === undefined)
      throw this.error(
        entry,
        `no map begins at byte ${symbol.value} of section "${this.#file.sections[symbol.section]?.name}".`,
      );
    return { kind: "map", instruction, map: map.name };
  }
}
