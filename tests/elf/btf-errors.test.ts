import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ElfObject } from "../../elf/index.ts";
import { BtfWriter, btfExt } from "./btf-writer.ts";
import { assemble, call, type ElfWriter, EXIT, FUNC, NOP } from "./elf-writer.ts";
import { refusedObject, smallObject } from "./helpers.ts";

const said = (writer: ElfWriter, code: string): string => refusedObject(writer.build(), code).message;

describe("BTF that does not agree with its ELF file", () => {
  const object = (fill: (btf: BtfWriter) => void, add: (w: ElfWriter) => void = () => {}): ElfWriter =>
    smallObject(true, (w) => {
      const btf = new BtfWriter();
      btf.int("int", 4);
      fill(btf);
      add(w);
      w.section({ name: ".BTF", data: btf.build() });
    });

  it("names a section that is not there", () => {
    assert.match(
      said(
        object((btf) => btf.datasec(".data", 0, [[btf.variable("x", 1), 0, 4]])),
        "ERR_BTF_MALFORMED",
      ),
      /no such section/,
    );
  });

  it("names a variable that is not there, or something else", () => {
    const data = (w: ElfWriter): number => w.section({ name: ".data", data: new Uint8Array(4) });
    assert.match(
      said(
        object((btf) => btf.datasec(".data", 0, [[btf.variable("x", 1), 0, 4]]), data),
        "ERR_BTF_MALFORMED",
      ),
      /"x"/,
    );
    said(
      object((btf) => btf.datasec(".data", 0, [[1, 0, 4]]), data),
      "ERR_BTF_MALFORMED",
    );
    said(
      object((btf) => btf.datasec(".data", 0, [[99, 0, 4]]), data),
      "ERR_BTF_MALFORMED",
    );
  });

  it("leaves what the kernel provides alone", () => {
    const parsed = ElfObject.parse(
      object((btf) => btf.datasec(".kconfig", 0, [[btf.variable("CONFIG_HZ", 1, 2), 0, 4]])).build(),
    );
    assert.equal(parsed.btf?.sizeOf(parsed.btf.findByName(".kconfig") ?? 0), 0);
  });
});

describe(".BTF.ext", () => {
  const object = (ext: (btf: BtfWriter) => Uint8Array): ElfWriter =>
    smallObject(true, (w) => {
      const text = w.code(".text", assemble(true, [NOP, EXIT]));
      w.symbol({ name: "sub", section: text, size: 16, type: FUNC });
      const section = w.code("sockops", assemble(true, [call(), EXIT]));
      w.symbol({ name: "f", section, size: 16, type: FUNC });
      w.relocations(section, [[0, 2]]);
      const btf = new BtfWriter();
      btf.int("int", 4);
      const data = ext(btf);
      w.section({ name: ".BTF", data: btf.build() });
      w.section({ name: ".BTF.ext", data });
    });
  const damaged = (change: (bytes: DataView) => void): ElfWriter =>
    object((btf) => {
      const bytes = btfExt(btf, { func: { sockops: [[0, 1]] } });
      change(new DataView(bytes.buffer));
      return bytes;
    });

  it("that is cut off or contradicts itself", () => {
    said(
      object(() => new Uint8Array(10)),
      "ERR_BTF_MALFORMED",
    );
    said(
      damaged((view) => view.setUint16(0, 0)),
      "ERR_BTF_MALFORMED",
    );
    said(
      damaged((view) => view.setUint32(4, 8, true)),
      "ERR_BTF_MALFORMED",
    );
    said(
      damaged((view) => view.setUint32(4, 999, true)),
      "ERR_BTF_MALFORMED",
    );
    said(
      damaged((view) => view.setUint32(12, 999, true)),
      "ERR_BTF_MALFORMED",
    );
    said(
      damaged((view) => view.setUint32(12, 2, true)),
      "ERR_BTF_MALFORMED",
    );
    said(
      damaged((view) => view.setUint32(12, 8, true)),
      "ERR_BTF_MALFORMED",
    );
    said(
      damaged((view) => view.setUint32(32, 4, true)),
      "ERR_BTF_MALFORMED",
    );
    said(
      damaged((view) => view.setUint32(32, 9, true)),
      "ERR_BTF_MALFORMED",
    );
    said(
      damaged((view) => view.setUint32(40, 0, true)),
      "ERR_BTF_MALFORMED",
    );
    said(
      damaged((view) => view.setUint32(40, 0xffffffff, true)),
      "ERR_BTF_MALFORMED",
    );
    said(
      damaged((view) => view.setUint32(36, 0xfffff, true)),
      "ERR_BTF_MALFORMED",
    );
  });

  it("that knows a program and not what it calls", () => {
    assert.match(
      said(
        object((btf) => btfExt(btf, { func: { sockops: [[0, 1]] } })),
        "ERR_BTF_MALFORMED",
      ),
      /function records of program "f" and none of "sub"/,
    );
    assert.match(
      said(
        object((btf) => btfExt(btf, { line: { sockops: [[0, 0, 0, 0]] } })),
        "ERR_BTF_MALFORMED",
      ),
      /line records/,
    );
  });

  it("of other sections, or of code in no function, is dropped", () => {
    const parsed = ElfObject.parse(
      object((btf) => btfExt(btf, { func: { elsewhere: [[0, 1]], sockops: [[800, 1]] } })).build(),
    );
    assert.equal(parsed.programs.find(({ name }) => name === "f")?.funcInfo, undefined);
  });

  it("without .BTF is ignored", () => {
    const object_ = smallObject(true, (w) => w.section({ name: ".BTF.ext", data: new Uint8Array(3) }));
    assert.equal(ElfObject.parse(object_.build()).btf, undefined);
  });
});
