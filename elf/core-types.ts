import type { Btf } from "./btf.ts";
import type { BtfKind, BtfType } from "./btf-types.ts";

/** Typedefs, qualifiers and arrays in a row before a type counts as a cycle. */
const MAX_DEPTH = 64;
const MAX_SIZE = 0xffffffff;

/** Ways to write the type whose size is that of a pointer, in C and in what compilers make of it. */
const LONG_NAMES: readonly string[] = [
  "long int",
  "long",
  "int long",
  "long unsigned int",
  "unsigned long",
  "long unsigned",
  "unsigned long int",
  "unsigned int long",
  "long int unsigned",
  "int unsigned long",
  "int long unsigned",
];

/** Why a relocation cannot be computed. Who catches it knows which one, and makes a RelocationError of it. */
export class CoreProblem extends Error {}

const ofTargets = new WeakMap<Btf, CoreTypes>();

/** The types of one BTF as CO-RE looks at them; each is decoded once. */
export class CoreTypes {
  readonly btf: Btf;
  readonly #pointerBytes: number;
  readonly #types = new Map<number, BtfType>();

  constructor(btf: Btf, pointerBytes: number) {
    this.btf = btf;
    this.#pointerBytes = pointerBytes;
  }

  /** Those of an object: its pointers have 8 bytes, whatever the kernel's have. */
  static ofObject(btf: Btf): CoreTypes {
    return new CoreTypes(btf, 8);
  }

  /** Those of a kernel, kept for as long as its BTF is. */
  static ofTarget(btf: Btf): CoreTypes {
    let types = ofTargets.get(btf);
    if (types === undefined) {
      types = new CoreTypes(btf, pointerBytesOf(btf));
      ofTargets.set(btf, types);
    }
    return types;
  }

  /** @throws BtfError ERR_BTF_MALFORMED */
  type(id: number): BtfType {
    let type = this.#types.get(id);
    if (type === undefined) {
      type = this.btf.type(id);
      this.#types.set(id, type);
    }
    return type;
  }

  /** The type behind typedefs and qualifiers. */
  resolve(id: number): BtfType {
    let type = this.type(id);
    for (let depth = 0; isAlias(type); depth++) {
      if (depth === MAX_DEPTH) throw new CoreProblem(`type ${id} leads in a circle`);
      type = this.type(type.type);
    }
    return type;
  }

  /** The type behind arrays as well. */
  element(id: number): BtfType {
    let type = this.resolve(id);
    for (let depth = 0; type.kind === "array"; depth++) {
      if (depth === MAX_DEPTH) throw new CoreProblem(`type ${id} leads in a circle`);
      type = this.resolve(type.type);
    }
    return type;
  }

  /** Bytes of a value of this type. */
  size(id: number): number {
    let factor = 1;
    let type = this.type(id);
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      if (type.kind === "array") factor *= type.length;
      else if (type.kind === "ptr") return checked(id, factor * this.#pointerBytes);
      else if ("size" in type) return checked(id, factor * type.size);
      else if (!isAlias(type) && type.kind !== "var" && type.kind !== "decl_tag") break;
      type = this.type(type.type);
    }
    throw new CoreProblem(`the size of ${this.describe(id)} is needed, and it has none`);
  }

  /** Ids of the types of this BTF, not of its base, that a type of that kind and name may stand for. */
  candidates(kind: BtfKind, name: string): number[] {
    return this.btf.idsByEssentialName(name).filter((id) => isSameKind(this.btf.kind(id), kind));
  }

  /** As C writes it: `struct task_struct`. */
  describe(id: number): string {
    const { kind, name } = this.type(id);
    return `${kind} ${name === "" ? "(anonymous)" : name}`;
  }
}

/** An enum of up to 32 bits and one of 64 may stand for each other. */
export function isSameKind(a: BtfKind, b: BtfKind): boolean {
  return a === b || (isEnum(a) && isEnum(b));
}

function isEnum(kind: BtfKind): boolean {
  return kind === "enum" || kind === "enum64";
}

type Alias = Extract<BtfType, { readonly kind: "typedef" | "volatile" | "const" | "restrict" | "type_tag" }>;

function isAlias(type: BtfType): type is Alias {
  switch (type.kind) {
    case "typedef":
    case "volatile":
    case "const":
    case "restrict":
    case "type_tag":
      return true;
    default:
      return false;
  }
}

function checked(id: number, size: number): number {
  if (size > MAX_SIZE) throw new CoreProblem(`type ${id} is said to have ${size} bytes`);
  return size;
}

/** BTF does not say it; the size of the first `long` does. */
function pointerBytesOf(btf: Btf): number {
  if (btf.base !== undefined) return pointerBytesOf(btf.base);
  const longs = LONG_NAMES.flatMap((name) => btf.idsByEssentialName(name)).sort((a, b) => a - b);
  for (const id of longs) {
    const type = btf.type(id);
    const isLong = type.kind === "int" && LONG_NAMES.includes(type.name);
    if (isLong && (type.size === 4 || type.size === 8)) return type.size;
  }
  return 8;
}
