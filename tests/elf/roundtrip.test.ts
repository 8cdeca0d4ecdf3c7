import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ElfObject } from "../../elf/index.ts";
import { BtfWriter, mapDefinition } from "./btf-writer.ts";
import { assemble, Bytes, ElfWriter, EXIT, FUNC, load, NOBITS, OBJECT } from "./elf-writer.ts";

const u32 = fc.nat(0xffffffff);
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/);

const btfMap = fc.record({
  type: fc.integer({ min: 1, max: 40 }),
  max_entries: u32,
  map_flags: u32,
  key_size: u32,
  value_size: u32,
  map_extra: u32,
  numa_node: u32,
  pinning: fc.constantFrom(0, 1),
});
const legacyMap = fc.array(u32, { minLength: 5, maxLength: 5 });
const dataSection = fc.record({
  stem: fc.constantFrom(".data", ".rodata", ".bss"),
  content: fc.uint8Array({ minLength: 1, maxLength: 64 }),
});

describe("what was written", () => {
  it("is read: maps of every origin, references to them, and the rest", () => {
    const model = fc.record({
      littleEndian: fc.boolean(),
      names: fc.uniqueArray(name, { minLength: 12, maxLength: 12 }),
      btfMaps: fc.array(btfMap, { maxLength: 4 }),
      legacyMaps: fc.array(legacyMap, { maxLength: 4 }),
      dataSections: fc.array(dataSection, { maxLength: 4 }),
      addend: fc.nat(1000),
      license: fc.stringMatching(/^[A-Za-z0-9/ ]{0,63}$/),
      version: u32,
    });
    fc.assert(
      fc.property(model, ({ littleEndian, names, btfMaps, legacyMaps, dataSections, addend, license, version }) => {
        const writer = new ElfWriter(littleEndian);
        const btf = new BtfWriter(littleEndian);
        const int = btf.int("int", 4);
        const legacyNames = names.slice(0, legacyMaps.length);
        const btfNames = names.slice(4, 4 + btfMaps.length);
        const dataNames = dataSections.map(({ stem }, index) => `${stem}.${names[8 + index]}`);

        const legacy = writer.section({ name: "maps", data: new Bytes(littleEndian).u32(...legacyMaps.flat()).done() });
        const symbols = legacyNames.map((map, index) =>
          writer.symbol({ name: map, section: legacy, value: index * 20, type: OBJECT }),
        );
        if (btfMaps.length > 0) {
          const section = writer.section({ name: ".maps", data: new Uint8Array(btfMaps.length * 64) });
          const entries = btfMaps.map((map, index) => {
            const map_ = btfNames[index] ?? "";
            symbols.push(writer.symbol({ name: map_, section, value: index * 64, size: 64, type: OBJECT }));
            return [btf.variable(map_, mapDefinition(btf, int, map).id), 0, 64] as const;
          });
          btf.datasec(".maps", 0, entries);
        }
        dataSections.forEach(({ stem, content }, index) => {
          const isZero = stem === ".bss";
          const placed = isZero ? { type: NOBITS, size: content.length } : { data: content };
          const section = writer.section({ name: dataNames[index] ?? "", ...placed });
          symbols.push(writer.symbol({ name: `v${index}`, section, value: content.length - 1, type: OBJECT }));
        });
        writer.section({ name: "license", data: new TextEncoder().encode(`${license}\0`) });
        writer.section({ name: "version", data: new Bytes(littleEndian).u32(version).done() });
        const code = assemble(littleEndian, [...symbols.flatMap(() => load(addend)), EXIT]);
        const program = writer.code("sk_msg", code);
        writer.symbol({ name: "main", section: program, size: code.length, type: FUNC });
        writer.relocations(
          program,
          symbols.map((symbol, index) => [index * 16, symbol] as const),
        );
        writer.section({ name: ".BTF", data: btf.build() });

        const object = ElfObject.parse(writer.build());
        assert.deepEqual([object.license, object.kernelVersion, object.littleEndian], [license, version, littleEndian]);
        assert.deepEqual(
          object.maps.map((map) => map.name),
          [...legacyNames, ...btfNames, ...dataNames],
        );
        const [first, second] = [legacyMaps.length, legacyMaps.length + btfMaps.length];
        assert.deepEqual(
          object.maps.slice(0, first).map((map) => [map.type, map.keySize, map.valueSize, map.maxEntries, map.flags]),
          legacyMaps,
        );
        assert.deepEqual(
          object.maps.slice(first, second).map((map) => ({
            type: map.type,
            max_entries: map.maxEntries,
            map_flags: map.flags,
            key_size: map.keySize,
            value_size: map.valueSize,
            map_extra: Number(map.extra),
            numa_node: map.numaNode,
            pinning: map.pinByName ? 1 : 0,
          })),
          btfMaps.map((map) => ({ ...map })),
        );
        assert.deepEqual(
          object.maps.slice(second).map((map) => [map.valueSize, map.readOnly, map.initial]),
          dataSections.map(({ stem, content }) => [
            content.length,
            stem === ".rodata",
            stem === ".bss" ? new Uint8Array(content.length) : content,
          ]),
        );
        assert.deepEqual(
          object.programs[0]?.relocations,
          object.maps.map((map, index) => {
            const content = dataSections[index - second]?.content;
            const place = { instruction: index * 2, map: map.name };
            return content === undefined
              ? { kind: "map", ...place }
              : { kind: "data", ...place, offset: content.length - 1 + addend };
          }),
        );
      }),
      { numRuns: 200 },
    );
  });
});
