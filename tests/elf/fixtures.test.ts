import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ElfObject, type MapSpec } from "../../elf/index.ts";
import { COMPILERS, fixture, programOf, refusedObject } from "./helpers.ts";

const parse = (path: string): ElfObject => ElfObject.parse(fixture(path));

for (const compiler of COMPILERS) {
  describe(`objects of ${compiler}`, () => {
    it("reads a plain program and its maps", () => {
      const object = parse(`${compiler}/pass.o`);
      assert.equal(object.littleEndian, true);
      assert.equal(object.license, "Dual MIT/GPL");
      assert.equal(object.kernelVersion, undefined);
      const pass = programOf(object, "pass");
      assert.deepEqual(
        [pass.section, pass.type, pass.expectedAttachType, pass.autoload, pass.instructions.length],
        ["sk_msg", 16, 7, true, 16],
      );
      assert.deepEqual(pass.relocations, []);
      assert.deepEqual(pass.functions, [{ name: "pass", instruction: 0 }]);
      assert.deepEqual(
        object.maps.map(({ name, type, keySize, valueSize, maxEntries }) => [
          name,
          type,
          keySize,
          valueSize,
          maxEntries,
        ]),
        [
          ["HASH", 18, 4, 8, 16],
          ["MAP", 15, 4, 8, 16],
        ],
      );
    });

    it("appends each subprogram once, depth first", () => {
      const object = parse(`${compiler}/subprogs.o`);
      const names = (program: string): string[] => programOf(object, program).functions.map(({ name }) => name);
      assert.deepEqual(names("entry_one"), ["entry_one", "leaf_a", "middle_b", "deep_c", "put", "shared_d"]);
      assert.deepEqual(names("entry_two"), ["entry_two", "shared_d", "deep_c", "put", "global_e"]);
    });

    it("gives function and line records at their place in the program", () => {
      const { instructions, functions, funcInfo, lineInfo } = programOf(parse(`${compiler}/subprogs.o`), "entry_one");
      assert.ok(funcInfo !== undefined && lineInfo !== undefined);
      const funcView = new DataView(funcInfo.buffer, funcInfo.byteOffset, funcInfo.length);
      assert.deepEqual(
        functions.map((_, index) => funcView.getUint32(index * 8, true)),
        functions.map(({ instruction }) => instruction),
      );
      const lineView = new DataView(lineInfo.buffer, lineInfo.byteOffset, lineInfo.length);
      const lines = Array.from({ length: lineInfo.length / 16 }, (_, index) => lineView.getUint32(index * 16, true));
      assert.deepEqual(
        lines,
        [...lines].sort((a, b) => a - b),
      );
      assert.equal(lines[0], 0);
      assert.ok((lines.at(-1) ?? 0) < instructions.length / 8);
      for (const { instruction } of functions) assert.ok(lines.includes(instruction));
    });

    it("makes maps of global data", () => {
      const { maps } = parse(`${compiler}/globals.o`);
      const data = (name: string): MapSpec | undefined => maps.find((map) => map.name === name);
      assert.deepEqual([data(".data")?.flags, data(".rodata")?.flags, data(".bss")?.flags], [0x400, 0x480, 0x400]);
      assert.deepEqual([data(".data")?.readOnly, data(".rodata")?.readOnly], [false, true]);
      for (const name of [".data", ".rodata", ".bss"]) {
        const map = data(name);
        assert.deepEqual(
          [map?.origin, map?.type, map?.keySize, map?.maxEntries, map?.initial?.length],
          ["data", 2, 4, 1, map?.valueSize],
        );
      }
      assert.ok(data(".bss")?.initial?.every((byte) => byte === 0));
      assert.ok(data(".data")?.initial?.some((byte) => byte !== 0));
    });

    it("fills in sizes and offsets of variables", () => {
      const { btf, maps } = parse(`${compiler}/globals.o`);
      const map = maps.find(({ name }) => name === ".data");
      assert.ok(btf !== undefined && map !== undefined);
      const layout = btf.type(map.valueTypeId);
      assert.ok(layout.kind === "datasec");
      assert.equal(layout.size, map.valueSize);
      let end = 0;
      for (const { offset, size } of layout.variables) {
        assert.ok(offset >= end, "variables are sorted and apart");
        end = offset + size;
      }
      assert.ok(end <= layout.size);
    });

    it("makes a read-only map of string literals, which BTF does not know", () => {
      const { maps, programs } = parse(`${compiler}/strings.o`);
      const map = maps.find(({ name }) => name === ".rodata.str1.1");
      assert.deepEqual([map?.flags, map?.valueTypeId, map?.readOnly], [0x80, 0, true]);
      assert.ok(programs[0]?.relocations.some((relocation) => relocation.kind === "data" && relocation.offset > 0));
    });

    it("tells program types by section", () => {
      assert.deepEqual(
        parse(`${compiler}/types.o`).programs.map((program) => [
          program.section,
          program.type,
          program.expectedAttachType,
          program.autoload,
        ]),
        [
          ["sk_msg", 16, 7, true],
          ["sockops", 13, 3, true],
          ["sk_skb/stream_parser", 14, 4, true],
          ["sk_skb/stream_verdict", 14, 5, true],
          ["sk_skb", 14, 0, true],
          ["cgroup_skb/egress", 8, 1, true],
          ["socket", 1, 0, true],
          ["?sk_msg", 16, 7, false],
        ],
      );
      assert.deepEqual(
        parse(`${compiler}/sk-msg-name.o`).programs.map(({ section, type, expectedAttachType }) => [
          section,
          type,
          expectedAttachType,
        ]),
        [
          ["sk_msg/by_name", 16, 7],
          ["sk_msg1", 16, 7],
        ],
      );
      assert.equal(parse(`${compiler}/unknown-section.o`).programs[0]?.type, undefined);
    });

    it("reads legacy maps, with and without BTF", () => {
      const expected = [
        ["SOCKETS", "legacy", 15, 4, 4, 20, 0],
        ["COUNTS", "legacy", 1, 4, 8, 64, 1],
      ];
      for (const name of ["legacy-maps", "legacy-no-btf"]) {
        const object = parse(`${compiler}/${name}.o`);
        assert.deepEqual(
          object.maps.map((map) => [
            map.name,
            map.origin,
            map.type,
            map.keySize,
            map.valueSize,
            map.maxEntries,
            map.flags,
          ]),
          expected,
        );
        assert.equal(object.btf === undefined, name === "legacy-no-btf");
      }
      assert.deepEqual(parse(`${compiler}/legacy-no-btf.o`).programs[0]?.funcInfo, undefined);
      assert.deepEqual(
        parse(`${compiler}/legacy-iproute2.o`).maps.map(({ name }) => name),
        ["SOCKETS", "COUNTS"],
      );
      assert.deepEqual(
        parse(`${compiler}/legacy-slash.o`).maps.map(({ name, section }) => [name, section]),
        [["COUNTS", "maps/counts"]],
      );
    });

    it("reads what a map asks for", () => {
      assert.deepEqual(
        parse(`${compiler}/pin-by-name.o`).maps.map(({ name, pinByName }) => [name, pinByName]),
        [
          ["PINNED", true],
          ["PLAIN", false],
          ["PINNED_SOCKETS", true],
        ],
      );
    });

    it("reads CO-RE records, not applied", () => {
      const { coreRelocations, instructions } = programOf(parse(`${compiler}/core.o`), "core");
      assert.ok(coreRelocations.length >= 9);
      for (const { instruction, access, typeId } of coreRelocations) {
        assert.ok(instruction < instructions.length / 8);
        assert.match(access, /^\d+(:\d+)*$/);
        assert.ok(typeId > 0);
      }
    });

    it("gives an empty license where there is none", () => {
      assert.equal(parse(`${compiler}/no-license.o`).license, "");
    });

    it("becomes JSON", () => {
      const object = parse(`${compiler}/globals.o`);
      const plain = JSON.parse(JSON.stringify(object));
      assert.equal(plain.programs[0].instructions, Buffer.from(object.programs[0]?.instructions ?? []).toString("hex"));
      assert.equal(plain.maps[0].extra, "0");
      assert.equal(plain.btf, Buffer.from(object.btfForKernel() ?? []).toString("hex"));
      assert.ok(plain.symbols.length > 0 && plain.sections.length > 0);
    });
  });
}

