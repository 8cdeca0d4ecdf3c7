import type { BtfMember } from "./btf-types.ts";
import { areFieldsCompatible, areTypesCompatible, isComposite } from "./core-compatible.ts";
import { CoreKind } from "./core-kinds.ts";
import { doTypesMatch } from "./core-matches.ts";
import { sameEssentialName } from "./core-names.ts";
import { type Accessor, type AccessSpec, addBits, addIndex, isIndexOf, MAX_STEPS, memberOf } from "./core-spec.ts";
import { CoreProblem, type CoreTypes } from "./core-types.ts";

/**
 * The object's access in a candidate of the kernel: the same names and indices, wherever they stand there. Undefined if
 * the candidate does not have them. Follows libbpf's bpf_core_spec_match.
 *
 * @throws CoreProblem
 */
export function matchAccess(local: AccessSpec, target: CoreTypes, root: number): AccessSpec | undefined {
  const spec = { types: target, kind: local.kind, family: local.family, root };
  switch (local.family) {
    case "type": {
      const compare = local.kind === CoreKind.TypeMatches ? doTypesMatch : areTypesCompatible;
      const isSame = compare(local.types, local.root, target, root);
      return isSame ? { ...spec, accessors: [], steps: [], bitOffset: 0 } : undefined;
    }
    case "enum": {
      const accessor = matchValue(local.accessors[0]?.name ?? "", target, root);
      return accessor && { ...spec, accessors: [accessor], steps: [accessor.index], bitOffset: 0 };
    }
    case "field": {
      const found = matchField(local, target, root);
      return found && { ...spec, ...found };
    }
  }
}

function matchValue(name: string, target: CoreTypes, root: number): Accessor | undefined {
  const type = target.resolve(root);
  if (type.kind !== "enum" && type.kind !== "enum64") return undefined;
  const values: readonly { readonly name: string }[] = type.values;
  const index = values.findIndex((value) => sameEssentialName(value.name, name));
  return index < 0 ? undefined : { type: type.id, index, name: values[index]?.name };
}

function matchField(
  local: AccessSpec,
  target: CoreTypes,
  root: number,
): Pick<AccessSpec, "accessors" | "steps" | "bitOffset"> | undefined {
  const accessors: Accessor[] = [];
  const steps: number[] = [];
  let bitOffset = 0;
  let current = root;
  for (const [at, accessor] of local.accessors.entries()) {
    const type = target.resolve(current);
    if (accessor.name !== undefined) {
      const found = findMember(accessor.name, target, type.id, steps.length, new Set());
      if (found === undefined) return undefined;
      const isSame = areFieldsCompatible(local.types, memberOf(local, accessor).type, target, found.member.type);
      if (!isSame) return undefined;
      accessors.push(found.accessor);
      steps.push(...found.steps);
      bitOffset = addBits(bitOffset, found.bitOffset);
      current = found.member.type;
      continue;
    }
    let element = type.id;
    // The first index is into an imagined array of the root itself.
    if (at > 0) {
      if (type.kind !== "array" || !isIndexOf(target, type, accessor.index, accessors.at(-1))) return undefined;
      element = target.resolve(type.type).id;
    }
    checkDepth(steps.length);
    accessors.push({ type: element, index: accessor.index, name: undefined });
    steps.push(accessor.index);
    bitOffset = addIndex(target, bitOffset, accessor.index, element);
    current = element;
  }
  return { accessors, steps, bitOffset };
}

interface FoundMember {
  readonly member: BtfMember;
  readonly accessor: Accessor;
  /** Into anonymous members, and the member itself. */
  readonly steps: readonly number[];
  /** From the start of the struct in which the search began. */
  readonly bitOffset: number;
}

/** A member by its name, in anonymous members as well. `barren` are structs that are known not to have it. */
function findMember(
  name: string,
  target: CoreTypes,
  id: number,
  depth: number,
  barren: Set<number>,
): FoundMember | undefined {
  const type = target.resolve(id);
  if (!isComposite(type) || barren.has(type.id)) return undefined;
  for (const [index, member] of type.members.entries()) {
    checkDepth(depth);
    if (member.name === name) {
      const accessor = { type: type.id, index, name };
      return { member, accessor, steps: [index], bitOffset: member.bitOffset };
    }
    const inner = member.name === "" ? findMember(name, target, member.type, depth + 1, barren) : undefined;
    if (inner !== undefined)
      return { ...inner, steps: [index, ...inner.steps], bitOffset: addBits(member.bitOffset, inner.bitOffset) };
  }
  barren.add(type.id);
  return undefined;
}

function checkDepth(steps: number): void {
  if (steps >= MAX_STEPS) throw new CoreProblem(`a candidate is nested more than ${MAX_STEPS} levels deep`);
}
