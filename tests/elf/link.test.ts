import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ElfObject, type ProgramSpec } from "../../elf/index.ts";
import { stopwatch } from "../support/stopwatch.ts";
import { BtfWriter, btfExt } from "./btf-writer.ts";
import {
  assemble,
  call,
  ElfWriter,
  EXIT,
  FUNC,
  HIDDEN,
  type Instruction,
  load,
  NOP,
  OBJECT,
  SECTION,
  WEAK,
} from "./elf-writer.ts";
import { programOf, refusedObject } from "./helpers.ts";

/** A call graph: each function calls the subprograms of these numbers, in order, then exits. */
interface Graph {
  readonly subprograms: readonly (readonly number[])[];
  readonly mains: readonly (readonly number[])[];
}

/** How a function refers to another: as clang does for a global or a static one, or by its address. */
type How = "global" | "static" | "address";

function write(graph: Graph, littleEndian: boolean, how: (from: string, index: number) => How): Uint8Array {
  const writer = new ElfWriter(littleEndian);
  const bodyLength = (calls: readonly number[]): number => calls.length * 2 + 1;
  const starts: number[] = [];
  let textLength = 0;
  for (const calls of graph.subprograms) {
    starts.push(textLength);
    textLength += bodyLength(calls);
  }
  const relocations: [section: number, offset: number, symbol: number][] = [];
  const text = 1;
  const sectionSymbol = 1;
  const functionSymbol = (index: number): number => 2 + index;

  const body = (name: string, section: number, start: number, calls: readonly number[]): Instruction[] => {
    const code: Instruction[] = [];
    calls.forEach((target, index) => {
      const at = start + code.length;
      const kind = how(name, index);
      const targetStart = starts[target] ?? 0;
      if (kind === "address") {
        code.push(...load(0));
        relocations.push([section, at * 8, functionSymbol(target)]);
      } else if (kind === "static" && section === text) {
        code.push(call(targetStart - at - 1), NOP);
      } else if (kind === "static") {
        code.push(call(targetStart - 1), NOP);
        relocations.push([section, at * 8, sectionSymbol]);
      } else {
        code.push(call(), NOP);
        relocations.push([section, at * 8, functionSymbol(target)]);
      }
    });
    return [...code, EXIT];
  };

  const textCode = graph.subprograms.flatMap((calls, index) => body(`sub${index}`, text, starts[index] ?? 0, calls));
  writer.code(".text", assemble(littleEndian, textCode));
  writer.symbol({ name: "", section: text, type: SECTION, binding: 0 });
  graph.subprograms.forEach((calls, index) => {
    writer.symbol({
      name: `sub${index}`,
      section: text,
      value: (starts[index] ?? 0) * 8,
      size: bodyLength(calls) * 8,
      type: FUNC,
      binding: index % 3,
    });
  });
  graph.mains.forEach((calls, index) => {
    const section = writer.code("sk_msg", assemble(littleEndian, body(`main${index}`, 2 + index, 0, calls)));
    writer.symbol({ name: `main${index}`, section, size: bodyLength(calls) * 8, type: FUNC });
  });
  for (let section = 1; section <= 1 + graph.mains.length; section++) {
    const own = relocations
      .filter(([owner]) => owner === section)
      .map(([, offset, symbol]) => [offset, symbol] as const);
    if (own.length > 0) writer.relocations(section, own);
  }
  return writer.build();
}

/** The order libbpf gives: depth first, each once. */
function expectedOrder(graph: Graph, main: number): string[] {
  const order = [`main${main}`];
  const visit = (calls: readonly number[]): void => {
    for (const target of calls) {
      if (order.includes(`sub${target}`)) continue;
      order.push(`sub${target}`);
      visit(graph.subprograms[target] ?? []);
    }
  };
  visit(graph.mains[main] ?? []);
  return order;
}

/** Where each call and function address of the program leads, in order of the instructions. */
function targets(program: ProgramSpec, littleEndian: boolean): number[] {
  const view = new DataView(program.instructions.buffer, program.instructions.byteOffset, program.instructions.length);
  const found: number[] = [];
  for (let index = 0; index < view.byteLength / 8; index++) {
    const registers = view.getUint8(index * 8 + 1);
    const source = littleEndian ? registers >> 4 : registers & 15;
    const opcode = view.getUint8(index * 8);
    if ((opcode === 0x85 && source === 1) || (opcode === 0x18 && source === 4)) {
      found.push(index + view.getInt32(index * 8 + 4, littleEndian) + 1);
    }
  }
  return found;
}

