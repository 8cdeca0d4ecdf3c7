import { ElfError } from "./errors.ts";
import type { ElfFile } from "./file.ts";
import { INSTRUCTION_BYTES } from "./instructions.ts";
import { type ElfSection, SECTION_EXECUTABLE, SectionType } from "./sections.ts";
import { type ElfSymbol, isGlobal, isHidden, SymbolType } from "./symbols.ts";

/** A function of the object: an entry point or a subprogram. */
export interface BpfFunction {
  readonly name: string;
  readonly section: ElfSection;
  /** Index of its first instruction in the section. */
  readonly start: number;
  /** Instructions. */
  readonly length: number;
  /** Its code as it stands in the file. */
  readonly code: Uint8Array;
  /** A subprogram: only ever loaded as a part of the programs that call it. */
  readonly subprogram: boolean;
  /** Global to the linker, to be static to the verifier. */
  readonly hidden: boolean;
}

/** All functions, in the order of the sections and of their place inside, and a way to find one by its place. */
export class FunctionTable {
  readonly all: readonly BpfFunction[];
  readonly #bySection = new Map<number, BpfFunction[]>();

  constructor(functions: readonly BpfFunction[]) {
    this.all = functions;
    for (const fn of functions) {
      const list = this.#bySection.get(fn.section.index);
      if (list === undefined) this.#bySection.set(fn.section.index, [fn]);
      else list.push(fn);
    }
  }

  /** The function that holds this instruction of this section. */
  at(section: number, instruction: number): BpfFunction | undefined {
    const list = this.#bySection.get(section) ?? [];
    let low = 0;
    let high = list.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((list[middle]?.start ?? 0) <= instruction) low = middle;
      else high = middle - 1;
    }
    const found = list[low];
    return found !== undefined && instruction >= found.start && instruction < found.start + found.length
      ? found
      : undefined;
  }
}

/** Where subprograms stand; functions anywhere else are entry points. */
export function isTextSection(section: ElfSection): boolean {
  return section.name === ".text" && isCode(section);
}

/**
 * Finds the functions as libbpf's bpf_object__add_programs does: the symbols of type FUNC in executable sections.
 *
 * @throws ElfError ERR_ELF_MALFORMED for a function that is not a whole number of instructions inside its section,
 * ERR_ELF_UNSUPPORTED for a static one outside `.text`
 */
export function findFunctions(file: ElfFile): FunctionTable {
  const symbols = file.symbols.filter(
    (symbol) => symbol.type === SymbolType.Function && isCode(file.sections[symbol.section]),
  );
  const functions = symbols.flatMap((symbol) => {
    const section = file.sections[symbol.section];
    // A lone function in .text is a program: there is no other that could call it.
    return section === undefined ? [] : [toFunction(symbol, section, symbols.length > 1)];
  });
  functions.sort((a, b) => a.section.index - b.section.index || a.start - b.start);
  return new FunctionTable(functions);
}

function isCode(section: ElfSection | undefined): boolean {
  return (
    section !== undefined &&
    section.type === SectionType.ProgBits &&
    (section.flags & SECTION_EXECUTABLE) !== 0 &&
    section.size > 0 &&
    !section.name.startsWith(".debug_")
  );
}

function toFunction(symbol: ElfSymbol, section: ElfSection, hasOthers: boolean): BpfFunction {
  const { name, value, size } = symbol;
  if (size === 0 || size % INSTRUCTION_BYTES !== 0 || value % INSTRUCTION_BYTES !== 0 || value + size > section.size) {
    throw new ElfError(
      "ERR_ELF_MALFORMED",
      `Function "${name}" of section "${section.name}" is said to have ${size} bytes from byte ${value} on; functions are made of instructions of ${INSTRUCTION_BYTES} bytes, and the section has ${section.size} bytes. The object is damaged.`,
    );
  }
  const inText = isTextSection(section);
  if (!inText && !isGlobal(symbol)) {
    throw new ElfError(
      "ERR_ELF_UNSUPPORTED",
      `Function "${name}" of section "${section.name}" is static. Only global functions can be entry points: drop "static", or drop SEC() to make it a subprogram, or add __always_inline.`,
    );
  }
  return {
    name,
    section,
    start: value / INSTRUCTION_BYTES,
    length: size / INSTRUCTION_BYTES,
    code: section.data.subarray(value, value + size),
    subprogram: inText && hasOthers,
    hidden: isGlobal(symbol) && isHidden(symbol),
  };
}
