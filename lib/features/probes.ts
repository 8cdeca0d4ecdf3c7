import {
  AttachType,
  EINVAL,
  linkCreate,
  littleEndian,
  MapType,
  Memory,
  mapCreate,
  type OwnedFd,
  ProgramType,
  progLoad,
  SyscallError,
} from "../../syscalls/index.ts";

/** Asks the running kernel once, and remembers a conclusive answer for the process; a failure of the probe itself is not one. */
function once(probe: () => boolean): () => boolean {
  let known: boolean | undefined;
  return () => {
    known ??= probe();
    return known;
  };
}

/** True if it works, false where the kernel says so with that errno. @throws any other SyscallError */
function works(action: () => OwnedFd, no: number): boolean {
  try {
    action().close();
    return true;
  } catch (error) {
    if (error instanceof SyscallError && error.errno === no) return false;
    throw error;
  }
}

/** `r0 = 1; exit` (RFC 9669), which is SK_PASS to a sockmap program. */
export function passInstructions(): Memory {
  return instructions([0xb7, 0, 0, 1], [0x95, 0, 0, 0]);
}

/** From (opcode, registers, offset, immediate) each; the registers must be 0 or the same in both byte orders. */
function instructions(...list: readonly (readonly [number, number, number, number])[]): Memory {
  const memory = new Memory(list.length * 8);
  list.forEach(([opcode, registers, offset, immediate], index) => {
    memory.view.setUint8(index * 8, opcode);
    memory.view.setUint8(index * 8 + 1, registers);
    memory.view.setInt16(index * 8 + 2, offset, littleEndian);
    memory.view.setInt32(index * 8 + 4, immediate, littleEndian);
  });
  return memory;
}

/** Whether BPF_LINK_CREATE works on a sockmap (Linux 6.10). Needs CAP_BPF and CAP_NET_ADMIN. */
export const hasSockMapLink: () => boolean = once(() => {
  const insns = passInstructions();
  using map = mapCreate({ map_type: MapType.SockMap, key_size: 4, value_size: 4, max_entries: 1 });
  using program = progLoad({
    prog_type: ProgramType.SkMsg,
    insn_cnt: 2,
    insns,
    license: Memory.cString(""),
    expected_attach_type: AttachType.SkMsgVerdict,
  }).fd;
  const attr = { prog_fd: program.fd, target_fd: map.fd, attach_type: AttachType.SkMsgVerdict };
  return works(() => linkCreate(attr), EINVAL);
});

/** bpf_ktime_get_coarse_ns, helper 160, came with the accounting of BPF memory to cgroups (both Linux 5.11). */
const COARSE_NS_HELPER = 160;

/** Whether this kernel counts BPF memory against RLIMIT_MEMLOCK; libbpf decides by the same helper (features.c). */
export const countsMemoryLock: () => boolean = once(() => {
  const insns = instructions([0x85, 0, 0, COARSE_NS_HELPER], [0xb7, 0, 0, 0], [0x95, 0, 0, 0]);
  const attr = { prog_type: ProgramType.SocketFilter, insn_cnt: 3, insns, license: Memory.cString("GPL") };
  return !works(() => progLoad(attr).fd, EINVAL);
});
