import type { Btf } from "./btf.ts";
import { ElfError } from "./errors.ts";
import type { ElfFile } from "./file.ts";
import type { PlacedMap } from "./maps.ts";
import { type ElfSection, SECTION_EXECUTABLE, SectionType } from "./sections.ts";

const MAP_TYPE_ARRAY = 2;
/** Programs may only read it (BPF_F_RDONLY_PROG). */
const FLAG_READ_ONLY = 0x80;
/** User space may map it into memory (BPF_F_MMAPABLE). */
const FLAG_MMAPABLE = 0x400;
const LINKAGE_STATIC = 0;
/** All `.bss` sections together, in bytes; they take no room in the file, so only this bounds them. */
const MAX_ZERO_BYTES = 64 * 2 ** 20;

interface Layout {
  /** Id of the DATASEC. */
  readonly id: number;
  /** Whether user space is meant to see any variable, so that mapping the section is of use (libbpf's map_is_mmapable). */
  readonly isVisible: boolean;
}

/**
 * Global variables: each `.data*`, `.rodata*` and `.bss*` section that is not empty becomes an array of one value.
 * Follows libbpf's bpf_object__init_global_data_maps; sections such as `.rodata.str1.1` are not in the BTF and
 * become maps all the same.
 *
 * @throws ElfError ERR_ELF_MALFORMED when `.bss` sections are larger than 64 MiB together
 */
export function dataMaps(file: ElfFile, btf: Btf | undefined): PlacedMap[] {
  const sections = file.sections.filter((section) => section.size > 0 && isDataSection(section));
  const zeros = sections.reduce((sum, section) => sum + (section.type === SectionType.NoBits ? section.size : 0), 0);
  if (zeros > MAX_ZERO_BYTES) {
    throw new ElfError(
      "ERR_ELF_MALFORMED",
      `The .bss sections of this object have ${zeros} bytes together; at most ${MAX_ZERO_BYTES} are taken. Use a map for tables as large as that.`,
    );
  }
  const layouts = btf === undefined ? new Map<string, Layout>() : layoutsByName(btf);
  return sections.map((section) => ({
    section: section.index,
    offset: 0,
    spec: toSpec(section, layouts.get(section.name)),
  }));
}

function isDataSection(section: ElfSection): boolean {
  const is = (stem: string): boolean => section.name === stem || section.name.startsWith(`${stem}.`);
  if (section.type === SectionType.NoBits) return is(".bss");
  return (
    section.type === SectionType.ProgBits &&
    (section.flags & SECTION_EXECUTABLE) === 0 &&
    (is(".data") || is(".rodata"))
  );
}

function toSpec(section: ElfSection, layout: Layout | undefined): PlacedMap["spec"] {
  const readOnly = section.name.startsWith(".rodata");
  return {
    name: section.name,
    origin: "data",
    section: section.name,
    type: MAP_TYPE_ARRAY,
    keySize: 4,
    valueSize: section.size,
    maxEntries: 1,
    flags: (readOnly ? FLAG_READ_ONLY : 0) | (layout?.isVisible ? FLAG_MMAPABLE : 0),
    numaNode: undefined,
    extra: 0n,
    pinByName: false,
    keyTypeId: 0,
    valueTypeId: layout?.id ?? 0,
    initial: section.type === SectionType.NoBits ? new Uint8Array(section.size) : section.data,
    readOnly,
  };
}

/** What the BTF says of each section of variables, by name. */
function layoutsByName(btf: Btf): ReadonlyMap<string, Layout> {
  const layouts = new Map<string, Layout>();
  for (let id = 1; id < btf.typeCount; id++) {
    const type = btf.kind(id) === "datasec" ? btf.type(id) : undefined;
    if (type?.kind !== "datasec" || layouts.has(type.name)) continue;
    const isVisible = type.variables.some((entry) => {
      const variable = btf.type(entry.type);
      return variable.kind === "var" && variable.linkage !== LINKAGE_STATIC;
    });
    layouts.set(type.name, { id, isVisible });
  }
  return layouts;
}
