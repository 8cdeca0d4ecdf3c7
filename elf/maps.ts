import type { Btf } from "./btf.ts";
import { btfMaps } from "./btf-maps.ts";
import { dataMaps } from "./data-maps.ts";
import { ElfError } from "./errors.ts";
import type { ElfFile } from "./file.ts";
import { legacyMaps } from "./legacy-maps.ts";
import type { MapSpec } from "./spec.ts";

/** A map and the place in the file that instructions refer to it by. */
export interface PlacedMap {
  readonly spec: MapSpec;
  /** Index of its section. */
  readonly section: number;
  /** Byte offset of its definition in that section; 0 for a data map, which is the section. */
  readonly offset: number;
}

/**
 * All maps of an object, in libbpf's order: `maps`, `.maps`, then the data sections.
 *
 * @throws ElfError, BtfError as {@link legacyMaps}, {@link btfMaps} and {@link dataMaps} do
 */
export function findMaps(file: ElfFile, btf: Btf | undefined): PlacedMap[] {
  const maps = [...legacyMaps(file), ...btfMaps(file, btf), ...dataMaps(file, btf)];
  const names = new Set<string>();
  for (const { spec } of maps) {
    if (names.has(spec.name))
      throw new ElfError(
        "ERR_ELF_MALFORMED",
        `The object has two maps "${spec.name}", and instructions refer to maps by name. Rename one, or its section.`,
      );
    names.add(spec.name);
  }
  return maps;
}
