import type { Btf } from "./btf.ts";
import { type Candidate, Candidates, type CoreTargets } from "./core-candidates.ts";
import { CoreKind, coreKindName, coreKindWording } from "./core-kinds.ts";
import { matchAccess } from "./core-match.ts";
import { patchInstruction } from "./core-patch.ts";
import { type AccessSpec, describeSpec, parseAccess } from "./core-spec.ts";
import { CoreProblem, CoreTypes } from "./core-types.ts";
import { type CoreValue, calculate } from "./core-values.ts";
import { BtfError, RelocationError } from "./errors.ts";
import type { CoreRelocation, ProgramSpec } from "./spec.ts";

export type { CoreTargets } from "./core-candidates.ts";

/** What one relocation came to. */
export interface CoreResult {
  readonly relocation: CoreRelocation;
  /** libbpf's name of the kind, such as `byte_off`. */
  readonly kind: string;
  /** The access in the object: `struct task_struct___x.pid (0:1 @ offset 4)`. */
  readonly local: string;
  /** The same in the kernel; undefined where nothing there matches. */
  readonly target: string | undefined;
  /** What the instruction carries now; undefined where it was made invalid. */
  readonly value: bigint | undefined;
  /** Why the instruction was made invalid, as a clause; undefined where it was not. */
  readonly poisoned: string | undefined;
}

/** A program with its CO-RE relocations applied. */
export interface CoreApplied {
  /** A copy. */
  readonly instructions: Uint8Array;
  /** In the order of the program's relocations. */
  readonly results: readonly CoreResult[];
}

interface Resolved {
  readonly local: AccessSpec;
  readonly target: AccessSpec | undefined;
  readonly value: CoreValue;
}

/**
 * Applies the CO-RE relocations of one object ("compile once, run everywhere"): finds the object's types again among
 * the kernel's and writes where things are there into the instructions. Follows libbpf's bpf_object__relocate_core.
 */
export class CoreRelocator {
  readonly #programs: readonly ProgramSpec[];
  readonly #local: CoreTypes;
  readonly #candidates: Candidates;
  /** By number of the record: what it came to, or why it cannot. */
  readonly #resolved = new Map<number, Resolved | CoreProblem>();

  /**
   * @param programs of the object, all of them: what one rules out is ruled out for the others
   * @param local the object's types
   */
  constructor(programs: readonly ProgramSpec[], local: Btf, targets: CoreTargets) {
    this.#programs = programs;
    this.#local = CoreTypes.ofObject(local);
    this.#candidates = new Candidates(this.#local, targets);
  }

