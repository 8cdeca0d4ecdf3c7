import type { Btf } from "./btf.ts";
import { type BtfExt, type ExtRecords, FUNC_INFO_BYTES, LINE_INFO_BYTES } from "./btf-ext.ts";
import { viewOf } from "./bytes.ts";
import type { ElfFile } from "./file.ts";
import type { BpfFunction, FunctionTable } from "./functions.ts";
import { INSTRUCTION_BYTES } from "./instructions.ts";
import type { CoreRelocation } from "./spec.ts";

/** What `.BTF.ext` says of one function. Instructions are counted from the function's first. */
export interface FunctionInfo {
  /** Records of 8 bytes, as the kernel takes them. */
  readonly funcInfo: Uint8Array;
  /** Records of 16 bytes, as the kernel takes them. */
  readonly lineInfo: Uint8Array;
  readonly coreRelocations: readonly CoreRelocation[];
}

/** A record and the instruction of its function that it is for. */
interface Placed {
  readonly instruction: number;
  readonly record: Uint8Array;
  /** Its place in the table, whatever the section. */
  readonly number: number;
}

/**
 * Hands the records of `.BTF.ext`, which are by section, out to the functions. Records of code that belongs to no
 * function are dropped: the linker leaves them behind when one weak function replaces another.
 *
 * @throws BtfError ERR_BTF_MALFORMED when a CO-RE record has no access string
 */
export function functionInfos(
  file: ElfFile,
  functions: FunctionTable,
  btf: Btf,
  ext: BtfExt,
): ReadonlyMap<BpfFunction, FunctionInfo> {
  const place = (tables: readonly ExtRecords[]): Map<BpfFunction, Placed[]> => byFunction(tables, file, functions);

  const funcInfo = place(ext.funcInfo);
  const lineInfo = place(ext.lineInfo);
  const core = place(ext.coreRelocations);
  return new Map(
    functions.all.map((fn) => [
      fn,
      {
        funcInfo: pack(funcInfo.get(fn) ?? [], FUNC_INFO_BYTES, file.littleEndian),
        lineInfo: pack(lineInfo.get(fn) ?? [], LINE_INFO_BYTES, file.littleEndian),
        coreRelocations: (core.get(fn) ?? []).map((placed) => toCoreRelocation(placed, btf)),
      },
    ]),
  );
}

function byFunction(
  tables: readonly ExtRecords[],
  file: ElfFile,
  functions: FunctionTable,
): Map<BpfFunction, Placed[]> {
  const found = new Map<BpfFunction, Placed[]>();
  let number = 0;
  for (const { section, count, stride, data } of tables) {
    const code = file.sectionsByName.get(section);
    const first = number;
    number += count;
    if (code === undefined) continue;
    const view = viewOf(data);
    for (let index = 0; index < count; index++) {
      const at = index * stride;
      const instruction = Math.floor(view.getUint32(at, file.littleEndian) / INSTRUCTION_BYTES);
      const fn = functions.at(code.index, instruction);
      if (fn === undefined) continue;
      const record = data.subarray(at, at + stride);
      const placed = { instruction: instruction - fn.start, record, number: first + index };
      const list = found.get(fn);
      if (list === undefined) found.set(fn, [placed]);
      else list.push(placed);
    }
  }
  return found;
}

/** Records of the length that every kernel takes; what newer compilers append is left off. */
function pack(placed: readonly Placed[], recordBytes: number, littleEndian: boolean): Uint8Array {
  const packed = new Uint8Array(placed.length * recordBytes);
  const view = viewOf(packed);
  placed.forEach(({ instruction, record }, index) => {
    packed.set(record.subarray(0, recordBytes), index * recordBytes);
    // The compiler counts in bytes, the kernel in instructions.
    view.setUint32(index * recordBytes, instruction, littleEndian);
  });
  return packed;
}

/** `struct bpf_core_relo`: u32 offset, type id, offset of the access string, kind. */
function toCoreRelocation({ instruction, record, number }: Placed, btf: Btf): CoreRelocation {
  const view = viewOf(record);
  return {
    instruction,
    typeId: view.getUint32(4, btf.littleEndian),
    access: btf.name(view.getUint32(8, btf.littleEndian)),
    kind: view.getUint32(12, btf.littleEndian),
    record: number,
  };
}
