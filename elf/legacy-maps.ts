import { viewOf } from "./bytes.ts";
import { ElfError } from "./errors.ts";
import type { ElfFile } from "./file.ts";
import type { PlacedMap } from "./maps.ts";
import type { ElfSection } from "./sections.ts";
import { SymbolType } from "./symbols.ts";

/** `struct bpf_map_def` of libbpf before 1.0: u32 type, key size, value size, max entries, flags. */
const DEFINITION_BYTES = 20;
/** `struct bpf_elf_map` of iproute2: the same, then u32 id, pinning, inner id, inner index. */
const IPROUTE2_BYTES = 36;
/** The id only serves iproute2's maps of maps, so it may be anything. */
const IPROUTE2_ID_END = 24;

/**
 * Maps of a section `maps` (libbpf before 1.0, iproute2) or `maps/NAME` (older loaders): one symbol a map, definitions
 * of equal length. What a definition has beyond the 20 bytes that all loaders share must be zero.
 *
 * @throws ElfError ERR_ELF_MALFORMED, ERR_ELF_UNSUPPORTED
 */
export function legacyMaps(file: ElfFile): PlacedMap[] {
  return file.sections
    .filter(({ name }) => name === "maps" || name.startsWith("maps/"))
    .flatMap((section) => mapsOf(file, section));
}

function mapsOf(file: ElfFile, section: ElfSection): PlacedMap[] {
  const symbols = file.symbols
    .filter(
      (symbol) =>
        symbol.section === section.index &&
        (symbol.type === SymbolType.Object || symbol.type === SymbolType.NoType) &&
        symbol.name !== "",
    )
    .sort((a, b) => a.value - b.value);
  if (symbols.length === 0 && section.size === 0) return [];
  const stride = section.data.length / symbols.length;
  if (!Number.isInteger(stride) || stride < DEFINITION_BYTES) {
    throw new ElfError(
      "ERR_ELF_MALFORMED",
      `Section "${section.name}" has ${section.data.length} bytes and names ${symbols.length} maps. Definitions have equal length there, of at least ${DEFINITION_BYTES} bytes. Every map needs a symbol, and nothing else may stand there.`,
    );
  }
  return symbols.map(({ name, value }) => {
    if (value % stride !== 0 || value + stride > section.data.length) {
      throw new ElfError(
        "ERR_ELF_MALFORMED",
        `Map "${name}" stands at byte ${value} of section "${section.name}", between the definitions of ${stride} bytes each.`,
      );
    }
    return {
      section: section.index,
      offset: value,
      spec: read(name, section, section.data.subarray(value, value + stride), file.littleEndian),
    };
  });
}

function read(name: string, section: ElfSection, definition: Uint8Array, littleEndian: boolean): PlacedMap["spec"] {
  const known = definition.length === IPROUTE2_BYTES ? IPROUTE2_ID_END : DEFINITION_BYTES;
  if (definition.subarray(known).some((byte) => byte !== 0)) {
    throw new ElfError(
      "ERR_ELF_UNSUPPORTED",
      `Map "${name}" of section "${section.name}" has a definition of ${definition.length} bytes, and what follows the first ${known} (type, sizes, entries, flags) is not zero: it asks for something of another loader, such as iproute2's pinning. Define it in SEC(".maps") instead.`,
    );
  }
  const view = viewOf(definition);
  const field = (index: number): number => view.getUint32(index * 4, littleEndian);
  return {
    name,
    origin: "legacy",
    section: section.name,
    type: field(0),
    keySize: field(1),
    valueSize: field(2),
    maxEntries: field(3),
    flags: field(4),
    numaNode: undefined,
    extra: 0n,
    pinByName: false,
    keyTypeId: 0,
    valueTypeId: 0,
    initial: undefined,
    readOnly: false,
  };
}
