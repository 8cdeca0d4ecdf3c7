import type { BtfComposite, BtfEnum, BtfEnum64, BtfForward, BtfType } from "./btf-types.ts";
import { isComposite, tooDeep } from "./core-compatible.ts";
import { sameEssentialName } from "./core-names.ts";
import type { CoreTypes } from "./core-types.ts";

const MAX_DEPTH = 32;

/**
 * Whether the object's type matches the kernel's (`bpf_core_type_matches`), which is stricter than being compatible:
 * the kernel's has every member of the object's, by name and matching in turn, but behind a pointer only name and kind
 * count; integers have the same size and sign, enums the same size and all names. Follows libbpf's bpf_core_types_match.
 */
export function doTypesMatch(local: CoreTypes, localId: number, target: CoreTypes, targetId: number): boolean {
  return new Matcher(local, target).match(localId, targetId, false, MAX_DEPTH);
}

class Matcher {
  readonly #local: CoreTypes;
  readonly #target: CoreTypes;
  /** Pairs of structs that were compared already: a type may hold another many times over. */
  readonly #known = new Map<string, boolean>();

  constructor(local: CoreTypes, target: CoreTypes) {
    this.#local = local;
    this.#target = target;
  }

  match(localId: number, targetId: number, behindPointer: boolean, level: number): boolean {
    if (level <= 0) throw tooDeep(localId);
    let isBehind = behindPointer;
    let a = this.#local.resolve(localId);
    let b = this.#target.resolve(targetId);
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      if (!doNamesMatch(a.name, b.name)) return false;
      switch (a.kind) {
        case "void":
          return b.kind === "void";
        case "fwd":
          return doForwardsMatch(a, b, isBehind);
        case "enum":
        case "enum64":
          return (b.kind === "enum" || b.kind === "enum64") && doEnumsMatch(a, b);
        case "struct":
        case "union":
          if (a.kind === b.kind) return isBehind || (isComposite(b) && this.#compositesMatch(a, b, level));
          return isBehind && b.kind === "fwd" && b.union === (a.kind === "union");
        case "int":
          return b.kind === "int" && a.size === b.size && a.signed === b.signed;
        case "ptr":
          if (b.kind !== "ptr") return false;
          isBehind = true;
          [a, b] = [this.#local.resolve(a.type), this.#target.resolve(b.type)];
          break;
        case "array":
          if (b.kind !== "array" || a.length !== b.length) return false;
          [a, b] = [this.#local.resolve(a.type), this.#target.resolve(b.type)];
          break;
        case "func_proto": {
          if (b.kind !== "func_proto" || a.parameters.length !== b.parameters.length) return false;
          const others = b.parameters;
          const isOne = ({ type }: { readonly type: number }, index: number): boolean =>
            this.#once(type, others[index]?.type ?? 0, isBehind, level - 1);
          if (!a.parameters.every(isOne)) return false;
          [a, b] = [this.#local.resolve(a.returnType), this.#target.resolve(b.returnType)];
          break;
        }
        default:
          return false;
      }
    }
    throw tooDeep(localId);
  }

  #once(localId: number, targetId: number, isBehind: boolean, level: number): boolean {
    const pair = `${localId} ${targetId} ${isBehind}`;
    const before = this.#known.get(pair);
    if (before !== undefined) return before;
    const result = this.match(localId, targetId, isBehind, level);
    this.#known.set(pair, result);
    return result;
  }

  #compositesMatch(a: BtfComposite, b: BtfComposite, level: number): boolean {
    if (a.members.length > b.members.length) return false;
    return a.members.every((member) =>
      b.members.some(
        (other) => doNamesMatch(member.name, other.name) && this.#once(member.type, other.type, false, level - 1),
      ),
    );
  }
}

/** Without their flavours; a type without a name matches only another such. */
function doNamesMatch(local: string, target: string): boolean {
  return target === "" ? local === "" : sameEssentialName(local, target);
}

function doEnumsMatch(a: BtfEnum | BtfEnum64, b: BtfEnum | BtfEnum64): boolean {
  if (a.size !== b.size || a.values.length > b.values.length) return false;
  return a.values.every(({ name }) => b.values.some((other) => doNamesMatch(name, other.name)));
}

function doForwardsMatch(a: BtfForward, b: BtfType, isBehind: boolean): boolean {
  if (b.kind === "fwd") return a.union === b.union;
  return isBehind && b.kind === (a.union ? "union" : "struct");
}