describe("parsing", () => {
  it("takes an ArrayBuffer, a Buffer, and a view into a larger one", () => {
    const bytes = fixture("clang-19/pass.o");
    const larger = new Uint8Array(bytes.length + 13);
    larger.set(bytes, 13);
    const expected = JSON.stringify(ElfObject.parse(bytes));
    for (const input of [new Uint8Array(bytes).buffer, Buffer.from(bytes), larger.subarray(13)]) {
      assert.equal(JSON.stringify(ElfObject.parse(input)), expected);
    }
  });

  it("keeps nothing of the bytes it was given, and hands out copies of its BTF", () => {
    const bytes = fixture("clang-19/globals.o");
    for (const input of [Buffer.from(bytes), new Uint8Array(bytes).buffer]) {
      const object = ElfObject.parse(input);
      const before = JSON.stringify(object);
      new Uint8Array(
        input instanceof ArrayBuffer ? input : input.buffer,
        input instanceof ArrayBuffer ? 0 : input.byteOffset,
      ).fill(0xff);
      object.btfForKernel()?.fill(0xff);
      assert.equal(JSON.stringify(object), before);
    }
  });

  it("reads big-endian objects like little-endian ones", () => {
    const big = parse("bad/big-endian.o");
    const little = parse("clang-19/pass.o");
    assert.equal(big.littleEndian, false);
    assert.deepEqual(big.maps, little.maps);
    const shape = (object: ElfObject): unknown =>
      object.programs.map(({ name, type, functions }) => ({ name, type, functions }));
    assert.deepEqual(shape(big), shape(little));
    assert.equal(big.btf?.littleEndian, false);
    assert.equal(big.btf?.findByName("sk_msg_md", "struct"), little.btf?.findByName("sk_msg_md", "struct"));
  });

  it("refuses what is no BPF object", () => {
    assert.match(refusedObject(fixture("bad/x86.o"), "ERR_ELF_MACHINE").message, /x86-64/);
    refusedObject(fixture("bad/elf32.o"), "ERR_ELF_CLASS");
    assert.match(refusedObject(fixture("bad/text.txt"), "ERR_NOT_ELF").message, /text/);
  });
});
