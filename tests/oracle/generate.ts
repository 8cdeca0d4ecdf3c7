import type { Random } from "./random.ts";
import { type CType, type Declaration, INTS, type Member, type Universe } from "./types.ts";

/** Types of a program: structs, unions, enums and typedefs that hold and point to one another. */
export function generate(random: Random): Universe {
  const universe: Declaration[] = [];
  const count = 5 + random.below(7);
  for (let index = 0; index < count; index++) universe.push(declaration(random, index, universe, count));
  return universe;
}

function declaration(random: Random, index: number, before: Universe, count: number): Declaration {
  const flavour = random.pick(["", "", "", "___x", "___x2", "___a___b", "____c", "___"]);
  const name = `t${index}${flavour}`;
  const kind = random.below(10);
  if (kind < 5) return { kind: "struct", name, members: members(random, before, count, 2) };
  if (kind < 6) return { kind: "union", name, members: members(random, before, count, 2) };
  if (kind < 7) return { kind: "typedef", name, of: valueType(random, before, count, 2) };
  if (kind < 8 && random.chance(30)) return { kind: "fwd", name, union: random.chance(50) };
  return enumeration(random, name);
}

function enumeration(random: Random, name: string): Declaration {
  const signed = random.chance(40);
  const isLarge = random.chance(40);
  const least = signed ? -5 : 0;
  const values = random.list(1 + random.below(5), (at) => ({
    name: `E${at}${random.pick(["", "", "___x"])}`,
    value: isLarge && random.chance(40) ? 2n ** 40n + BigInt(at) : BigInt(least + random.below(1000)),
  }));
  return isLarge
    ? { kind: "enum64", name, size: 8, signed, values }
    : { kind: "enum", name, size: random.pick([4, 4, 4, 1, 2]), signed, values };
}

let unique = 0;

/** A name that no other member has. */
export function memberName(): string {
  return `m${unique++}`;
}

export function members(random: Random, before: Universe, count: number, depth: number): Member[] {
  return random.list(1 + random.below(6), (at) => member(random, before, count, depth, at === 5));
}

export function member(random: Random, before: Universe, count: number, depth: number, last = false): Member {
  if (depth > 0 && random.chance(15)) {
    const type = {
      kind: "inline",
      union: random.chance(40),
      members: members(random, before, count, depth - 1),
    } as const;
    // An unnamed type of a named member now and then.
    return { name: random.chance(75) ? "" : memberName(), type, bits: 0 };
  }
  if (random.chance(15)) {
    const type = random.pick(INTS.slice(0, 8));
    const width = type.kind === "int" ? type.size * 8 : 1;
    return { name: memberName(), type, bits: 1 + random.below(width) };
  }
  if (last && random.chance(30))
    return { name: memberName(), type: { kind: "array", of: valueType(random, before, count, 1), length: 0 }, bits: 0 };
  return { name: memberName(), type: valueType(random, before, count, depth), bits: 0 };
}

/** A type that has a size; by value only what is declared before. */
export function valueType(random: Random, before: Universe, count: number, depth: number): CType {
  const kind = random.below(12);
  const sized = before.flatMap((one, index) => (isSized(one, before) ? [index] : []));
  if (kind < 2 && sized.length > 0) return { kind: "named", index: random.pick(sized) };
  if (depth > 0 && kind < 4)
    return { kind: "array", of: valueType(random, before, count, depth - 1), length: 1 + random.below(4) };
  if (kind < 6)
    return { kind: "ptr", of: random.chance(60) ? { kind: "named", index: random.below(count) } : pointee(random) };
  if (depth > 0 && kind < 7)
    return { kind: random.pick(["const", "volatile"]), of: valueType(random, before, count, depth - 1) };
  if (kind < 8) return { kind: "float", size: 8 };
  return random.pick(INTS);
}

function pointee(random: Random): CType {
  if (random.chance(40)) return { kind: "void" };
  if (random.chance(50)) return random.pick(INTS);
  return {
    kind: "proto",
    result: random.pick(INTS),
    parameters: random.list(random.below(3), () => random.pick(INTS)),
  };
}

function isSized(declaration: Declaration, universe: Universe): boolean {
  if (declaration.kind === "fwd") return false;
  if (declaration.kind !== "typedef") return true;
  return declaration.of.kind !== "void" && universe.length > 0;
}
