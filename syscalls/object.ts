import { KernelStruct, textUntilNul } from "./attr.ts";
import { type CommandName, call, callForFd, check, run } from "./command.ts";
import { E2BIG, ENOENT } from "./errno.ts";
import { SyscallError } from "./errors.ts";
import type { OwnedFd } from "./fd.ts";
import { BTF_INFO, LINK_INFO, LINK_INFO_SIZE, MAP_INFO, PROG_INFO } from "./infoLayouts.ts";
import { type Layout, OBJ, OBJ_ID, OBJ_INFO } from "./layouts.ts";
import { Memory } from "./memory.ts";
import { littleEndian } from "./platform.ts";

/** BPF_OBJ_PIN: a name in bpffs for a program, map or link. @throws SyscallError */
export function objPin(fd: number, path: string): void {
  call("BPF_OBJ_PIN", OBJ, { pathname: Memory.cString(path), bpf_fd: fd });
}

/**
 * BPF_OBJ_GET: opens a pinned object.
 * @param fileFlags `BPF_F_RDONLY` (8) or `BPF_F_WRONLY` (16), for maps.
 * @throws SyscallError
 */
export function objGet(path: string, fileFlags?: number): OwnedFd {
  return callForFd("BPF_OBJ_GET", OBJ, {
    pathname: Memory.cString(path),
    bpf_fd: fileFlags === undefined ? undefined : 0,
    file_flags: fileFlags,
  });
}

/** The kinds of object that have ids. */
export type IdKind = "prog" | "map" | "link" | "btf";

const NEXT_ID: Record<IdKind, CommandName> = {
  prog: "BPF_PROG_GET_NEXT_ID",
  map: "BPF_MAP_GET_NEXT_ID",
  link: "BPF_LINK_GET_NEXT_ID",
  btf: "BPF_BTF_GET_NEXT_ID",
};

const FD_BY_ID: Record<IdKind, CommandName> = {
  prog: "BPF_PROG_GET_FD_BY_ID",
  map: "BPF_MAP_GET_FD_BY_ID",
  link: "BPF_LINK_GET_FD_BY_ID",
  btf: "BPF_BTF_GET_FD_BY_ID",
};

/** BPF_*_GET_NEXT_ID: the lowest id above `start`, undefined past the last. @throws SyscallError */
export function getNextId(kind: IdKind, start: number): number | undefined {
  const outcome = run(NEXT_ID[kind], OBJ_ID, { start_id: start });
  if (outcome.result === -ENOENT) return undefined;
  return check(NEXT_ID[kind], outcome).attr.view.getUint32(OBJ_ID.next_id[0], littleEndian);
}

/** BPF_*_GET_FD_BY_ID. @throws SyscallError `ENOENT` where the object is gone. */
export function getFdById(kind: IdKind, id: number): OwnedFd {
  return callForFd(FD_BY_ID[kind], OBJ_ID, { start_id: id });
}

/** BPF_OBJ_GET_INFO_BY_FD of a program. Arrays (map ids, instructions) come from `progInfoArray`. @throws SyscallError */
export function progInfo(fd: number): KernelStruct<typeof PROG_INFO> {
  return infoByFd(fd, PROG_INFO, 232, new Memory(232));
}

/** @throws SyscallError */
export function mapInfo(fd: number): KernelStruct<typeof MAP_INFO> {
  return infoByFd(fd, MAP_INFO, 104, new Memory(104));
}

/** The head; read the union through an arm's layout with `as`. @throws SyscallError */
export function linkInfo(fd: number): KernelStruct<typeof LINK_INFO> {
  return infoByFd(fd, LINK_INFO, LINK_INFO_SIZE, new Memory(LINK_INFO_SIZE));
}

export interface BtfObjectInfo {
  readonly id: number;
  /** `vmlinux`, a module, or empty. */
  readonly name: string;
  /** True for the kernel's and its modules', undefined before Linux 5.11. */
  readonly kernelBtf: boolean | undefined;
  /** Bytes. */
  readonly size: number;
}

/** Where `struct bpf_btf_info` ended before Linux 5.11, which refuses anything but zeros behind. */
const BTF_INFO_HEAD = BTF_INFO.name[0];

/** @throws SyscallError */
export function btfInfo(fd: number): BtfObjectInfo {
  const name = new Memory(64);
  const memory = new Memory(32);
  memory.view.setBigUint64(BTF_INFO.name[0], BigInt(name.address), littleEndian);
  memory.view.setUint32(BTF_INFO.name_len[0], name.bytes.length, littleEndian);
  const info = askBtf(fd, memory);
  const kernel = info.u32("kernel_btf");
  return {
    id: info.u32("id", 0),
    name: textUntilNul(name.bytes),
    kernelBtf: kernel === undefined ? undefined : kernel !== 0,
    size: info.u32("btf_size", 0),
  };
}

function askBtf(fd: number, memory: Memory): KernelStruct<typeof BTF_INFO> {
  try {
    return infoByFd(fd, BTF_INFO, memory.bytes.length, memory);
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === E2BIG)) throw error;
    return infoByFd(fd, BTF_INFO, BTF_INFO_HEAD, new Memory(BTF_INFO_HEAD));
  }
}

/** The bytes of a BTF object. @throws SyscallError */
export function btfBytes(fd: number): Uint8Array {
  const { size } = btfInfo(fd);
  const data = new Memory(size);
  const memory = new Memory(16);
  memory.view.setBigUint64(BTF_INFO.btf[0], BigInt(data.address), littleEndian);
  memory.view.setUint32(BTF_INFO.btf_size[0], size, littleEndian);
  infoByFd(fd, BTF_INFO, 16, memory);
  return data.bytes;
}

/** Arrays of a program's info: a field for the address, one for the count, and the bytes of an element. */
const PROG_ARRAYS = {
  map_ids: { count: "nr_map_ids", width: 4 },
  xlated_prog_insns: { count: "xlated_prog_len", width: 1 },
  jited_prog_insns: { count: "jited_prog_len", width: 1 },
  func_info: { count: "nr_func_info", width: 8 },
  line_info: { count: "nr_line_info", width: 16 },
} as const;

/**
 * One array of a program's info, in a second call once its length is known.
 * @throws SyscallError
 */
export function progInfoArray(fd: number, name: keyof typeof PROG_ARRAYS): Uint8Array {
  const { count, width } = PROG_ARRAYS[name];
  const elements = progInfo(fd).u32(count, 0);
  if (elements === 0) return new Uint8Array();
  const data = new Memory(elements * width);
  const memory = new Memory(232);
  memory.view.setBigUint64(PROG_INFO[name][0], BigInt(data.address), littleEndian);
  memory.view.setUint32(PROG_INFO[count][0], elements, littleEndian);
  if (name === "func_info") memory.view.setUint32(PROG_INFO.func_info_rec_size[0], width, littleEndian);
  if (name === "line_info") memory.view.setUint32(PROG_INFO.line_info_rec_size[0], width, littleEndian);
  infoByFd(fd, PROG_INFO, 232, memory);
  return data.bytes;
}

function infoByFd<L extends Layout>(fd: number, layout: L, size: number, memory: Memory): KernelStruct<L> {
  const { attr } = call("BPF_OBJ_GET_INFO_BY_FD", OBJ_INFO, { bpf_fd: fd, info_len: size, info: memory });
  return new KernelStruct(layout, memory, attr.view.getUint32(OBJ_INFO.info_len[0], littleEndian));
}
