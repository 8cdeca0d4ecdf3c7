import { CoreKind } from "../../elf/core-kinds.ts";
import type { Random } from "./random.ts";
import { type CType, type Layout, SIGNED } from "./types.ts";

/** A CO-RE record, and the value that a compiler writes for it. */
export interface RandomAccess {
  readonly kind: number;
  /** BTF id of the root. */
  readonly type: number;
  readonly access: string;
  readonly value: bigint;
  /** Bytes of the field, for a load. */
  readonly size: number | undefined;
}

/** Something to ask of a random type of an object. */
export function randomAccess(random: Random, layout: Layout): RandomAccess {
  const index = random.below(layout.universe.length);
  const declaration = layout.declaration(index);
  const root: CType = { kind: "named", index };
  const real = layout.resolve(root);
  const enumeration = real.kind === "named" ? layout.declaration(real.index) : undefined;
  const type = index + 1;
  if ((enumeration?.kind === "enum" || enumeration?.kind === "enum64") && random.chance(80)) {
    const at = random.below(enumeration.values.length);
    const value = enumeration.values[at]?.value ?? 0n;
    const kind = random.pick([CoreKind.EnumValue, CoreKind.EnumValueExists]);
    return { kind, type, access: `${at}`, value: kind === CoreKind.EnumValue ? value : 1n, size: undefined };
  }
  if (layout.members(root) !== undefined && random.chance(75)) return field(random, layout, root, type);
  const kinds = [CoreKind.TypeIdLocal, CoreKind.TypeIdTarget, CoreKind.TypeExists, CoreKind.TypeMatches];
  const kind =
    declaration.kind === "fwd" || layout.size(root) === undefined
      ? random.pick(kinds)
      : random.pick([...kinds, CoreKind.TypeSize]);
  const value =
    kind === CoreKind.TypeSize ? BigInt(layout.size(root) ?? 0) : kind <= CoreKind.TypeIdTarget ? BigInt(type) : 1n;
  return { kind, type, access: "0", value, size: undefined };
}

function field(random: Random, layout: Layout, root: CType, type: number): RandomAccess {
  const first = random.chance(10) ? random.below(3) : 0;
  const steps = [first];
  let bits = first * (layout.size(root) ?? 0) * 8;
  let current = root;
  let width = 0;
  let isElement = true;
  for (let depth = 0; depth < 8; depth++) {
    const real = layout.resolve(current);
    const composite = layout.members(real);
    if (composite !== undefined && composite.members.length > 0) {
      // A named member may be the end; an anonymous one never is.
      if (depth > 0 && !isElement && random.chance(30)) break;
      const at = random.below(composite.members.length);
      const placed = layout.place(composite).placed[at];
      if (placed === undefined) break;
      steps.push(at);
      bits += placed.bitOffset;
      width = placed.member.bits;
      current = placed.member.type;
      isElement = placed.member.name === "";
    } else if (real.kind === "array" && random.chance(70)) {
      const at = real.length > 0 ? random.below(real.length) : 0;
      const size = layout.size(real.of);
      if (real.length === 0 || size === undefined) break;
      steps.push(at);
      bits += at * size * 8;
      current = real.of;
      isElement = false;
      if (random.chance(60)) return finish(random, layout, type, steps, bits, 0, current, true);
    } else break;
  }
  return finish(random, layout, type, steps, bits, width, current, steps.length === 1);
}

function finish(
  random: Random,
  layout: Layout,
  type: number,
  steps: readonly number[],
  bits: number,
  width: number,
  current: CType,
  isElement: boolean,
): RandomAccess {
  const size = layout.size(current) ?? 0;
  const real = layout.resolve(current);
  const enumeration = real.kind === "named" ? layout.declaration(real.index) : undefined;
  const isEnum = enumeration?.kind === "enum" || enumeration?.kind === "enum64";
  const isEnumSigned = isEnum && enumeration.signed;
  const isSigned = (real.kind === "int" && (real.flags & SIGNED) !== 0) || isEnumSigned;
  // libbpf before 1.2 takes the sign of what is neither from a record that is not the type's.
  const kinds = real.kind === "int" || isEnum ? [0, 0, 0, 1, 2, 3, 4, 5] : [0, 0, 0, 1, 2, 4, 5];
  const kind = isElement ? random.pick([0, 0, 0, 1, 2, 2]) : random.pick(kinds);
  const values = [Math.floor(bits / 8), size, 1, isSigned ? 1 : 0, 64 - size * 8, 64 - (width || size * 8)];
  // Of a load from an array as a whole libbpf before 1.6 compares the sizes of the arrays, later ones and we those of the elements.
  const isLoad = kind === CoreKind.FieldByteOffset && width === 0 && real.kind !== "array";
  return {
    kind,
    type,
    access: steps.join(":"),
    value: BigInt(values[kind] ?? 0),
    size: isLoad ? size : undefined,
  };
}