const graphs = fc.integer({ min: 1, max: 8 }).chain((count) =>
  fc.record({
    subprograms: fc.array(fc.array(fc.nat(count - 1), { maxLength: 4 }), { minLength: count, maxLength: count }),
    mains: fc.array(fc.array(fc.nat(count - 1), { maxLength: 4 }), { minLength: 1, maxLength: 3 }),
  }),
);

describe("linking", () => {
  it("appends and connects subprograms as libbpf does, whatever the call graph", () => {
    fc.assert(
      fc.property(
        graphs,
        fc.boolean(),
        fc.func(fc.constantFrom<How>("global", "static", "address")),
        (graph, littleEndian, how) => {
          const object = ElfObject.parse(write(graph, littleEndian, how));
          assert.equal(object.programs.length, graph.mains.length);
          graph.mains.forEach((calls, main) => {
            const program = programOf(object, `main${main}`);
            const order = expectedOrder(graph, main);
            assert.deepEqual(
              program.functions.map(({ name }) => name),
              order,
            );
            const start = new Map(program.functions.map(({ name, instruction }) => [name, instruction]));
            const expected = order.flatMap((name) =>
              (name.startsWith("main") ? calls : (graph.subprograms[Number(name.slice(3))] ?? [])).map((target) =>
                start.get(`sub${target}`),
              ),
            );
            assert.deepEqual(targets(program, littleEndian), expected);
          });
        },
      ),
    );
  });

  it("moves references to maps and records along with their function", () => {
    for (const littleEndian of [true, false]) {
      const writer = new ElfWriter(littleEndian);
      const btf = new BtfWriter(littleEndian);
      btf.int("int", 4);
      const text = writer.code(".text", assemble(littleEndian, [NOP, EXIT, ...load(4), EXIT]));
      writer.symbol({ name: "unused", section: text, size: 16, type: FUNC });
      const sub = writer.symbol({ name: "sub", section: text, value: 16, size: 24, type: FUNC });
      const data = writer.section({ name: ".data", data: new Uint8Array(16) });
      const variable = writer.symbol({ name: "v", section: data, value: 8, type: OBJECT });
      const main = writer.code("sk_msg", assemble(littleEndian, [NOP, call(), EXIT]));
      writer.symbol({ name: "main", section: main, size: 24, type: FUNC });
      writer.relocations(text, [[16, variable]]);
      writer.relocations(main, [[8, sub]]);
      const access = btf.strings.add("0:1");
      const ext = btfExt(btf, {
        func: {
          ".text": [
            [0, 1],
            [16, 1],
          ],
          sk_msg: [[0, 1]],
        },
        line: {
          ".text": [
            [0, 0, 0, 0],
            [16, 1, 2, 3],
            [32, 4, 5, 6],
          ],
          sk_msg: [
            [0, 0, 0, 7],
            [16, 0, 0, 8],
          ],
        },
        core: { ".text": [[16, 1, access, 2]], sk_msg: [[0, 1, access, 0]] },
      });
      writer.section({ name: ".BTF", data: btf.build() });
      writer.section({ name: ".BTF.ext", data: ext });

      const program = programOf(ElfObject.parse(writer.build()), "main");
      assert.deepEqual(program.functions, [
        { name: "main", instruction: 0 },
        { name: "sub", instruction: 3 },
      ]);
      assert.deepEqual(program.relocations, [{ kind: "data", instruction: 3, map: ".data", offset: 12 }]);
      assert.deepEqual(program.coreRelocations, [
        { instruction: 0, typeId: 1, access: "0:1", kind: 0, record: 1 },
        { instruction: 3, typeId: 1, access: "0:1", kind: 2, record: 0 },
      ]);
      const words = (bytes: Uint8Array | undefined): number[] => {
        assert.ok(bytes);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, littleEndian));
      };
      assert.deepEqual(words(program.funcInfo), [0, 1, 3, 1]);
      assert.deepEqual(words(program.lineInfo), [0, 0, 0, 7, 2, 0, 0, 8, 3, 1, 2, 3, 5, 4, 5, 6]);
    }
  });

  it("takes a lone function of .text for a program", () => {
    const writer = new ElfWriter();
    const text = writer.code(".text", assemble(true, [call(-1), EXIT]));
    writer.symbol({ name: "only", section: text, size: 16, type: FUNC });
    const program = programOf(ElfObject.parse(writer.build()), "only");
    assert.equal(program.type, undefined);
    assert.deepEqual(targets(program, true), [0]);
  });

  it("makes hidden subprograms static in the BTF, and hidden variables too", () => {
    const writer = new ElfWriter();
    const text = writer.code(".text", assemble(true, [NOP, EXIT, NOP, EXIT]));
    writer.symbol({ name: "hidden", section: text, size: 16, type: FUNC, visibility: HIDDEN });
    writer.symbol({ name: "seen", section: text, value: 16, size: 16, type: FUNC, binding: WEAK });
    const data = writer.section({ name: ".data", data: new Uint8Array(8) });
    writer.symbol({ name: "b", section: data, value: 4, size: 4, type: OBJECT, visibility: HIDDEN });
    writer.symbol({ name: "a", section: data, size: 4, type: OBJECT, visibility: HIDDEN });
    const btf = new BtfWriter();
    const int = btf.int("int", 4);
    const proto = btf.record(13, "", 0);
    const ids = [btf.func("hidden", proto), btf.func("seen", proto)];
    const b = btf.variable("b", int);
    const a = btf.variable("a", int);
    const section = btf.datasec(".data", 0, [
      [b, 0, 4],
      [a, 0, 4],
    ]);
    writer.section({ name: ".BTF", data: btf.build() });

    const object = ElfObject.parse(writer.build());
    const linkage = (id: number): number => {
      const type = object.btf?.type(id);
      assert.ok(type?.kind === "func" || type?.kind === "var");
      return type.linkage;
    };
    assert.deepEqual([...ids, a, b].map(linkage), [0, 1, 0, 0]);
    const layout = object.btf?.type(section);
    assert.deepEqual(layout?.kind === "datasec" && layout.variables, [
      { type: a, offset: 0, size: 4 },
      { type: b, offset: 4, size: 4 },
    ]);
    assert.equal(object.maps[0]?.flags, 0, "nothing of it is for user space to see");
  });
});

