/**
 * The few things a loader must know of BPF instructions (RFC 9669, `struct bpf_insn` of linux/bpf.h):
 * u8 opcode; u8 with the destination register in the low and the source register in the high half on little
 * endian, the other way round on big endian; s16 offset; s32 immediate.
 */

/** Bytes of one instruction. */
export const INSTRUCTION_BYTES = 8;

/** `BPF_JMP | BPF_CALL`: a call of a helper, a subprogram or a kernel function. */
export const OP_CALL = 0x85;
/** `BPF_LD | BPF_IMM | BPF_DW`: a 64-bit constant, two instructions long. */
export const OP_LOAD_64 = 0x18;

/** Source register of a call that goes to a subprogram (BPF_PSEUDO_CALL). */
export const SOURCE_CALL = 1;
/** Source register of a constant that is the address of a subprogram (BPF_PSEUDO_FUNC). */
export const SOURCE_FUNCTION = 4;

/** Source register of the instruction that begins at byte `at`. */
export function sourceRegister(view: DataView, at: number, littleEndian: boolean): number {
  const registers = view.getUint8(at + 1);
  return littleEndian ? registers >> 4 : registers & 0xf;
}

/** Sets the source register of the instruction that begins at byte `at`. */
export function setSourceRegister(view: DataView, at: number, register: number, littleEndian: boolean): void {
  const registers = view.getUint8(at + 1);
  view.setUint8(at + 1, littleEndian ? (registers & 0xf) | (register << 4) : (registers & 0xf0) | register);
}

/** A call to a function of the same object: destination register and offset are 0, source register is BPF_PSEUDO_CALL. */
export function isSubprogramCall(view: DataView, at: number, littleEndian: boolean): boolean {
  return (
    view.getUint8(at) === OP_CALL &&
    view.getUint8(at + 1) === (littleEndian ? SOURCE_CALL << 4 : SOURCE_CALL) &&
    view.getInt16(at + 2) === 0
  );
}
