/**
 * The kinds of BTF (Documentation/bpf/btf.rst), each as one plain object. Ids are of the same BTF; id 0 is void.
 */
export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfPointer
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfEnum64
  | BtfForward
  | BtfAlias
  | BtfFunction
  | BtfFunctionPrototype
  | BtfVariable
  | BtfDataSection
  | BtfFloat
  | BtfDeclTag;

export type BtfKind = BtfType["kind"];

/** Names by kind number (`BTF_KIND_*` of linux/btf.h). */
export const KIND_NAMES: readonly BtfKind[] = [
  "void",
  "int",
  "ptr",
  "array",
  "struct",
  "union",
  "enum",
  "fwd",
  "typedef",
  "volatile",
  "const",
  "restrict",
  "func",
  "func_proto",
  "var",
  "datasec",
  "float",
  "decl_tag",
  "type_tag",
  "enum64",
];

interface Named {
  readonly id: number;
  /** Empty for what has no name. */
  readonly name: string;
}

export interface BtfVoid extends Named {
  readonly kind: "void";
}

export interface BtfInt extends Named {
  readonly kind: "int";
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly char: boolean;
  readonly bool: boolean;
  /** Width of the value inside `size`, as old compilers describe bit fields. */
  readonly bits: number;
  /** Bits before the value inside `size`. */
  readonly bitOffset: number;
}

export interface BtfPointer extends Named {
  readonly kind: "ptr";
  readonly type: number;
}

export interface BtfArray extends Named {
  readonly kind: "array";
  readonly type: number;
  readonly indexType: number;
  /** Elements. */
  readonly length: number;
}

export interface BtfComposite extends Named {
  readonly kind: "struct" | "union";
  /** Bytes. */
  readonly size: number;
  readonly members: readonly BtfMember[];
}

export interface BtfMember {
  readonly name: string;
  readonly type: number;
  /** Bits from the start of the struct. */
  readonly bitOffset: number;
  /** Bits; 0 for a member that is no bit field. */
  readonly bitFieldSize: number;
}

export interface BtfEnum extends Named {
  readonly kind: "enum";
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: number }[];
}

export interface BtfEnum64 extends Named {
  readonly kind: "enum64";
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

/** A struct or union that was only declared. */
export interface BtfForward extends Named {
  readonly kind: "fwd";
  readonly union: boolean;
}

/** Another name or a qualifier for a type. */
export interface BtfAlias extends Named {
  readonly kind: "typedef" | "volatile" | "const" | "restrict" | "type_tag";
  readonly type: number;
}

/** 0 static, 1 global, 2 extern (`enum btf_func_linkage`; of variables `BTF_VAR_*`). */
export type BtfLinkage = number;

export interface BtfFunction extends Named {
  readonly kind: "func";
  /** Id of its prototype. */
  readonly type: number;
  readonly linkage: BtfLinkage;
}

export interface BtfFunctionPrototype extends Named {
  readonly kind: "func_proto";
  readonly returnType: number;
  /** A last one with type 0 and no name stands for `...`. */
  readonly parameters: readonly { readonly name: string; readonly type: number }[];
}

export interface BtfVariable extends Named {
  readonly kind: "var";
  readonly type: number;
  readonly linkage: BtfLinkage;
}

export interface BtfDataSection extends Named {
  readonly kind: "datasec";
  /** Bytes. */
  readonly size: number;
  readonly variables: readonly BtfSectionVariable[];
}

export interface BtfSectionVariable {
  /** Id of the variable, or of the function in `.ksyms`. */
  readonly type: number;
  /** Bytes from the start of the section. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

export interface BtfFloat extends Named {
  readonly kind: "float";
  /** Bytes. */
  readonly size: number;
}

export interface BtfDeclTag extends Named {
  readonly kind: "decl_tag";
  /** What is tagged. */
  readonly type: number;
  /** Which member or parameter of it; -1 for the whole. */
  readonly componentIndex: number;
}
