import {
  littleEndian,
  Memory,
  type OwnedFd,
  type ProgLoadAttr,
  ProgramType,
  progLoad,
  rawTracepointOpen,
} from "skmsg/syscalls";

/** One BPF instruction (RFC 9669). */
export interface Instruction {
  readonly opcode: number;
  readonly dst?: number;
  readonly src?: number;
  readonly offset?: number;
  readonly immediate?: number;
}

/** `return value` as two instructions. */
export function returning(value: number): Instruction[] {
  return [{ opcode: 0xb7, immediate: value }, { opcode: 0x95 }];
}

/** The bytes that the kernel takes. */
export function assemble(instructions: readonly Instruction[]): Memory {
  const memory = new Memory(instructions.length * 8);
  instructions.forEach(({ opcode, dst = 0, src = 0, offset = 0, immediate = 0 }, index) => {
    memory.view.setUint8(index * 8, opcode);
    memory.view.setUint8(index * 8 + 1, littleEndian ? dst | (src << 4) : (dst << 4) | src);
    memory.view.setInt16(index * 8 + 2, offset, littleEndian);
    memory.view.setInt32(index * 8 + 4, immediate, littleEndian);
  });
  return memory;
}

/** What BPF_PROG_LOAD wants for these instructions. */
export function loadAttr(
  type: number,
  instructions: readonly Instruction[],
  more: Partial<ProgLoadAttr> = {},
): ProgLoadAttr {
  return {
    prog_type: type,
    insns: assemble(instructions),
    insn_cnt: instructions.length,
    license: Memory.cString("Dual MIT/GPL"),
    ...more,
  };
}

/** A loaded program. */
export function loadInstructions(
  type: number,
  instructions: readonly Instruction[],
  more: Partial<ProgLoadAttr> = {},
): OwnedFd {
  return progLoad(loadAttr(type, instructions, more)).fd;
}

/** A socket filter, which `progTestRun` runs anywhere, returning `value`. */
export function socketFilter(value = 0, more: Partial<ProgLoadAttr> = {}): OwnedFd {
  return loadInstructions(ProgramType.SocketFilter, returning(value), more);
}

/** Attaches a program that does nothing to a raw tracepoint. */
export function openRawTracepoint(name: string): { program: OwnedFd; link: OwnedFd } {
  const program = loadInstructions(ProgramType.RawTracepoint, returning(0), { prog_name: "nothing" });
  return { program, link: rawTracepointOpen(program.fd, name) };
}
