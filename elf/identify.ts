import { decodeText } from "./bytes.ts";
import { ElfError } from "./errors.ts";

/** Bytes of an ELF64 header (`Elf64_Ehdr`, elf.h). */
export const ELF_HEADER_BYTES = 64;

const CLASS_32 = 1;
const CLASS_64 = 2;
const DATA_LITTLE = 1;
const DATA_BIG = 2;
const TYPE_RELOCATABLE = 1;
const MACHINE_NONE = 0;
const MACHINE_BPF = 247;

const TYPE_NAMES: Readonly<Record<number, string>> = { 2: "an executable", 3: "a shared library", 4: "a core dump" };

/** `EM_*` of elf.h, of what people hand to a BPF loader by mistake. */
const MACHINE_NAMES: Readonly<Record<number, string>> = {
  3: "x86",
  8: "MIPS",
  20: "PowerPC",
  21: "PowerPC64",
  22: "s390",
  40: "ARM",
  62: "x86-64",
  183: "AArch64",
  243: "RISC-V",
  258: "LoongArch",
};

/**
 * Checks that the bytes begin as a relocatable BPF object of 64 bits does, and tells its byte order.
 *
 * @throws ElfError ERR_NOT_ELF, ERR_ELF_CLASS, ERR_ELF_MACHINE, ERR_ELF_TYPE, ERR_ELF_MALFORMED
 */
export function identify(bytes: Uint8Array): { littleEndian: boolean } {
  if (bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) throw notElf(bytes);
  if (bytes[4] === CLASS_32) {
    throw new ElfError(
      "ERR_ELF_CLASS",
      "This is an ELF file of 32 bits; BPF objects have 64. Compile with clang -target bpf.",
    );
  }
  if (bytes.length < ELF_HEADER_BYTES) {
    throw new ElfError(
      "ERR_ELF_MALFORMED",
      `An ELF header has ${ELF_HEADER_BYTES} bytes and this file ${bytes.length}: it was cut off.`,
    );
  }
  if (bytes[4] !== CLASS_64 || (bytes[5] !== DATA_LITTLE && bytes[5] !== DATA_BIG)) {
    throw new ElfError(
      "ERR_ELF_MALFORMED",
      `The ELF header names class ${bytes[4]} and byte order ${bytes[5]}, which do not exist: the file is damaged.`,
    );
  }
  const littleEndian = bytes[5] === DATA_LITTLE;
  const view = new DataView(bytes.buffer, bytes.byteOffset, ELF_HEADER_BYTES);
  checkMachine(view.getUint16(18, littleEndian));
  checkType(view.getUint16(16, littleEndian));
  return { littleEndian };
}

function checkMachine(machine: number): void {
  // LLVM before 3.9 wrote "no machine" into BPF objects, and libbpf accepts it.
  if (machine === MACHINE_BPF || machine === MACHINE_NONE) return;
  const name = MACHINE_NAMES[machine] ?? `machine number ${machine}`;
  throw new ElfError(
    "ERR_ELF_MACHINE",
    `This ELF file was compiled for ${name}, not for BPF. Compile with clang -target bpf -O2 -g -c.`,
  );
}

function checkType(type: number): void {
  if (type === TYPE_RELOCATABLE) return;
  const name = TYPE_NAMES[type] ?? `of ELF type ${type}`;
  throw new ElfError(
    "ERR_ELF_TYPE",
    `This BPF file is ${name}; a loader needs a relocatable object. Compile with clang -c, and do not link it with a system linker.`,
  );
}

function notElf(bytes: Uint8Array): ElfError {
  return new ElfError("ERR_NOT_ELF", `This is not an ELF object file: ${whatElse(bytes)}`);
}

function whatElse(bytes: Uint8Array): string {
  if (bytes.length === 0) return "it is empty. The compiler may have failed, or the file is still being written.";
  const start = bytes.subarray(0, 32);
  if (start[0] === 0x42 && start[1] === 0x43 && start[2] === 0xc0 && start[3] === 0xde) {
    return "it is LLVM bitcode. Compile with clang -target bpf -c, without -emit-llvm or -flto.";
  }
  if (decodeText(start.subarray(0, 8)) === "!<arch>\n") return "it is an archive (.a). Hand over one of its .o files.";
  if (start.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d))) {
    return "it is text. If it is the C source, compile it first: clang -target bpf -O2 -g -c.";
  }
  const hex = Array.from(start.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `it begins with ${hex} instead of 7f 45 4c 46.`;
}
