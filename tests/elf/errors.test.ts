import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BtfError, ElfError, ElfObject, RelocationError } from "../../elf/index.ts";
import { type ElfWriter, FUNC, NOBITS } from "./elf-writer.ts";
import { fixture, refusedObject, smallObject } from "./helpers.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const said = (writer: ElfWriter, code: string): string => refusedObject(writer.build(), code).message;

describe("errors", () => {
  it("carry a name, a code, a cause and the brand of the package", () => {
    const cause = new Error("inner");
    for (const [type, name] of [
      [ElfError, "ElfError"],
      [BtfError, "BtfError"],
      [RelocationError, "RelocationError"],
    ] as const) {
      const error = new type("ERR_X", "what", { cause });
      assert.deepEqual([error.name, error.code, error.message, error.cause], [name, "ERR_X", "what", cause]);
      assert.equal(Reflect.get(error, Symbol.for("skmsg.error")), true);
      assert.equal(String(error), `${name}: what`);
      assert.ok(error instanceof Error);
    }
  });
});

describe("not an ELF file", () => {
  for (const [what, bytes, message] of [
    ["empty", new Uint8Array(), /empty/],
    ["text", text("int main(void) { return 0; }\n"), /text.*clang/],
    ["bitcode", Uint8Array.of(0x42, 0x43, 0xc0, 0xde, 0), /bitcode/],
    ["an archive", text("!<arch>\nmember"), /archive/],
    ["zeros", new Uint8Array(64), /begins with 00 00 00 00/],
  ] as const) {
    it(what, () => assert.match(refusedObject(bytes, "ERR_NOT_ELF").message, message));
  }
});

describe("not a BPF object", () => {
  const header = (change: (bytes: Uint8Array) => void): Uint8Array => {
    const bytes = smallObject().build();
    change(bytes);
    return bytes;
  };

  it("names the machine it was compiled for", () => {
    for (const [machine, name] of [
      [62, /x86-64/],
      [183, /AArch64/],
      [4242, /machine number 4242/],
    ] as const) {
      const bytes = header((b) => b.set([machine & 0xff, machine >> 8], 18));
      assert.match(refusedObject(bytes, "ERR_ELF_MACHINE").message, name);
    }
  });

  it("names what the file is instead", () => {
    for (const [type, name] of [
      [2, /executable/],
      [3, /shared library/],
      [4, /core dump/],
      [9, /ELF type 9/],
    ] as const) {
      assert.match(
        refusedObject(
          header((b) => b.set([type], 16)),
          "ERR_ELF_TYPE",
        ).message,
        name,
      );
    }
  });

  it("accepts the machine number 0 of old LLVM", () => {
    assert.equal(ElfObject.parse(header((b) => b.set([0, 0], 18))).programs.length, 1);
  });

  it("says so for a file of 32 bits, and for a class and an order that do not exist", () => {
    refusedObject(
      header((b) => b.set([1], 4)),
      "ERR_ELF_CLASS",
    );
    refusedObject(
      header((b) => b.set([3], 4)),
      "ERR_ELF_MALFORMED",
    );
    refusedObject(
      header((b) => b.set([3], 5)),
      "ERR_ELF_MALFORMED",
    );
  });
});

