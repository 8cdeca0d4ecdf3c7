import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ElfObject } from "../../elf/index.ts";
import {
  assemble,
  call,
  type ElfWriter,
  EXECUTABLE,
  EXIT,
  FUNC,
  load,
  NOP,
  OBJECT,
  PROGBITS,
  REL,
  SECTION,
} from "./elf-writer.ts";
import { refusedObject, smallObject } from "./helpers.ts";

const said = (writer: ElfWriter, code: string): string => refusedObject(writer.build(), code).message;

describe("relocations", () => {
  /** A program of `code` with one relocation at byte `offset` to a symbol. */
  const relocated = (code: Uint8Array, offset: number, symbol: (w: ElfWriter) => number): ElfWriter =>
    smallObject(true, (w) => {
      const section = w.code("sockops", code);
      w.symbol({ name: "f", section, size: code.length, type: FUNC });
      w.relocations(section, [[offset, symbol(w)]]);
    });
  const program = (...instructions: Parameters<typeof assemble>[1]): Uint8Array => assemble(true, instructions);
  const anywhere = (w: ElfWriter): number =>
    w.symbol({ name: "thing", section: w.section({ name: "comment", data: new Uint8Array(8) }) });

  it("that point nowhere", () => {
    assert.match(said(relocated(program(...load(), EXIT), 4, anywhere), "ERR_RELOCATION"), /nowhere/);
    said(relocated(program(...load(), EXIT), 800, anywhere), "ERR_RELOCATION");
    said(
      relocated(program(...load(), EXIT), 0, () => 9999),
      "ERR_RELOCATION",
    );
  });

  it("of instructions that can carry none", () => {
    const message = said(relocated(program(NOP, EXIT), 0, anywhere), "ERR_RELOCATION");
    assert.match(message, /Instruction 0 of function "f" in section "sockops" refers to "thing".*0xb7/);
    said(relocated(program(EXIT, ...load().slice(0, 1)), 8, anywhere), "ERR_RELOCATION");
    assert.match(
      said(relocated(program({ op: 0x85, imm: 1 }, EXIT), 0, anywhere), "ERR_RELOCATION"),
      /not one to a function/,
    );
  });

  it("to what is declared only", () => {
    const message = said(
      relocated(program(...load(), EXIT), 0, (w) => w.symbol({ name: "jiffies", section: 0 })),
      "ERR_RELOCATION",
    );
    assert.match(message, /"jiffies".*__ksym/);
    said(
      relocated(program(...load(), EXIT), 0, (w) => w.symbol({ name: "common", section: 0xfff2, type: OBJECT })),
      "ERR_RELOCATION",
    );
    said(
      relocated(program(call(), EXIT), 0, (w) => w.symbol({ name: "undefined", section: 0, type: OBJECT })),
      "ERR_RELOCATION",
    );
  });

  it("to sections that are neither maps nor data", () => {
    assert.match(said(relocated(program(...load(), EXIT), 0, anywhere), "ERR_RELOCATION"), /"comment"/);
  });

  it("to the middle of a map", () => {
    const inside = (w: ElfWriter): number => {
      const section = w.section({ name: "maps", data: new Uint8Array(20) });
      w.symbol({ name: "m", section, type: OBJECT });
      return w.symbol({ name: "", section, value: 4, type: SECTION, binding: 0 });
    };
    assert.match(said(relocated(program(...load(), EXIT), 0, inside), "ERR_RELOCATION"), /no map begins at byte 4/);
  });

  it("to functions outside .text, or to none", () => {
    assert.match(
      said(
        relocated(program(call(), EXIT), 0, () => 1),
        "ERR_RELOCATION",
      ),
      /only functions of \.text/,
    );
    const text_ =
      (value: number) =>
      (w: ElfWriter): number => {
        const section = w.code(".text", program(NOP, EXIT, NOP, EXIT));
        w.symbol({ name: "sub", section, size: 16, type: FUNC });
        return w.symbol({ name: "", section, value, type: SECTION, binding: 0 });
      };
    assert.match(said(relocated(program(call(5), EXIT), 0, text_(0)), "ERR_RELOCATION"), /no function holds/);
    said(relocated(program(call(0), EXIT), 0, text_(3)), "ERR_RELOCATION");
    said(relocated(program(...load(4), EXIT), 0, text_(0)), "ERR_RELOCATION");
    said(relocated(program(...load(2 ** 31 - 8), EXIT), 0, text_(0)), "ERR_RELOCATION");
  });

  it("twice for one instruction", () => {
    const object = smallObject(true, (w) => {
      const data = w.section({ name: ".data", data: new Uint8Array(8) });
      const symbol = w.symbol({ name: "v", section: data, type: OBJECT });
      const section = w.code("sockops", program(...load(), EXIT));
      w.symbol({ name: "f", section, size: 24, type: FUNC });
      w.relocations(section, [
        [0, symbol],
        [0, symbol],
      ]);
    });
    assert.match(said(object, "ERR_RELOCATION"), /two relocations/);
  });

  it("with entries of other length", () => {
    said(
      smallObject(true, (w) =>
        w.section({ name: ".rel", type: REL, info: 1, entrySize: 24, data: new Uint8Array(24) }),
      ),
      "ERR_ELF_MALFORMED",
    );
  });

  it("of a call inside a section that is not .text", () => {
    const object = smallObject(true, (w) => {
      const section = w.code("sockops", program(call(1), EXIT, NOP, EXIT));
      w.symbol({ name: "f", section, size: 16, type: FUNC });
      w.symbol({ name: "g", section, value: 16, size: 16, type: FUNC });
    });
    assert.match(said(object, "ERR_RELOCATION"), /Subprograms stand in \.text/);
  });

  it("of other sections are left alone, and so are those of code that is in no function", () => {
    const object = smallObject(true, (w) => {
      const section = w.section({
        name: ".text",
        data: program(NOP, ...load(), EXIT),
        flags: EXECUTABLE,
        type: PROGBITS,
      });
      w.symbol({ name: "sub", section, size: 8, type: FUNC });
      w.relocations(section, [[8, 1]]);
      w.relocations(w.section({ name: ".debug_info", data: new Uint8Array(64) }), [[0, 9999]]);
      w.relocations(9999, [[0, 9999]]);
    });
    assert.equal(ElfObject.parse(object.build()).programs.length, 1);
  });
});
