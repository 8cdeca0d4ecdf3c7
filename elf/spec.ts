/**
 * What an object file asks for, as plain data: no file descriptor, no address, nothing of this machine.
 * Everything here can be printed, edited and loaded many times.
 */

/** One program: an entry point, with the subprograms it calls already appended. */
export interface ProgramSpec {
  /** The symbol's whole name. */
  readonly name: string;
  /** The section it stands in, as written in the file (`sk_msg`, `?sk_msg`, `sk_skb/stream_parser`). */
  readonly section: string;
  /** `BPF_PROG_TYPE_*`, undefined for a section name that no rule knows. */
  readonly type: number | undefined;
  /** `BPF_SK_MSG_VERDICT` and its like; 0 where the section implies none. */
  readonly expectedAttachType: number;
  /** False for a section that begins with `?`. */
  readonly autoload: boolean;
  /**
   * Instructions of 8 bytes each, in the file's byte order. Calls between the functions inside are
   * resolved; map references are left as the relocations below tell.
   */
  readonly instructions: Uint8Array;
  /** References that need something of the running system, ordered by instruction. */
  readonly relocations: readonly Relocation[];
  /** func_info records for the kernel: 8 bytes each (u32 instruction index, u32 BTF type id), host of the file's byte order. */
  readonly funcInfo: Uint8Array | undefined;
  /** line_info records for the kernel: 16 bytes each (u32 instruction index, file name offset, line text offset, line << 10 | column). */
  readonly lineInfo: Uint8Array | undefined;
  /** CO-RE records that fall into this program, at their final instruction index. */
  readonly coreRelocations: readonly CoreRelocation[];
  /** Names of the functions inside, in order, with the index of each one's first instruction; the first is the program itself. */
  readonly functions: readonly FunctionSpan[];
}

export interface FunctionSpan {
  readonly name: string;
  /** Index of the first instruction. */
  readonly instruction: number;
}

/** `ldimm64` that is to carry a map's fd, or the address of a byte inside a map's only value. */
export type Relocation =
  | { readonly kind: "map"; readonly instruction: number; readonly map: string }
  | { readonly kind: "data"; readonly instruction: number; readonly map: string; readonly offset: number };

/** A CO-RE record of .BTF.ext (`struct bpf_core_relo`), parsed, not applied. */
export interface CoreRelocation {
  /** Index of the instruction to patch. */
  readonly instruction: number;
  /** Root type in the object's BTF. */
  readonly typeId: number;
  /** Access string such as `0:1:2`. */
  readonly access: string;
  /** `enum bpf_core_relo_kind`. */
  readonly kind: number;
  /** Its place among all the object's: libbpf applies them in this order, and what one rules out is ruled out for those after it. */
  readonly record: number;
}

export interface MapSpec {
  readonly name: string;
  /** Where it came from: a BTF-defined map of `.maps`, a 20-byte `struct bpf_map_def` of `maps`, or a data section. */
  readonly origin: "btf" | "legacy" | "data";
  readonly section: string;
  /** `BPF_MAP_TYPE_*`. */
  readonly type: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_*` flags of map creation. */
  readonly flags: number;
  readonly numaNode: number | undefined;
  /** `map_extra`; what it means depends on the type. */
  readonly extra: bigint;
  /** True where the object asks for LIBBPF_PIN_BY_NAME. */
  readonly pinByName: boolean;
  /** BTF type ids in the object's BTF, 0 for none. */
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  /** Of a data map: the section's initial bytes, as long as the value. */
  readonly initial: Uint8Array | undefined;
  /** Frozen after it was filled (`.rodata*`). */
  readonly readOnly: boolean;
}

/** One section, as `readelf -S` lists it. */
export interface SectionSpec {
  readonly name: string;
  /** `SHT_*` of elf.h. */
  readonly type: number;
  /** Bytes; of `.bss`, in memory. */
  readonly size: number;
  /** `SHF_*` bits of elf.h. */
  readonly flags: number;
}

/** One symbol, as `readelf -s` lists it. */
export interface SymbolSpec {
  /** Empty for the symbol of a section. */
  readonly name: string;
  /** Index into the sections; 0 is undefined, from 0xff00 on none at all. */
  readonly section: number;
  /** Bytes from the start of the section. */
  readonly value: number;
  /** Bytes. */
  readonly size: number;
  /** `STT_*` of elf.h. */
  readonly type: number;
  /** `STB_*` of elf.h. */
  readonly binding: number;
}
