import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BtfError, ElfError, ElfObject, RelocationError } from "../../elf/index.ts";
import { stopwatch } from "../support/stopwatch.ts";
import { BtfWriter, mapDefinition } from "./btf-writer.ts";
import { assemble, Bytes, type ElfWriter, EXIT, FUNC, load, NOP, OBJECT } from "./elf-writer.ts";
import { smallObject } from "./helpers.ts";

/** Parses within a second, to a result or a documented error. */
function bounded(writer: ElfWriter): ElfObject | undefined {
  const bytes = writer.build();
  const before = process.memoryUsage().arrayBuffers;
  const elapsed = stopwatch();
  let object: ElfObject | undefined;
  try {
    object = ElfObject.parse(bytes);
  } catch (error) {
    assert.ok(
      error instanceof ElfError || error instanceof BtfError || error instanceof RelocationError,
      String(error),
    );
  }
  const took = elapsed();
  assert.ok(took < 1000, `took ${took.toFixed(0)} ms`);
  assert.ok(process.memoryUsage().arrayBuffers - before < 256 * 2 ** 20);
  return object;
}

/** What costs more than its bytes if each part of a file is looked at once for each other part. */
describe("objects made to be slow", () => {
  it("functions that all lie over the same code", () => {
    const writer = smallObject(true, (w) => {
      const code = assemble(true, [...Array.from({ length: 8000 }, () => NOP), EXIT]);
      const section = w.code("sockops", code);
      for (let index = 0; index < 4000; index++)
        w.symbol({ name: `f${index}`, section, size: code.length, type: FUNC });
    });
    assert.equal(bounded(writer), undefined);
  });

  it("symbols that share one long name", () => {
    const name = "n".repeat(1023);
    const writer = smallObject(true, (w) => {
      for (let index = 0; index < 10_000; index++)
        w.symbol({ name: name.slice(0, 1023 - (index % 2)), section: 1, type: OBJECT });
    });
    assert.ok(bounded(writer));
  });

  it("sections of variables, each with every variable", () => {
    const writer = smallObject(true, (w) => {
      const btf = new BtfWriter();
      btf.int("int", 4);
      const variable = btf.variable("v", 1);
      for (let index = 0; index < 300; index++) {
        btf.datasec(
          `.data.${index}`,
          0,
          Array.from({ length: 200 }, () => [variable, 0, 4] as const),
        );
        const section = w.section({ name: `.data.${index}`, data: new Uint8Array(4) });
        if (index === 0) w.symbol({ name: "v", section, type: OBJECT });
      }
      w.section({ name: ".BTF", data: btf.build() });
    });
    assert.equal(bounded(writer)?.maps.length, 300);
  });

  it("one map definition for thousands of maps", () => {
    const writer = smallObject(true, (w) => {
      const btf = new BtfWriter();
      const int = btf.int("int", 4);
      const { id, size } = mapDefinition(btf, int, { type: 2, max_entries: 1 });
      const section = w.section({ name: ".maps", data: new Uint8Array(size) });
      const entries = Array.from({ length: 3000 }, (_, index) => {
        w.symbol({ name: `m${index}`, section, type: OBJECT });
        return [btf.variable(`m${index}`, id), 0, size] as const;
      });
      btf.datasec(".maps", 0, entries);
      w.section({ name: ".BTF", data: btf.build() });
    });
    assert.equal(bounded(writer)?.maps.length, 3000);
  });

  it("thousands of relocations of one instruction", () => {
    const writer = smallObject(true, (w) => {
      const data = w.section({ name: ".data", data: new Uint8Array(4) });
      const symbol = w.symbol({ name: "v", section: data, type: OBJECT });
      const section = w.code("sockops", assemble(true, [...load(), EXIT]));
      w.symbol({ name: "f", section, size: 24, type: FUNC });
      w.relocations(
        section,
        Array.from({ length: 5000 }, () => [0, symbol] as const),
      );
    });
    assert.equal(bounded(writer), undefined);
  });

  it("a table of sections that is said to be longer than the file", () => {
    const bytes = smallObject().build();
    const view = new DataView(bytes.buffer);
    view.setUint16(60, 0, true);
    for (const count of [2n ** 32n, 2n ** 63n, 0xffffffffffffffffn]) {
      view.setBigUint64(Number(view.getBigUint64(40, true)) + 32, count, true);
      assert.throws(() => ElfObject.parse(bytes), ElfError);
    }
  });

  it("more sections than fit into the header's field", () => {
    const bytes = smallObject().build();
    const view = new DataView(bytes.buffer);
    const table = Number(view.getBigUint64(40, true));
    // Both numbers move to the first section header, as with 65,280 sections and more.
    view.setBigUint64(table + 32, BigInt(view.getUint16(60, true)), true);
    view.setUint32(table + 40, view.getUint16(62, true), true);
    view.setUint16(60, 0, true);
    view.setUint16(62, 0xffff, true);
    assert.equal(ElfObject.parse(bytes).programs.length, 1);
  });

  it("a BTF of nothing but empty types", () => {
    const types = new Bytes(true);
    for (let index = 0; index < 50_000; index++) types.u32(0, 15 << 24, 0);
    const body = types.done();
    const header = new Bytes(true).int(2, 0xeb9f).int(1, 1).int(1, 0).u32(24, 0, body.length, body.length, 1);
    const data = new Uint8Array(24 + body.length + 1);
    data.set(header.done());
    data.set(body, 24);
    bounded(smallObject(true, (w) => w.section({ name: ".BTF", data })));
  });
});