describe("a damaged ELF file", () => {
  it("cut off anywhere", () => {
    const bytes = fixture("clang-19/pass.o");
    for (let length = 4; length < bytes.length; length += 64) {
      refusedObject(bytes.subarray(0, length), "ERR_ELF_MALFORMED");
    }
  });

  it("with header fields that cannot be", () => {
    const patch = (at: number, ...bytes: readonly number[]): Uint8Array => {
      const all = smallObject().build();
      all.set(bytes, at);
      return all;
    };
    assert.match(refusedObject(patch(40, 0, 0, 0, 0), "ERR_ELF_MALFORMED").message, /no section table/);
    refusedObject(patch(40, 1), "ERR_ELF_MALFORMED");
    refusedObject(patch(40, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "ERR_ELF_MALFORMED");
    refusedObject(patch(58, 32), "ERR_ELF_MALFORMED");
    refusedObject(patch(60, 0xff, 0xff), "ERR_ELF_MALFORMED");
    refusedObject(patch(62, 0, 0), "ERR_ELF_MALFORMED");
    refusedObject(patch(62, 0xff, 0xfe), "ERR_ELF_MALFORMED");
    // SHN_XINDEX: the number stands in the first section header, where this file has 0.
    refusedObject(patch(62, 0xff, 0xff), "ERR_ELF_MALFORMED");
  });

  it("with sections outside the file or of absurd size", () => {
    assert.match(
      said(
        smallObject(true, (w) => w.section({ name: "x", offset: 2 ** 40, size: 8 })),
        "ERR_ELF_MALFORMED",
      ),
      /ends at byte/,
    );
    assert.match(
      said(
        smallObject(true, (w) => w.section({ name: "x", size: 2 ** 31 })),
        "ERR_ELF_MALFORMED",
      ),
      /said to have/,
    );
    assert.match(
      said(
        smallObject(true, (w) => w.section({ name: ".bss", type: NOBITS, size: 2 ** 30 })),
        "ERR_ELF_MALFORMED",
      ),
      /\.bss/,
    );
  });

  it("with many .bss sections that are large together", () => {
    const object = smallObject(true, (w) => {
      for (let index = 0; index < 100; index++) w.section({ name: `.bss.${index}`, type: NOBITS, size: 2 ** 20 });
    });
    said(object, "ERR_ELF_MALFORMED");
  });

  it("with no symbol table, two of them, or symbols of other length", () => {
    const table = (writer: ElfWriter): Uint8Array => {
      const bytes = writer.build();
      // The type of the symbol table, third from the end.
      bytes.set([1], bytes.length - 3 * 64 + 4);
      return bytes;
    };
    assert.match(refusedObject(table(smallObject()), "ERR_ELF_MALFORMED").message, /strip/);
    said(
      smallObject(true, (w) => w.section({ name: "x", type: 2, entrySize: 24 })),
      "ERR_ELF_MALFORMED",
    );
    const other = smallObject().build();
    other.set([16], other.length - 3 * 64 + 56);
    refusedObject(other, "ERR_ELF_MALFORMED");
    const link = smallObject().build();
    link.set([99], link.length - 3 * 64 + 40);
    refusedObject(link, "ERR_ELF_MALFORMED");
  });

  it("with names that are outside their table or have no end", () => {
    const section = smallObject().build();
    section.set([0xff, 0xff, 0xff], section.length - 64);
    assert.match(refusedObject(section, "ERR_ELF_MALFORMED").message, /name of section/);
    assert.match(
      said(
        smallObject(true, (w) => w.symbol({ name: "n".repeat(5000), section: 1 })),
        "ERR_ELF_MALFORMED",
      ),
      /name of symbol/,
    );
  });

  it("with functions that are no whole instructions, or leave their section", () => {
    for (const [value, size] of [
      [0, 0],
      [0, 12],
      [4, 8],
      [8, 16],
      [2 ** 52, 8],
    ] as const) {
      said(
        smallObject(true, (w) => w.symbol({ name: "f", section: 1, value, size, type: FUNC })),
        "ERR_ELF_MALFORMED",
      );
    }
  });

  it("with a kernel version of other than 4 bytes", () => {
    said(
      smallObject(true, (w) => w.section({ name: "version", data: new Uint8Array(8) })),
      "ERR_ELF_MALFORMED",
    );
    const object = smallObject(true, (w) => w.section({ name: "version", data: Uint8Array.of(0, 4, 5, 0) }));
    assert.equal(ElfObject.parse(object.build()).kernelVersion, 0x50400);
  });

  it("with two maps of one name", () => {
    const object = smallObject(true, (w) => {
      w.section({ name: ".data", data: new Uint8Array(4) });
      w.section({ name: ".data", data: new Uint8Array(4) });
    });
    assert.match(said(object, "ERR_ELF_MALFORMED"), /two maps/);
  });
});

describe("what is not supported", () => {
  it("a static entry point", () => {
    assert.match(
      said(
        smallObject(true, (w) => w.symbol({ name: "f", section: 1, size: 8, type: FUNC, binding: 0 })),
        "ERR_ELF_UNSUPPORTED",
      ),
      /static/,
    );
  });

  it("kernel operations", () => {
    said(
      smallObject(true, (w) => w.section({ name: ".struct_ops.link", data: new Uint8Array(8) })),
      "ERR_ELF_UNSUPPORTED",
    );
  });

  it("relocations with addends", () => {
    said(
      smallObject(true, (w) => w.section({ name: ".rela", type: 4, info: 1, entrySize: 24, data: new Uint8Array(24) })),
      "ERR_ELF_UNSUPPORTED",
    );
  });
});
