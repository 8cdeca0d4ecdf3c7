import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ElfObject } from "../../elf/index.ts";
import { BtfWriter, mapDefinition } from "./btf-writer.ts";
import { type ElfWriter, OBJECT } from "./elf-writer.ts";
import { refusedObject, smallObject } from "./helpers.ts";

const said = (writer: ElfWriter, code: string): string => refusedObject(writer.build(), code).message;

describe("legacy maps", () => {
  const withMaps = (size: number, symbols: readonly (readonly [string, number])[], fill = 0): ElfWriter =>
    smallObject(true, (w) => {
      const section = w.section({ name: "maps", data: new Uint8Array(size).fill(fill) });
      for (const [name, value] of symbols) w.symbol({ name, section, value, type: OBJECT });
    });

  it("must be of equal length, each with a symbol", () => {
    said(withMaps(20, []), "ERR_ELF_MALFORMED");
    said(withMaps(16, [["a", 0]]), "ERR_ELF_MALFORMED");
    said(
      withMaps(41, [
        ["a", 0],
        ["b", 20],
      ]),
      "ERR_ELF_MALFORMED",
    );
    said(
      withMaps(40, [
        ["a", 0],
        ["b", 12],
      ]),
      "ERR_ELF_MALFORMED",
    );
    said(
      withMaps(40, [
        ["a", 0],
        ["b", 40],
      ]),
      "ERR_ELF_MALFORMED",
    );
    assert.equal(
      ElfObject.parse(
        withMaps(40, [
          ["b", 20],
          ["a", 0],
        ]).build(),
      )
        .maps.map(({ name }) => name)
        .join(),
      "a,b",
    );
    assert.equal(ElfObject.parse(withMaps(0, []).build()).maps.length, 0);
  });

  it("may be longer only by zeros", () => {
    assert.equal(ElfObject.parse(withMaps(28, [["a", 0]]).build()).maps.length, 1);
    assert.match(said(withMaps(28, [["a", 0]], 1), "ERR_ELF_UNSUPPORTED"), /\.maps/);
    assert.match(said(withMaps(36, [["a", 0]], 1), "ERR_ELF_UNSUPPORTED"), /iproute2/);
  });
});

describe("maps by BTF", () => {
  const object = (
    fill: (btf: BtfWriter, int: number) => number,
    options: { linkage?: number; name?: string; size?: number; place?: number } = {},
  ): ElfWriter =>
    smallObject(true, (w) => {
      const btf = new BtfWriter();
      const int = btf.int("int", 4, true);
      const { name = "m", size = 64, place = 64 } = options;
      const variable = btf.variable(name, fill(btf, int), options.linkage ?? 1);
      btf.datasec(".maps", 0, [[variable, 0, place]]);
      const section = w.section({ name: ".maps", data: new Uint8Array(size) });
      w.symbol({ name, section, size, type: OBJECT });
      w.section({ name: ".BTF", data: btf.build() });
    });
  const definition =
    (numbers: Record<string, number>, types: Record<string, number> = {}) =>
    (btf: BtfWriter, int: number): number =>
      mapDefinition(btf, int, numbers, types).id;

  it("need BTF that describes them", () => {
    assert.match(
      said(
        smallObject(true, (w) => w.section({ name: ".maps", data: new Uint8Array(8) })),
        "ERR_NO_BTF",
      ),
      /-g/,
    );
    const empty = smallObject(true, (w) => {
      w.section({ name: ".maps", data: new Uint8Array(8) });
      w.section({ name: ".BTF", data: new BtfWriter().build() });
    });
    said(empty, "ERR_BTF_MALFORMED");
  });

  it("read every known member", () => {
    const all = {
      type: 2,
      max_entries: 7,
      map_flags: 4,
      numa_node: 1,
      key_size: 4,
      value_size: 4,
      pinning: 1,
      map_extra: 9,
    };
    const [map] = ElfObject.parse(object(definition(all, { key: 1 }), { size: 80, place: 80 }).build()).maps;
    assert.ok(map);
    assert.deepEqual(
      [
        map.type,
        map.maxEntries,
        map.flags,
        map.numaNode,
        map.keySize,
        map.valueSize,
        map.pinByName,
        map.extra,
        map.keyTypeId,
      ],
      [2, 7, 4, 1, 4, 4, true, 9n, 1],
    );
  });

  it("refuse sizes that contradict, and values that do not exist", () => {
    assert.match(said(object(definition({ type: 1, key_size: 8 }, { key: 1 })), "ERR_BTF_MALFORMED"), /key 8 bytes.*4/);
    assert.match(said(object(definition({ type: 1, value_size: 8 }, { value: 1 })), "ERR_BTF_MALFORMED"), /value/);
    said(object(definition({ type: 1, pinning: 2 })), "ERR_BTF_MALFORMED");
    assert.match(said(object(definition({ max_entries: 1 })), "ERR_BTF_MALFORMED"), /no type/);
  });

  it("refuse members that are not known, even those every JavaScript object has", () => {
    assert.match(said(object(definition({ type: 1, colour: 2 })), "ERR_ELF_UNSUPPORTED"), /"colour"/);
    said(object(definition({ type: 1, constructor: 2 })), "ERR_ELF_UNSUPPORTED");
    assert.match(said(object(definition({ type: 12, values: 2 })), "ERR_ELF_UNSUPPORTED"), /maps of maps/);
  });

  it("refuse other shapes", () => {
    said(
      object((btf, int) => btf.struct("", 8, [["type", int, 0]])),
      "ERR_BTF_MALFORMED",
    );
    said(
      object((btf, int) => btf.struct("", 8, [["key", int, 0]])),
      "ERR_BTF_MALFORMED",
    );
    said(
      object((_, int) => int),
      "ERR_BTF_MALFORMED",
    );
    said(object(definition({ type: 1 }), { linkage: 0 }), "ERR_ELF_UNSUPPORTED");
    said(object(definition({ type: 1 }), { name: "" }), "ERR_BTF_MALFORMED");
    said(object(definition({ type: 1 }), { place: 65 }), "ERR_BTF_MALFORMED");
    said(object(definition({ type: 1 }), { place: 4 }), "ERR_BTF_MALFORMED");
    said(
      object((btf) =>
        btf.struct(
          "",
          8,
          Array.from({ length: 65 }, (_, index) => ["type", 1, index]),
        ),
      ),
      "ERR_BTF_MALFORMED",
    );
  });
});