describe("hostile call graphs", () => {
  const limit = (run: () => void): void => {
    const elapsed = stopwatch();
    run();
    const took = elapsed();
    assert.ok(took < 1000, `took ${took.toFixed(0)} ms`);
  };

  it("of 10,000 functions that call each other in a chain and a ring", () => {
    const count = 10_000;
    const subprograms = Array.from({ length: count }, (_, index) => [(index + 1) % count]);
    const bytes = write({ subprograms, mains: [[0]] }, true, () => "static");
    limit(() => assert.equal(ElfObject.parse(bytes).programs[0]?.functions.length, count + 1));
  });

  it("of 2,000 programs that all call 2,000 functions", () => {
    const subprograms = Array.from({ length: 2000 }, (_, index) => [
      Math.min(index + 1, 1999),
      ...Array.from({ length: 20 }, () => 0),
    ]);
    const bytes = write({ subprograms, mains: Array.from({ length: 2000 }, () => [0]) }, true, () => "static");
    limit(() => assert.match(refusedObject(bytes, "ERR_ELF_MALFORMED").message, /together/));
  });

  it("of one program beyond a million instructions", () => {
    const writer = new ElfWriter();
    const section = writer.section({ name: "sk_msg", flags: 4 });
    writer.symbol({ name: "main", section, size: 8_000_008, type: FUNC });
    // The section is laid over a megabyte-sized one to keep the writer out of it.
    const bytes = new Uint8Array(8_100_000);
    bytes.set(writer.build());
    const view = new DataView(bytes.buffer);
    const header = Number(view.getBigUint64(40, true)) + section * 64;
    view.setBigUint64(header + 24, 64n, true);
    view.setBigUint64(header + 32, 8_000_008n, true);
    limit(() => refusedObject(bytes, "ERR_ELF_MALFORMED"));
  });
});