  /**
   * The program's instructions, ready for the kernel whose types were given but for maps. Reads no target without need.
   *
   * @throws RelocationError ERR_CORE_AMBIGUOUS when candidates of the kernel come to different results, ERR_CORE_RELOCATION when a
   * record contradicts the object's types or instructions; BtfError ERR_BTF_MALFORMED
   */
  apply(program: ProgramSpec): CoreApplied {
    const instructions = program.instructions.slice();
    if (program.coreRelocations.length === 0) return { instructions, results: [] };
    if (this.#resolved.size === 0) this.#resolve(this.#programs.filter(({ autoload }) => autoload));
    this.#resolve([program]);
    const results = program.coreRelocations.map((relocation) => {
      try {
        return this.#patch(instructions, relocation);
      } catch (error) {
        throw error instanceof CoreProblem ? this.#failure(program, relocation, error) : error;
      }
    });
    return { instructions, results };
  }

  /** In the order of the records in the file, in which libbpf goes through them. */
  #resolve(programs: readonly ProgramSpec[]): void {
    const open = new Map<number, CoreRelocation>();
    for (const { coreRelocations } of programs)
      for (const relocation of coreRelocations)
        if (!this.#resolved.has(relocation.record)) open.set(relocation.record, relocation);
    for (const relocation of [...open.values()].sort((a, b) => a.record - b.record)) {
      try {
        this.#resolved.set(relocation.record, this.#resolveOne(relocation));
      } catch (error) {
        if (!(error instanceof CoreProblem)) throw error;
        this.#resolved.set(relocation.record, error);
      }
    }
  }

  #resolveOne(relocation: CoreRelocation): Resolved {
    const local = this.#parse(relocation);
    if (relocation.kind === CoreKind.TypeIdLocal) return { local, target: local, value: calculate(local, local) };
    const matches = this.#candidates.of(relocation.typeId).flatMap((candidate) => {
      const target = matchAccess(local, candidate.types, candidate.id);
      return target === undefined ? [] : [{ candidate, target, value: calculate(local, target) }];
    });
    const [first] = matches;
    if (first === undefined) return { local, target: undefined, value: calculate(local, undefined) };
    if (!matches.every((match) => isSameResult(match, first))) throw new Ambiguity(matches);
    this.#candidates.keep(
      relocation.typeId,
      matches.map(({ candidate }) => candidate),
    );
    return { local, target: first.target, value: first.value };
  }

  #parse(relocation: CoreRelocation): AccessSpec {
    try {
      return parseAccess(this.#local, relocation);
    } catch (error) {
      // The object's own types are damaged: a matter of this relocation, and of the programs that have it.
      if (!(error instanceof BtfError)) throw error;
      throw new CoreProblem(error.message.replace(/\.$/, ""), { cause: error });
    }
  }

  #patch(instructions: Uint8Array, relocation: CoreRelocation): CoreResult {
    const resolved = this.#resolved.get(relocation.record);
    if (resolved === undefined) throw new CoreProblem("it was not resolved");
    if (resolved instanceof CoreProblem) throw resolved;
    const { local, target, value } = resolved;
    const outcome = patchInstruction(instructions, relocation.instruction, value, this.#local.btf.littleEndian);
    return {
      relocation,
      kind: coreKindName(relocation.kind),
      local: describeSpec(local),
      target: target && describeTarget(target),
      value: outcome === "patched" ? value.value : undefined,
      poisoned:
        outcome === "patched"
          ? undefined
          : `${coreKindWording(relocation.kind)} of ${describeSpec(local)} ${why(outcome, target, value)}`,
    };
  }

  #failure(program: ProgramSpec, relocation: CoreRelocation, problem: CoreProblem): RelocationError {
    const { instruction, typeId, access, kind } = relocation;
    const span = program.functions.findLast((one) => one.instruction <= instruction);
    const inside = span === undefined || span.name === program.name ? "" : `, in ${span.name}()`;
    return new RelocationError(
      problem instanceof Ambiguity ? "ERR_CORE_AMBIGUOUS" : "ERR_CORE_RELOCATION",
      `The CO-RE relocation of instruction ${instruction} of program "${program.name}" (section "${program.section}"${inside}), for ${coreKindWording(kind)} of ${this.#describe(typeId, access)}, cannot be applied: ${problem.message}.`,
      { cause: problem },
    );
  }

  #describe(typeId: number, access: string): string {
    const type = typeId < this.#local.btf.typeCount ? this.#local.describe(typeId) : "a type that is not there";
    return `${type} [${typeId}], access "${access}"`;
  }
}

/**
 * The same for one program alone.
 *
 * @param local the types of its object
 * @param target the kernel's types
 * @throws as {@link CoreRelocator.apply} does
 */
export function applyCoreRelocations(program: ProgramSpec, local: Btf, target: Btf | CoreTargets): CoreApplied {
  const targets = "kernel" in target ? target : { kernel: () => target };
  return new CoreRelocator([program], local, targets).apply(program);
}

interface Match {
  readonly candidate: Candidate;
  readonly target: AccessSpec;
  readonly value: CoreValue;
}

class Ambiguity extends CoreProblem {
  constructor(matches: readonly Match[]) {
    const list = matches.map(({ target, value }) => `${describeTarget(target)} gives ${value.value ?? "nothing"}`);
    super(
      `the kernel has ${matches.length} types that fit, with different results: ${list.join("; ")}. Give the type in the program a member that only the right one has, and ask for it first`,
    );
  }
}

/** Also the place must be the same, whatever is asked of it. */
function isSameResult(a: Match, b: Match): boolean {
  return a.target.bitOffset === b.target.bitOffset && a.value.value === b.value.value;
}

function describeTarget(target: AccessSpec): string {
  return `[${target.root}] ${describeSpec(target)}`;
}

function why(outcome: "absent" | "resized badly", target: AccessSpec | undefined, { resize }: CoreValue): string {
  if (outcome === "absent" || target === undefined) return "is asked for, and the target's types have no such thing";
  return `is for an access to ${resize?.from} bytes, and ${describeTarget(target)} has ${resize?.to}, of a type for which that gives another value`;
}
