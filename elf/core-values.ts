import type { BtfType } from "./btf-types.ts";
import { CoreKind } from "./core-kinds.ts";
import { type AccessSpec, memberOf } from "./core-spec.ts";
import { CoreProblem, type CoreTypes } from "./core-types.ts";

/** What a relocation comes to in one BTF. */
interface Side {
  /** Of 64 bits, negative ones in two's complement. */
  readonly value: bigint;
  /** What a load or a store of the field moves: bytes, and the type; undefined where the kind does not tell. */
  readonly field?: { readonly size: number; readonly type: BtfType } | undefined;
  /** False where the compiler may have come to another value by right. */
  readonly certain: boolean;
}

/** What an instruction has and is to get. */
export interface CoreValue {
  readonly original: bigint;
  /** Undefined where the kernel has no such thing: the instruction is to be made invalid. */
  readonly value: bigint | undefined;
  /** Whether the instruction must have the original value. */
  readonly validate: boolean;
  /** Bytes that a load or a store moves in the object and in the kernel, where that differs. */
  readonly resize: { readonly from: number; readonly to: number; readonly safe: boolean } | undefined;
}

/**
 * The value of a relocation in the object and in the kernel, where `target` is undefined if nothing there matches.
 * Follows libbpf's bpf_core_calc_relo.
 *
 * @throws CoreProblem
 */
export function calculate(local: AccessSpec, target: AccessSpec | undefined): CoreValue {
  const mine = sideOf(local);
  const theirs = target === undefined ? absent(local) : sideOf(target);
  return {
    original: mine.value,
    value: theirs?.value,
    validate: mine.certain,
    resize: theirs === undefined ? undefined : resizing(mine.field, theirs.field),
  };
}

/** What the lack of a counterpart means: no for a question, 0 for what is asked of a type, and nothing at all else. */
function absent({ kind, family }: AccessSpec): Side | undefined {
  const isQuestion = kind === CoreKind.FieldExists || kind === CoreKind.EnumValueExists || family === "type";
  return isQuestion ? { value: 0n, certain: true } : undefined;
}

function sideOf(spec: AccessSpec): Side {
  const { types, kind, root, family, accessors } = spec;
  const sure = (value: bigint | number): Side => ({ value: BigInt(value), certain: true });
  switch (kind) {
    case CoreKind.FieldExists:
    case CoreKind.TypeExists:
    case CoreKind.TypeMatches:
    case CoreKind.EnumValueExists:
      return sure(1);
    case CoreKind.TypeSize:
      return sure(types.size(root));
    case CoreKind.TypeIdLocal:
    case CoreKind.TypeIdTarget:
      // The linker may have numbered the types anew.
      return { value: BigInt(root), certain: false };
    case CoreKind.EnumValue:
      return sure(enumValue(types, accessors[0]?.type ?? 0, accessors[0]?.index ?? 0));
    default:
      return family === "field" && accessors.at(-1)?.name !== undefined ? ofMember(spec) : ofElement(spec);
  }
}

function enumValue(types: CoreTypes, id: number, index: number): bigint {
  const type = types.type(id);
  // The numbers of a small enum are taken as signed, also where the enum is not.
  if (type.kind === "enum") return BigInt.asUintN(64, BigInt((type.values[index]?.value ?? 0) | 0));
  return type.kind === "enum64" ? BigInt.asUintN(64, type.values[index]?.value ?? 0n) : 0n;
}

/** Of an element of an array, or of the root itself. */
function ofElement({ types, kind, accessors, bitOffset }: AccessSpec): Side {
  const id = accessors.at(-1)?.type ?? 0;
  if (kind === CoreKind.FieldByteSize) return { value: BigInt(types.size(id)), certain: true };
  if (kind !== CoreKind.FieldByteOffset)
    throw new CoreProblem("only the offset and the size of an element of an array can be asked for");
  return { value: BigInt(Math.floor(bitOffset / 8)), field: fieldOf(types, id), certain: true };
}

function ofMember(spec: AccessSpec): Side {
  const { types, kind, accessors, bitOffset } = spec;
  const accessor = accessors.at(-1);
  if (accessor === undefined) throw new CoreProblem("it is an access to nothing");
  const member = memberOf(spec, accessor);
  const type = types.resolve(member.type);
  const isBitField = member.bitFieldSize > 0;
  const { at, bytes } = isBitField
    ? bitFieldPlace(type, bitOffset, member.bitFieldSize)
    : { at: Math.floor(bitOffset / 8), bytes: types.size(type.id) };
  const bits = isBitField ? member.bitFieldSize : bytes * 8;
  switch (kind) {
    case CoreKind.FieldByteOffset:
      return {
        value: BigInt(at),
        field: isBitField ? undefined : fieldOf(types, type.id),
        certain: !isBitField,
      };
    case CoreKind.FieldByteSize:
      return { value: BigInt(bytes), certain: !isBitField };
    case CoreKind.FieldSigned:
      return { value: isSigned(type) ? 1n : 0n, certain: true };
    case CoreKind.FieldLeftShift: {
      const before = bitOffset - at * 8;
      const shift = types.btf.littleEndian ? 64 - before - bits : (8 - bytes) * 8 + before;
      // The kernel's arithmetic is that of 32 bits; of a field of more than 8 bytes nobody asks.
      return { value: BigInt(shift >>> 0), certain: !isBitField };
    }
    default:
      return { value: BigInt.asUintN(64, BigInt(64 - bits)) & 0xffffffffn, certain: true };
  }
}

/** Where to read a bit field: the smallest aligned integer from its declared size on that holds it. */
function bitFieldPlace(type: BtfType, bitOffset: number, bits: number): { at: number; bytes: number } {
  let bytes = "size" in type ? type.size : 0;
  if (bytes === 0) throw new CoreProblem(`a bit field is of type ${type.id}, a ${type.kind}, which has no size`);
  const begin = (): number => Math.floor(Math.floor(bitOffset / 8) / bytes) * bytes;
  while (bitOffset + bits - begin() * 8 > bytes * 8) {
    if (bytes >= 8) throw new CoreProblem("no read of up to 8 bytes has the whole bit field");
    bytes *= 2;
  }
  return { at: begin(), bytes };
}

/** Of an array, what one of its elements is: no instruction moves a whole array. */
function fieldOf(types: CoreTypes, id: number): Side["field"] {
  return { size: types.size(types.element(id).id), type: types.resolve(id) };
}

function isSigned(type: BtfType): boolean {
  return (type.kind === "int" || type.kind === "enum" || type.kind === "enum64") && type.signed;
}

function resizing(mine: Side["field"], theirs: Side["field"]): CoreValue["resize"] {
  if (mine?.size === theirs?.size) return undefined;
  return {
    from: mine?.size ?? 0,
    to: theirs?.size ?? 0,
    safe: isResizable(mine?.type) && haveSameKind(mine, theirs) && isResizable(theirs?.type),
  };
}

function haveSameKind(mine: Side["field"], theirs: Side["field"]): boolean {
  return mine?.type.kind === theirs?.type.kind;
}

/** Whether a read of another size still gives the value: pointers and unsigned integers, as loads fill up with zeroes. */
function isResizable(type: BtfType | undefined): boolean {
  return type?.kind === "ptr" || (type?.kind === "int" && (!type.signed || type.char || type.bool));
}
