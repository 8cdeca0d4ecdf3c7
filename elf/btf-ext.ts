import type { Btf } from "./btf.ts";
import { viewOf } from "./bytes.ts";
import { BtfError } from "./errors.ts";

const MAGIC = 0xeb9f;
/** Header up to the line records; the CO-RE fields follow where the header says it is longer. */
const HEADER_BYTES = 24;
const HEADER_WITH_CORE_BYTES = 32;

/** Bytes of `struct bpf_func_info`, `struct bpf_line_info` and `struct bpf_core_relo` (linux/bpf.h). */
export const FUNC_INFO_BYTES = 8;
export const LINE_INFO_BYTES = 16;
export const CORE_RELOCATION_BYTES = 16;

/** The records of one table for one section of code; each begins with a u32 byte offset into that section. */
export interface ExtRecords {
  readonly section: string;
  readonly count: number;
  /** Bytes from one record to the next; a newer compiler may write longer ones. */
  readonly stride: number;
  readonly data: Uint8Array;
}

/** `.BTF.ext`: what belongs to instructions. Format: Documentation/bpf/btf.rst, section 4. */
export interface BtfExt {
  readonly funcInfo: readonly ExtRecords[];
  readonly lineInfo: readonly ExtRecords[];
  readonly coreRelocations: readonly ExtRecords[];
}

/**
 * Takes `.BTF.ext` apart. The names of its sections are in the strings of `btf`.
 *
 * @throws BtfError ERR_BTF_MALFORMED
 */
export function parseBtfExt(bytes: Uint8Array, btf: Btf): BtfExt {
  if (bytes.length < HEADER_BYTES)
    throw malformed(`its header has ${HEADER_BYTES} bytes and there are ${bytes.length}.`);
  const view = viewOf(bytes);
  const { littleEndian } = btf;
  if (view.getUint16(0, littleEndian) !== MAGIC)
    throw malformed("it does not begin with 0xeb9f in the byte order of the file.");
  const headerLength = view.getUint32(4, littleEndian);
  if (headerLength < HEADER_BYTES || headerLength > bytes.length)
    throw malformed(`its header is said to have ${headerLength} bytes of ${bytes.length}.`);

  const table = (field: number, leastStride: number, what: string): ExtRecords[] => {
    const offset = headerLength + view.getUint32(field, littleEndian);
    const length = view.getUint32(field + 4, littleEndian);
    if (offset + length > bytes.length)
      throw malformed(`its ${what} end at byte ${offset + length} of ${bytes.length}.`);
    return length === 0 ? [] : readTable(bytes.subarray(offset, offset + length), btf, leastStride, what);
  };
  return {
    funcInfo: table(8, FUNC_INFO_BYTES, "function records"),
    lineInfo: table(16, LINE_INFO_BYTES, "line records"),
    coreRelocations: headerLength >= HEADER_WITH_CORE_BYTES ? table(24, CORE_RELOCATION_BYTES, "CO-RE records") : [],
  };
}

/** A u32 record length, then for each section: u32 name, u32 count, the records. */
function readTable(bytes: Uint8Array, btf: Btf, leastStride: number, what: string): ExtRecords[] {
  const view = viewOf(bytes);
  if (bytes.length < 4) throw malformed(`its ${what} are cut off.`);
  const stride = view.getUint32(0, btf.littleEndian);
  if (stride < leastStride || stride % 4 !== 0)
    throw malformed(`its ${what} are said to have ${stride} bytes each; ${leastStride} are needed.`);

  const tables: ExtRecords[] = [];
  for (let at = 4; at < bytes.length; ) {
    if (at + 8 > bytes.length) throw malformed(`its ${what} are cut off.`);
    const section = btf.name(view.getUint32(at, btf.littleEndian));
    const count = view.getUint32(at + 4, btf.littleEndian);
    const end = at + 8 + count * stride;
    if (count === 0 || end > bytes.length)
      throw malformed(
        `it is said to hold ${count} ${what} for section "${section}", which end at byte ${end} of ${bytes.length}.`,
      );
    tables.push({ section, count, stride, data: bytes.subarray(at + 8, end) });
    at = end;
  }
  return tables;
}

function malformed(reason: string): BtfError {
  return new BtfError("ERR_BTF_MALFORMED", `This .BTF.ext is damaged: ${reason}`);
}
