import { Btf } from "./btf.ts";
import { BtfError } from "./errors.ts";
import { ELF_HEADER_BYTES } from "./identify.ts";
import { readSections } from "./sections.ts";

/**
 * The types of a kernel from a file that people keep for CO-RE: BTF as /sys/kernel/btf/vmlinux has it, or an ELF file
 * of 64 bits with a section `.BTF`, as a kernel with debug information is.
 *
 * @throws BtfError ERR_BTF_MALFORMED, ERR_NO_BTF; ElfError ERR_ELF_MALFORMED
 */
export function parseTargetBtf(bytes: Uint8Array): Btf {
  const isElf = bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
  if (!isElf) return Btf.parse(bytes);
  const is64 = bytes[4] === 2 && bytes.length >= ELF_HEADER_BYTES;
  const section = is64 ? readSections(bytes, bytes[5] === 1).find(({ name }) => name === ".BTF") : undefined;
  if (section === undefined)
    throw new BtfError("ERR_NO_BTF", 'This ELF file has no section ".BTF", in which the types of a kernel would be.');
  return Btf.parse(section.data);
}
