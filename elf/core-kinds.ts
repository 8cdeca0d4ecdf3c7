/** What a relocation is about: a member, a type as a whole, a value of an enum. */
export type CoreFamily = "field" | "type" | "enum";

/** `enum bpf_core_relo_kind` of linux/bpf.h. */
export const CoreKind = {
  FieldByteOffset: 0,
  FieldByteSize: 1,
  FieldExists: 2,
  FieldSigned: 3,
  FieldLeftShift: 4,
  FieldRightShift: 5,
  TypeIdLocal: 6,
  TypeIdTarget: 7,
  TypeExists: 8,
  TypeSize: 9,
  EnumValueExists: 10,
  EnumValue: 11,
  TypeMatches: 12,
} as const;

/** By number: libbpf's name, what it is about, and how a sentence names it. */
const KINDS: readonly (readonly [name: string, family: CoreFamily, wording: string])[] = [
  ["byte_off", "field", "the offset"],
  ["byte_sz", "field", "the size"],
  ["field_exists", "field", "the existence"],
  ["signed", "field", "the signedness"],
  ["lshift_u64", "field", "the left shift"],
  ["rshift_u64", "field", "the right shift"],
  ["local_type_id", "type", "the id in the object's own BTF"],
  ["target_type_id", "type", "the id"],
  ["type_exists", "type", "the existence"],
  ["type_size", "type", "the size"],
  ["enumval_exists", "enum", "the existence"],
  ["enumval_value", "enum", "the value"],
  ["type_matches", "type", "a match"],
];

/** Undefined for a kind that is not known. */
export function coreFamily(kind: number): CoreFamily | undefined {
  return KINDS[kind]?.[1];
}

/** As libbpf calls it in its messages. */
export function coreKindName(kind: number): string {
  return KINDS[kind]?.[0] ?? `kind ${kind}`;
}

/** `the offset`, to be followed by `of struct x.y`. */
export function coreKindWording(kind: number): string {
  return KINDS[kind]?.[2] ?? `relocation kind ${kind}`;
}
