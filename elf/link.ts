import { FUNC_INFO_BYTES, LINE_INFO_BYTES } from "./btf-ext.ts";
import { viewOf } from "./bytes.ts";
import { BtfError, ElfError } from "./errors.ts";
import type { FunctionInfo } from "./function-info.ts";
import type { BpfFunction } from "./functions.ts";
import { INSTRUCTION_BYTES, SOURCE_FUNCTION, setSourceRegister } from "./instructions.ts";
import type { FunctionReference, References } from "./relocations.ts";
import type { ProgramSpec } from "./spec.ts";

/** The kernel takes no program that is longer (BPF_COMPLEXITY_LIMIT_INSNS of kernel/bpf/verifier.c). */
const MAX_INSTRUCTIONS = 1_000_000;
/** All programs of one object together, in bytes. Every program carries its own copy of the subprograms, which multiplies. */
const MAX_TOTAL_BYTES = 96 * 2 ** 20;
/** What a relocation costs in memory, about. */
const RELOCATION_COST = 64;

export type LinkedProgram = Pick<
  ProgramSpec,
  "instructions" | "relocations" | "funcInfo" | "lineInfo" | "coreRelocations" | "functions"
>;

/** A function and where it stands in the program. */
interface Placed {
  readonly fn: BpfFunction;
  /** Index of its first instruction. */
  readonly start: number;
}

/** Makes programs out of functions; one for all programs of an object. */
export class Linker {
  readonly #references: ReadonlyMap<BpfFunction, References>;
  readonly #infos: ReadonlyMap<BpfFunction, FunctionInfo>;
  readonly #littleEndian: boolean;
  #bytesLeft = MAX_TOTAL_BYTES;

  constructor(
    references: ReadonlyMap<BpfFunction, References>,
    infos: ReadonlyMap<BpfFunction, FunctionInfo>,
    littleEndian: boolean,
  ) {
    this.#references = references;
    this.#infos = infos;
    this.#littleEndian = littleEndian;
  }

  /**
   * The entry point, followed by every subprogram that it reaches, once each, in the order in which a walk through the
   * instructions that goes into each call first meets them. That is libbpf's order (bpf_object__reloc_code), so the
   * kernel gives the program the same tag.
   *
   * @throws ElfError ERR_ELF_MALFORMED for a program or an object that grows past all bounds
   * @throws BtfError ERR_BTF_MALFORMED when `.BTF.ext` knows the entry point and not one of its subprograms
   */
  link(entry: BpfFunction): LinkedProgram {
    const placed = this.#place(entry);
    const last = placed[placed.length - 1];
    const instructions = new Uint8Array(last === undefined ? 0 : (last.start + last.fn.length) * INSTRUCTION_BYTES);
    for (const { fn, start } of placed) instructions.set(fn.code, start * INSTRUCTION_BYTES);
    this.#connect(placed, instructions);

    return {
      instructions,
      relocations: placed.flatMap(({ fn, start }) =>
        this.#of(fn).maps.map((relocation) => ({ ...relocation, instruction: relocation.instruction + start })),
      ),
      funcInfo: this.#joinInfo(placed, "funcInfo", FUNC_INFO_BYTES),
      lineInfo: this.#joinInfo(placed, "lineInfo", LINE_INFO_BYTES),
      coreRelocations: placed.flatMap(({ fn, start }) =>
        (this.#infos.get(fn)?.coreRelocations ?? []).map((relocation) => ({
          ...relocation,
          instruction: relocation.instruction + start,
        })),
      ),
      functions: placed.map(({ fn, start }) => ({ name: fn.name, instruction: start })),
    };
  }

  #of(fn: BpfFunction): References {
    return this.#references.get(fn) ?? { functions: [], maps: [] };
  }

  /** A stack instead of recursion: a hostile object may chain any number of calls. */
  #place(entry: BpfFunction): Placed[] {
    const placed: Placed[] = [];
    const seen = new Set<BpfFunction>();
    const walks: Iterator<FunctionReference>[] = [];
    let length = 0;
    const enter = (fn: BpfFunction): void => {
      placed.push({ fn, start: length });
      seen.add(fn);
      length += fn.length;
      this.#spend(entry, fn, length);
      walks.push(this.#of(fn).functions[Symbol.iterator]());
    };

    enter(entry);
    for (let walk = walks.at(-1); walk !== undefined; walk = walks.at(-1)) {
      const next = walk.next();
      if (next.done === true) walks.pop();
      else if (!seen.has(next.value.target)) enter(next.value.target);
    }
    return placed;
  }

  /** Sets the immediate of every call and of every function address: instructions from the following one to the target. */
  #connect(placed: readonly Placed[], instructions: Uint8Array): void {
    const starts = new Map(placed.map(({ fn, start }) => [fn, start]));
    const view = viewOf(instructions);
    for (const { fn, start } of placed) {
      for (const { instruction, target, how } of this.#of(fn).functions) {
        const from = start + instruction;
        if (how === "address") setSourceRegister(view, from * INSTRUCTION_BYTES, SOURCE_FUNCTION, this.#littleEndian);
        view.setInt32(from * INSTRUCTION_BYTES + 4, (starts.get(target) ?? 0) - from - 1, this.#littleEndian);
      }
    }
  }

  /** Undefined if the entry point has none: then the kernel wants none of the subprograms either. */
  #joinInfo(placed: readonly Placed[], field: "funcInfo" | "lineInfo", recordBytes: number): Uint8Array | undefined {
    const parts = placed.map(({ fn, start }) => ({
      fn,
      start,
      info: this.#infos.get(fn)?.[field] ?? new Uint8Array(),
    }));
    const entry = parts[0];
    if (entry === undefined || entry.info.length === 0) return undefined;
    const joined = new Uint8Array(parts.reduce((sum, { info }) => sum + info.length, 0));
    const view = viewOf(joined);
    let at = 0;
    for (const { fn, start, info } of parts) {
      if (info.length === 0) {
        throw new BtfError(
          "ERR_BTF_MALFORMED",
          `.BTF.ext has ${field === "funcInfo" ? "function" : "line"} records of program "${entry.fn.name}" and none of "${fn.name}", which it calls; the kernel wants all or none. Compile every file of the object with -g.`,
        );
      }
      joined.set(info, at);
      for (const end = at + info.length; at < end; at += recordBytes)
        view.setUint32(at, view.getUint32(at, this.#littleEndian) + start, this.#littleEndian);
    }
    return joined;
  }

  #spend(entry: BpfFunction, fn: BpfFunction, length: number): void {
    const info = this.#infos.get(fn);
    const relocations = this.#of(fn).maps.length + this.#of(fn).functions.length + (info?.coreRelocations.length ?? 0);
    this.#bytesLeft -=
      fn.code.length + (info?.funcInfo.length ?? 0) + (info?.lineInfo.length ?? 0) + relocations * RELOCATION_COST;
    if (length > MAX_INSTRUCTIONS) {
      throw new ElfError(
        "ERR_ELF_MALFORMED",
        `Program "${entry.name}" and the functions it calls have more than ${MAX_INSTRUCTIONS} instructions, and the kernel takes no more.`,
      );
    }
    if (this.#bytesLeft < 0) {
      throw new ElfError(
        "ERR_ELF_MALFORMED",
        `The programs of this object, each with the functions it calls, have more than ${MAX_TOTAL_BYTES} bytes together. Split the object.`,
      );
    }
  }
}
