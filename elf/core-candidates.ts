import type { Btf } from "./btf.ts";
import { CoreProblem, CoreTypes } from "./core-types.ts";

/** Where the kernel's types come from; asked for only when a relocation needs them. */
export interface CoreTargets {
  /** The kernel's own types, or those of a file that stand in for them. */
  kernel(): Btf;
  /** Those of its modules, each based on the kernel's: tried where the kernel itself has no type of that name. */
  modules?(): readonly Btf[];
}

/** A type of the kernel that may be the one of that name in the object. */
export interface Candidate {
  readonly types: CoreTypes;
  readonly id: number;
}

/**
 * The kernel's types by those of the object. A type that one relocation has ruled out stays so for those after it, as
 * in libbpf, so that a struct that was found by a member that only it has is not mistaken for its namesakes again.
 */
export class Candidates {
  readonly #local: CoreTypes;
  readonly #targets: CoreTargets;
  readonly #known = new Map<number, readonly Candidate[]>();

  constructor(local: CoreTypes, targets: CoreTargets) {
    this.#local = local;
    this.#targets = targets;
  }

  of(id: number): readonly Candidate[] {
    let found = this.#known.get(id);
    if (found === undefined) {
      found = this.#find(id);
      this.#known.set(id, found);
    }
    return found;
  }

  /** What is left of the candidates of a type. */
  keep(id: number, left: readonly Candidate[]): void {
    this.#known.set(id, left);
  }

  #find(id: number): readonly Candidate[] {
    const { kind, name } = this.#local.type(id);
    if (name === "") throw new CoreProblem(`${this.#local.describe(id)} has no name by which it could be found`);
    const search = (btf: Btf): Candidate[] => {
      const types = CoreTypes.ofTarget(btf);
      return types.candidates(kind, name).map((candidate) => ({ types, id: candidate }));
    };
    const kernel = this.#targets.kernel();
    const found = chain(kernel).flatMap(search);
    return found.length > 0 ? found : (this.#targets.modules?.() ?? []).flatMap(search);
  }
}

/** A BTF after those that it goes on from. */
function chain(btf: Btf): Btf[] {
  return [...(btf.base === undefined ? [] : chain(btf.base)), btf];
}
