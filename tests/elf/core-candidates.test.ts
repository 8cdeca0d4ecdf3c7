import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreKind } from "../../elf/core-kinds.ts";
import { applyCoreRelocations, Btf, CoreRelocator, parseTargetBtf } from "../../elf/index.ts";
import { BtfWriter } from "./btf-writer.ts";
import { type Asked, move, programFor, Types, valuesOf } from "./core-helpers.ts";
import { ElfWriter } from "./elf-writer.ts";
import { refused } from "./helpers.ts";

const { FieldByteOffset, FieldExists, TypeSize } = CoreKind;

/** An object's struct with members a and b, and accesses to them. */
function object(): { local: Types; offset: (member: 0 | 1) => Asked; exists: (member: 0 | 1) => Asked } {
  const local = new Types();
  const type = local.struct("one", 8, [
    ["a", local.u32, 0],
    ["b", local.u32, 32],
  ]);
  return {
    local,
    offset: (member) => ({ type, kind: FieldByteOffset, access: `0:${member}`, code: move(member * 4) }),
    exists: (member) => ({ type, kind: FieldExists, access: `0:${member}`, code: move(1) }),
  };
}

/** A kernel with two structs of that name, of which only the first has `b`. */
function twins(offsetOfOther: number): Types {
  const target = new Types();
  target.struct("one", 24, [
    ["b", target.u32, 64],
    ["a", target.u32, 128],
  ]);
  target.struct("one___2", 24, [["a", target.u32, offsetOfOther]]);
  return target;
}

describe("candidates among the kernel's types", () => {
  it("several that give the same are no matter", () => {
    const { local, offset } = object();
    assert.deepEqual(valuesOf(local, twins(128), [offset(0)]), [16n]);
  });

  it("several that differ are ambiguous, and listed", () => {
    const { local, offset, exists } = object();
    for (const asked of [offset(0), exists(0)]) {
      const error = refused(() => valuesOf(local, twins(32), [asked]), "ERR_CORE_AMBIGUOUS");
      assert.match(error.message, /instruction 0 of program "main" \(section "sk_msg"\)/);
      assert.match(error.message, /struct one \[\d+\], access "0:0"/);
      assert.match(
        error.message,
        /struct one\.a \(0:1 @ offset 16\) gives .*struct one___2\.a \(0:0 @ offset 4\) gives /,
      );
    }
  });

  it("what one relocation rules out stays so for those after it", () => {
    const { local, offset, exists } = object();
    assert.deepEqual(valuesOf(local, twins(32), [exists(1), offset(0)]), [1n, 16n]);
    // Also for another program, if its record comes later.
    const btf = Btf.parse(local.build());
    const kernel = Btf.parse(twins(32).build());
    const first = programFor([exists(1)]);
    const later = programFor([offset(0)]);
    const second = { ...later, coreRelocations: later.coreRelocations.map((one) => ({ ...one, record: 1 })) };
    const relocator = new CoreRelocator([second, first], btf, { kernel: () => kernel });
    assert.equal(relocator.apply(second).results[0]?.value, 16n);
    // One that matches none rules out none.
    const gone = new Types();
    const type = gone.struct("one", 8, [
      ["a", gone.u32, 0],
      ["no_such", gone.u32, 32],
    ]);
    const ask = (kind: number, access: string, value: number): Asked => ({ type, kind, access, code: move(value) });
    const asked = [ask(FieldExists, "0:1", 1), ask(FieldByteOffset, "0:0", 0)];
    refused(() => valuesOf(gone, twins(32), asked), "ERR_CORE_AMBIGUOUS");
  });

  it("modules are asked only where the kernel has no type of the name", () => {
    const local = new Types();
    const known = local.struct("known", 4, []);
    const inModule = local.struct("in_module", 4, []);
    const kernelTypes = new Types();
    kernelTypes.struct("known", 40, []);
    const kernel = Btf.parse(kernelTypes.build());
    const module = new BtfWriter();
    module.struct("known", 50, []);
    module.struct("in_module", 60, []);
    // Offsets of names go on where those of the kernel end.
    const bytes = module.build();
    const view = new DataView(bytes.buffer);
    for (const at of [24, 36]) view.setUint32(at, view.getUint32(at, true) + kernel.stringsEnd, true);
    const split = Btf.parse(bytes, { base: kernel });
    let asked = 0;
    const targets = {
      kernel: () => kernel,
      modules: () => {
        asked++;
        return [split];
      },
    };
    const btf = Btf.parse(local.build());
    const size = (type: number): bigint | undefined =>
      applyCoreRelocations(programFor([{ type, kind: TypeSize, code: move(4) }]), btf, targets).results[0]?.value;
    assert.equal(size(known), 40n);
    assert.equal(asked, 0);
    assert.equal(size(inModule), 60n);
    assert.equal(asked, 1);
  });

  it("a program without relocations asks for nothing", () => {
    const program = programFor([]);
    const targets = { kernel: () => assert.fail("the target was read") };
    const { results } = applyCoreRelocations(program, Btf.parse(new Types().build()), targets);
    assert.deepEqual(results, []);
  });

  it("the kernel's types may stand in an ELF file", () => {
    const btf = twins(0).build();
    const elf = new ElfWriter();
    elf.machine = 62;
    elf.type = 2;
    refused(() => parseTargetBtf(elf.build()), "ERR_NO_BTF");
    elf.section({ name: ".BTF", data: btf });
    assert.deepEqual(parseTargetBtf(elf.build()).bytes, btf);
    assert.deepEqual(parseTargetBtf(btf).bytes, btf);
    refused(() => parseTargetBtf(new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 1])), "ERR_NO_BTF");
    refused(() => parseTargetBtf(new Uint8Array(3)), "ERR_BTF_MALFORMED");
  });
});
