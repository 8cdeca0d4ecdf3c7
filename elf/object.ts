import { Btf } from "./btf.ts";
import { parseBtfExt } from "./btf-ext.ts";
import { decodeText, viewOf } from "./bytes.ts";
import { ElfError } from "./errors.ts";
import { type ElfFile, readElf } from "./file.ts";
import { fixupBtf } from "./fixup.ts";
import { functionInfos } from "./function-info.ts";
import { type BpfFunction, type FunctionTable, findFunctions } from "./functions.ts";
import { toPlain } from "./json.ts";
import { Linker } from "./link.ts";
import { findMaps } from "./maps.ts";
import { resolveReferences } from "./relocations.ts";
import { meaningOfSection } from "./section-names.ts";
import { type ElfSection, SectionType } from "./sections.ts";
import type { MapSpec, ProgramSpec, SectionSpec, SymbolSpec } from "./spec.ts";

/** libbpf keeps that many bytes of the license. */
const MAX_LICENSE_BYTES = 63;

/**
 * A BPF object file, read: what it asks for, as plain data. Nothing here belongs to a machine or to a kernel, so an
 * object can be parsed anywhere, printed, and loaded any number of times.
 */
export class ElfObject {
  /** Byte order of the file, and so of the machines that can load it. */
  readonly littleEndian: boolean;
  /** Text of section `license`; empty if there is none, which the kernel takes as not GPL compatible. */
  readonly license: string;
  /** Number of section `version` (`KERNEL_VERSION`), which kernels before 5.0 want for kprobes. */
  readonly kernelVersion: number | undefined;
  /** Entry points, by section and place. */
  readonly programs: readonly ProgramSpec[];
  /** `maps` and `.maps`, then data sections. */
  readonly maps: readonly MapSpec[];
  /** Types, with the offsets and sizes of variables filled in; undefined for an object compiled without -g. */
  readonly btf: Btf | undefined;
  readonly sections: readonly SectionSpec[];
  readonly symbols: readonly SymbolSpec[];

  /**
   * Parses an object as `clang -target bpf -g -O2 -c` writes it, of either byte order.
   *
   * @param bytes the whole file; copied, so it may be changed or reused afterwards
   * @throws ElfError, BtfError, RelocationError: never anything else, whatever the bytes are
   */
  static parse(bytes: Uint8Array | ArrayBuffer): ElfObject {
    return new ElfObject(readElf(new Uint8Array(bytes instanceof ArrayBuffer ? bytes.slice(0) : bytes)));
  }

  private constructor(file: ElfFile) {
    refuseUnsupported(file);
    const functions = findFunctions(file);
    const btfBytes = file.sectionsByName.get(".BTF")?.data;
    this.littleEndian = file.littleEndian;
    this.license = readLicense(file.sectionsByName.get("license"));
    this.kernelVersion = readKernelVersion(file.sectionsByName.get("version"), file.littleEndian);
    this.btf = btfBytes && Btf.parse(fixupBtf(btfBytes, file, functions));
    const maps = findMaps(file, this.btf);
    this.maps = maps.map(({ spec }) => spec);
    const linker = new Linker(
      resolveReferences(file, functions, maps),
      infosOf(file, functions, this.btf),
      file.littleEndian,
    );
    this.programs = functions.all
      .filter((fn) => !fn.subprogram)
      .map((fn) => ({
        name: fn.name,
        section: fn.section.name,
        ...meaningOfSection(fn.section.name),
        ...linker.link(fn),
      }));
    this.sections = file.sections.map(({ name, type, size, flags }) => ({ name, type, size, flags }));
    this.symbols = file.symbols.map(({ name, section, value, size, type, binding }) => ({
      name,
      section,
      value,
      size,
      type,
      binding,
    }));
  }

  /**
   * The bytes for BPF_BTF_LOAD, in the file's byte order: the object's types with what only the ELF file knows filled
   * in. Undefined for an object without BTF. A copy.
   */
  btfForKernel(): Uint8Array | undefined {
    return this.btf?.bytes.slice();
  }

  /** A plain object: bytes as hexadecimal text, big integers as decimal text. */
  toJSON(): Record<string, unknown> {
    const { littleEndian, license, kernelVersion, programs, maps, sections, symbols } = this;
    return {
      littleEndian,
      license,
      kernelVersion,
      programs: toPlain(programs),
      maps: toPlain(maps),
      sections,
      symbols,
      btf: toPlain(this.btf?.bytes),
    };
  }
}

function infosOf(file: ElfFile, functions: FunctionTable, btf: Btf | undefined): ReturnType<typeof functionInfos> {
  const ext = file.sectionsByName.get(".BTF.ext");
  // Without the types, their ids mean nothing: libbpf ignores .BTF.ext then, too.
  if (ext === undefined || btf === undefined) return new Map<BpfFunction, never>();
  return functionInfos(file, functions, btf, parseBtfExt(ext.data, btf));
}

function refuseUnsupported(file: ElfFile): void {
  for (const { name, size } of file.sections) {
    if (size > 0 && /^\??\.struct_ops(\.link)?$/.test(name)) {
      throw new ElfError(
        "ERR_ELF_UNSUPPORTED",
        `Section "${name}" defines kernel operations (struct_ops), which are not supported yet.`,
      );
    }
  }
}

function readLicense(section: ElfSection | undefined): string {
  if (section === undefined) return "";
  const text = section.data.subarray(0, MAX_LICENSE_BYTES);
  const end = text.indexOf(0);
  return decodeText(end < 0 ? text : text.subarray(0, end));
}

function readKernelVersion(section: ElfSection | undefined, littleEndian: boolean): number | undefined {
  if (section === undefined) return undefined;
  if (section.type !== SectionType.ProgBits || section.data.length !== 4) {
    throw new ElfError(
      "ERR_ELF_MALFORMED",
      `Section "version" has ${section.data.length} bytes; a kernel version has 4. Define it as __u32.`,
    );
  }
  return viewOf(section.data).getUint32(0, littleEndian);
}
