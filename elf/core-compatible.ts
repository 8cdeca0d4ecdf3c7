import type { BtfType } from "./btf-types.ts";
import { sameEssentialName } from "./core-names.ts";
import { CoreProblem, type CoreTypes, isSameKind } from "./core-types.ts";

const MAX_DEPTH = 32;

/**
 * Whether a member of the object's type and one of the kernel's, of the same name, may be the same member: structs and
 * unions in any mix, pointers to whatever, integers of any size, enums of the same name or without, arrays of such.
 * Follows libbpf's bpf_core_fields_are_compat.
 */
export function areFieldsCompatible(local: CoreTypes, localId: number, target: CoreTypes, targetId: number): boolean {
  let a = local.resolve(localId);
  let b = target.resolve(targetId);
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    if (isComposite(a) && isComposite(b)) return true;
    if (!isSameKind(a.kind, b.kind)) return false;
    switch (a.kind) {
      case "ptr":
      case "float":
        return true;
      case "fwd":
      case "enum":
      case "enum64":
        return a.name === "" || b.name === "" || sameEssentialName(a.name, b.name);
      case "int":
        return isPlain(a) && isPlain(b);
      case "array":
        if (b.kind !== "array") return false;
        a = local.resolve(a.type);
        b = target.resolve(b.type);
        break;
      default:
        return false;
    }
  }
  throw new CoreProblem(`type ${localId} is nested more than ${MAX_DEPTH} arrays deep`);
}

/**
 * Whether two types of the same name count as the same one, for their existence, size and id: kinds are equal, and so
 * on behind pointers, in arrays and in the prototypes of functions; what is in a struct does not matter.
 * Follows libbpf's bpf_core_types_are_compat.
 */
export function areTypesCompatible(local: CoreTypes, localId: number, target: CoreTypes, targetId: number): boolean {
  const known = new Map<string, boolean>();

  const compare = (localRoot: number, targetRoot: number, level: number): boolean => {
    const pair = `${localRoot} ${targetRoot}`;
    const before = known.get(pair);
    if (before !== undefined) return before;
    const result = walk(localRoot, targetRoot, level);
    known.set(pair, result);
    return result;
  };

  const walk = (localRoot: number, targetRoot: number, level: number): boolean => {
    let a = local.resolve(localRoot);
    let b = target.resolve(targetRoot);
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      if (!isSameKind(a.kind, b.kind)) return false;
      switch (a.kind) {
        case "void":
        case "struct":
        case "union":
        case "enum":
        case "enum64":
        case "fwd":
          return true;
        case "int":
          return isPlain(a) && isPlain(b);
        case "ptr":
        case "array":
          if (b.kind !== a.kind) return false;
          a = local.resolve(a.type);
          b = target.resolve(b.type);
          break;
        case "func_proto": {
          if (b.kind !== "func_proto" || a.parameters.length !== b.parameters.length) return false;
          if (level === 0 && a.parameters.length > 0) throw tooDeep(localId);
          const others = b.parameters;
          if (!a.parameters.every(({ type }, index) => compare(type, others[index]?.type ?? 0, level - 1)))
            return false;
          a = local.resolve(a.returnType);
          b = target.resolve(b.returnType);
          break;
        }
        default:
          return false;
      }
    }
    throw tooDeep(localId);
  };

  // The roots as they are: a typedef stands for a typedef.
  return isSameKind(local.type(localId).kind, target.type(targetId).kind) && compare(localId, targetId, MAX_DEPTH);
}

export function tooDeep(id: number): CoreProblem {
  return new CoreProblem(`type ${id} is nested more than ${MAX_DEPTH} levels deep`);
}

export function isComposite(type: BtfType): type is Extract<BtfType, { readonly kind: "struct" | "union" }> {
  return type.kind === "struct" || type.kind === "union";
}

/** Not one of the integers by which old compilers described bit fields. */
function isPlain(type: BtfType): boolean {
  return type.kind === "int" && type.bitOffset === 0;
}
