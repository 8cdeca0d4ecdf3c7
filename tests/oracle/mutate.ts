import { member, memberName } from "./generate.ts";
import type { Random } from "./random.ts";
import { type CType, type Declaration, INTS, type Member, type Universe } from "./types.ts";

/** What another kernel may have made of these types: members moved, renamed, resized, removed, wrapped, types doubled. */
export function mutate(random: Random, universe: Universe): Universe {
  const change = random.pick([2, 8, 20]);
  const changed = universe.map((one) => mutateDeclaration(random, one, universe, change));
  // The kernel's types have flavours as well, where a name was taken.
  const renamed = changed.map((one) => ({ ...one, name: rename(random, one.name, change) }));
  const doubles = renamed.flatMap((one) =>
    random.chance(change / 2)
      ? [{ ...mutateDeclaration(random, one, universe, change), name: `${base(one.name)}___2` }]
      : [],
  );
  return [...renamed, ...doubles];
}

function base(name: string): string {
  return name.replace(/___+\w*$/, "");
}

function rename(random: Random, name: string, change: number): string {
  if (random.chance(change / 2)) return `${name}_gone`;
  return random.chance(60) ? base(name) : name;
}

function mutateDeclaration(random: Random, declaration: Declaration, universe: Universe, change: number): Declaration {
  switch (declaration.kind) {
    case "struct":
    case "union": {
      if (random.chance(change / 4))
        return { kind: "fwd", name: declaration.name, union: declaration.kind === "union" };
      const kind = random.chance(change / 4) ? (declaration.kind === "struct" ? "union" : "struct") : declaration.kind;
      return { ...declaration, kind, members: mutateMembers(random, declaration.members, universe, change) };
    }
    case "typedef":
      return { ...declaration, of: mutateType(random, declaration.of, universe, change) };
    case "enum":
    case "enum64": {
      const values = declaration.values
        .filter(() => !random.chance(change))
        .map(({ name, value }) => ({
          name: random.chance(change) ? name.replace(/___x$/, "") : name,
          value: random.chance(change) ? value + 7n : value,
        }));
      const more = random.chance(change) ? [{ name: "E9", value: 99n }] : [];
      const list = random.chance(change) ? random.shuffle([...values, ...more]) : [...values, ...more];
      if (random.chance(change / 2)) {
        const isLarge = declaration.kind === "enum";
        return { ...declaration, kind: isLarge ? "enum64" : "enum", size: random.chance(50) ? 8 : 4, values: list };
      }
      return { ...declaration, values: list };
    }
    default:
      return declaration;
  }
}

function mutateMembers(random: Random, list: readonly Member[], universe: Universe, change: number): readonly Member[] {
  let result = list.flatMap((one) => {
    if (random.chance(change)) return [];
    const moved = { ...one, type: mutateType(random, one.type, universe, change) };
    if (one.name !== "" && random.chance(change / 3)) return [{ ...moved, name: memberName() }];
    if (one.bits > 0) return [{ ...one, bits: random.chance(change) ? 0 : Math.max(1, one.bits - random.below(2)) }];
    if (random.chance(change) && moved.type.kind === "int")
      return [{ ...moved, bits: 1 + random.below(moved.type.size * 8) }];
    return [moved];
  });
  if (random.chance(change)) result = random.shuffle(result);
  while (random.chance(change * 2)) result.splice(random.below(result.length + 1), 0, extra(random));
  if (random.chance(change) && result.length > 1) {
    // The same members, one level deeper.
    const at = random.below(result.length);
    const inner = result.slice(at);
    result = [
      ...result.slice(0, at),
      { name: "", type: { kind: "inline", union: random.chance(30), members: inner }, bits: 0 },
    ];
  }
  return result;
}

function extra(random: Random): Member {
  return member(random, [], 1, 1);
}

function mutateType(random: Random, type: CType, universe: Universe, change: number): CType {
  switch (type.kind) {
    case "inline":
      return { ...type, members: mutateMembers(random, type.members, universe, change) };
    case "array": {
      const length = random.chance(change) ? random.below(6) : type.length;
      return { ...type, length, of: mutateType(random, type.of, universe, change) };
    }
    case "const":
    case "volatile":
      return random.chance(change) ? mutateType(random, type.of, universe, change) : type;
    case "ptr":
      return random.chance(change / 2)
        ? random.pick(INTS)
        : { ...type, of: mutateType(random, type.of, universe, change) };
    case "proto":
      return random.chance(change) ? { ...type, parameters: [...type.parameters, random.pick(INTS)] } : type;
    case "int":
      return random.chance(change) ? random.pick(INTS) : type;
    default:
      return type;
  }
}
