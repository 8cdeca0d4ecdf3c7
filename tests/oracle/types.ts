/** C-like types as the random pairs are made of: plain data, with declarations referred to by their place in a list. */
export type CType =
  | { readonly kind: "void" }
  | { readonly kind: "int"; readonly name: string; readonly size: number; readonly flags: number }
  | { readonly kind: "float"; readonly size: number }
  | { readonly kind: "ptr" | "const" | "volatile"; readonly of: CType }
  | { readonly kind: "array"; readonly of: CType; readonly length: number }
  | { readonly kind: "proto"; readonly result: CType; readonly parameters: readonly CType[] }
  | { readonly kind: "inline"; readonly union: boolean; readonly members: readonly Member[] }
  | { readonly kind: "named"; readonly index: number };

export interface Member {
  /** Empty for an anonymous struct or union. */
  readonly name: string;
  readonly type: CType;
  /** 0 for one that is no bit field. */
  readonly bits: number;
}

export type Declaration =
  | { readonly kind: "struct" | "union"; readonly name: string; readonly members: readonly Member[] }
  | {
      readonly kind: "enum" | "enum64";
      readonly name: string;
      readonly size: number;
      readonly signed: boolean;
      readonly values: readonly { readonly name: string; readonly value: bigint }[];
    }
  | { readonly kind: "fwd"; readonly name: string; readonly union: boolean }
  | { readonly kind: "typedef"; readonly name: string; readonly of: CType };

/** Declarations; those held by value come before those that hold them. */
export type Universe = readonly Declaration[];

/** `BTF_INT_*`. */
export const SIGNED = 1;
export const CHAR = 2;
export const BOOL = 4;

export const INTS: readonly CType[] = [
  { kind: "int", name: "int", size: 4, flags: SIGNED },
  { kind: "int", name: "unsigned int", size: 4, flags: 0 },
  { kind: "int", name: "char", size: 1, flags: SIGNED },
  { kind: "int", name: "unsigned char", size: 1, flags: 0 },
  { kind: "int", name: "short", size: 2, flags: SIGNED },
  { kind: "int", name: "unsigned short", size: 2, flags: 0 },
  { kind: "int", name: "long", size: 8, flags: SIGNED },
  { kind: "int", name: "unsigned long", size: 8, flags: 0 },
  { kind: "int", name: "_Bool", size: 1, flags: BOOL },
  { kind: "int", name: "u128", size: 16, flags: 0 },
  { kind: "int", name: "schar", size: 1, flags: SIGNED | CHAR },
];

export interface Placed {
  readonly member: Member;
  readonly bitOffset: number;
}

/** Sizes and offsets as a C compiler would choose them, near enough. */
export class Layout {
  readonly universe: Universe;
  readonly pointerBytes: number;

  constructor(universe: Universe, pointerBytes: number) {
    this.universe = universe;
    this.pointerBytes = pointerBytes;
  }

  declaration(index: number): Declaration {
    const declaration = this.universe[index];
    if (declaration === undefined) throw new RangeError(`no declaration ${index}`);
    return declaration;
  }

  /** Behind typedefs and qualifiers; a named struct or enum as it is. */
  resolve(type: CType): CType {
    if (type.kind === "const" || type.kind === "volatile") return this.resolve(type.of);
    if (type.kind !== "named") return type;
    const declaration = this.declaration(type.index);
    return declaration.kind === "typedef" ? this.resolve(declaration.of) : type;
  }

  /** The members of a struct or union, undefined of another type. */
  members(type: CType): { union: boolean; members: readonly Member[] } | undefined {
    const real = this.resolve(type);
    if (real.kind === "inline") return real;
    const declaration = real.kind === "named" ? this.declaration(real.index) : undefined;
    if (declaration?.kind !== "struct" && declaration?.kind !== "union") return undefined;
    return { union: declaration.kind === "union", members: declaration.members };
  }

  /** Undefined for what has none. */
  size(type: CType): number | undefined {
    const real = this.resolve(type);
    switch (real.kind) {
      case "int":
      case "float":
        return real.size;
      case "ptr":
        return this.pointerBytes;
      case "array": {
        const element = this.size(real.of);
        return element === undefined ? undefined : element * real.length;
      }
      case "inline":
        return this.place(real).size;
      case "named": {
        const declaration = this.declaration(real.index);
        if (declaration.kind === "struct" || declaration.kind === "union")
          return this.place({ union: declaration.kind === "union", members: declaration.members }).size;
        return declaration.kind === "enum" || declaration.kind === "enum64" ? declaration.size : undefined;
      }
      default:
        return undefined;
    }
  }

  place({ union, members }: { readonly union: boolean; readonly members: readonly Member[] }): {
    size: number;
    placed: Placed[];
  } {
    let end = 0;
    let largest = 0;
    const placed = members.map((member) => {
      const bytes = this.size(member.type) ?? 0;
      const bits = member.bits || bytes * 8;
      const unit = Math.max(8, Math.min(64, member.bits > 0 ? bytes * 8 : 8 * this.#alignment(member.type)));
      let at = union ? 0 : end;
      const isFit = member.bits > 0 && Math.floor(at / unit) === Math.floor((at + bits - 1) / unit);
      if (!isFit) at = Math.ceil(at / unit) * unit;
      end = at + bits;
      largest = Math.max(largest, end);
      return { member, bitOffset: at };
    });
    return { size: Math.ceil(largest / 64) * 8, placed };
  }

  #alignment(type: CType): number {
    const real = this.resolve(type);
    if (real.kind === "array") return this.#alignment(real.of);
    if (this.members(real) !== undefined) return 8;
    return Math.min(8, this.size(real) || 1);
  }
}
