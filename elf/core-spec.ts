import type { BtfArray, BtfMember } from "./btf-types.ts";
import { type CoreFamily, CoreKind, coreFamily } from "./core-kinds.ts";
import { CoreProblem, type CoreTypes } from "./core-types.ts";

/** Steps that an access may have (libbpf's BPF_CORE_SPEC_MAX_LEN). */
export const MAX_STEPS = 64;
const MAX_BITS = 0xffffffff;

/** A step that means something: a named member, an index, or the value of an enum. */
export interface Accessor {
  /** Of a member: the struct that has it. Of an index: the type of the elements. */
  readonly type: number;
  readonly index: number;
  /** Of a member or a value; undefined for an index. */
  readonly name: string | undefined;
}

/** An access taken apart, in one BTF: `0:1:2` of some type. */
export interface AccessSpec {
  readonly types: CoreTypes;
  readonly kind: number;
  readonly family: CoreFamily;
  /** Id of the type it begins at. */
  readonly root: number;
  /** Without the steps into anonymous members, which another BTF may have elsewhere. Empty for a type. */
  readonly accessors: readonly Accessor[];
  /** Every step. Empty for a type. */
  readonly steps: readonly number[];
  /** From the start of the root. */
  readonly bitOffset: number;
}

/** What a {@link CoreRelocation} says of its access. */
export interface Access {
  readonly typeId: number;
  readonly access: string;
  readonly kind: number;
}

/** Reads an access of an object in the object's own types. @throws CoreProblem */
export function parseAccess(types: CoreTypes, { typeId, access, kind }: Access): AccessSpec {
  const family = coreFamily(kind);
  if (family === undefined)
    throw new CoreProblem(
      `the kind ${kind} is not known here, and may be that of a newer compiler; known are 0 to ${CoreKind.TypeMatches}`,
    );
  const spec = { types, kind, family, root: typeId };
  const steps = parseSteps(access);
  if (family === "type") {
    if (access !== "0") throw new CoreProblem(`the access ${JSON.stringify(access)} of a type should be "0"`);
    return { ...spec, accessors: [], steps: [], bitOffset: 0 };
  }
  if (family === "enum") return { ...spec, accessors: [parseValue(types, typeId, steps)], steps, bitOffset: 0 };
  return { ...spec, ...parseField(types, typeId, steps) };
}

function parseSteps(access: string): number[] {
  if (!/^\d+(:\d+)*$/.test(access))
    throw new CoreProblem(`the access ${JSON.stringify(access)} is not of the form "0:1:2"`);
  const steps = access.split(":").map(Number);
  if (steps.length > MAX_STEPS)
    throw new CoreProblem(`the access has ${steps.length} steps, and at most ${MAX_STEPS} are taken`);
  return steps;
}

function parseValue(types: CoreTypes, root: number, steps: readonly number[]): Accessor {
  const type = types.resolve(root);
  const [index = 0] = steps;
  const value = type.kind === "enum" || type.kind === "enum64" ? type.values[index] : undefined;
  if (value === undefined || steps.length > 1)
    throw new CoreProblem(`${types.describe(root)} has no value at ${steps.join(":")}`);
  return { type: type.id, index, name: value.name };
}

function parseField(
  types: CoreTypes,
  root: number,
  steps: readonly number[],
): Pick<AccessSpec, "accessors" | "steps" | "bitOffset"> {
  const [first = 0, ...rest] = steps;
  const accessors: Accessor[] = [{ type: types.resolve(root).id, index: first, name: undefined }];
  let bitOffset = addIndex(types, 0, first, types.resolve(root).id);
  let current = root;
  for (const index of rest) {
    const type = types.resolve(current);
    if (type.kind === "struct" || type.kind === "union") {
      const member = type.members[index];
      if (member === undefined)
        throw new CoreProblem(`${types.describe(type.id)} has ${type.members.length} members, and no number ${index}`);
      bitOffset = addBits(bitOffset, member.bitOffset);
      if (member.name !== "") accessors.push({ type: type.id, index, name: member.name });
      current = member.type;
    } else if (type.kind === "array") {
      if (!isIndexOf(types, type, index, accessors.at(-1)))
        throw new CoreProblem(`an array of ${type.length} elements has no number ${index}`);
      current = types.resolve(type.type).id;
      accessors.push({ type: current, index, name: undefined });
      bitOffset = addIndex(types, bitOffset, index, current);
    } else throw new CoreProblem(`it steps into a ${type.kind}, which has neither members nor elements`);
  }
  return { accessors, steps, bitOffset };
}

/** Whether an array has that element. A last member `x[]` or `x[0]` may have any. */
export function isIndexOf(types: CoreTypes, array: BtfArray, index: number, before: Accessor | undefined): boolean {
  if (index < array.length) return true;
  if (array.length > 0 || before?.name === undefined) return false;
  const struct = types.type(before.type);
  return (struct.kind === "struct" || struct.kind === "union") && before.index === struct.members.length - 1;
}

export function addIndex(types: CoreTypes, bits: number, index: number, element: number): number {
  return addBits(bits, index * types.size(element) * 8);
}

export function addBits(bits: number, more: number): number {
  if (bits + more > MAX_BITS) throw new CoreProblem(`it leads ${bits + more} bits into the type`);
  return bits + more;
}

/** The member that an accessor with a name stands for. */
export function memberOf({ types }: Pick<AccessSpec, "types">, { type, index }: Accessor): BtfMember {
  const struct = types.type(type);
  const member = struct.kind === "struct" || struct.kind === "union" ? struct.members[index] : undefined;
  if (member === undefined) throw new CoreProblem(`${types.describe(type)} has no member number ${index}`);
  return member;
}

/** As libbpf writes it: `struct task_struct.pid (0:79 @ offset 1424)`. */
export function describeSpec({ types, family, root, accessors, steps, bitOffset }: AccessSpec): string {
  const type = types.describe(root);
  if (family === "type") return type;
  if (family === "enum") return `${type}::${accessors[0]?.name}`;
  const path = accessors.map(({ name, index }, at) =>
    name === undefined ? (at > 0 || index > 0 ? `[${index}]` : "") : `.${name}`,
  );
  const bits = bitOffset % 8 === 0 ? "" : `.${bitOffset % 8}`;
  return `${type}${path.join("")} (${steps.join(":")} @ offset ${Math.floor(bitOffset / 8)}${bits})`;
}
