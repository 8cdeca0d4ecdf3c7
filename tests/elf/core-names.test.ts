import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { essentialName } from "../../elf/core-names.ts";
import { Btf } from "../../elf/index.ts";
import { BtfWriter } from "./btf-writer.ts";

it("a flavour is what follows the last three underscores", () => {
  const names: readonly (readonly [name: string, essential: string])[] = [
    ["task_struct", "task_struct"],
    ["task_struct___x", "task_struct"],
    ["task_struct___x___y", "task_struct___x"],
    ["task_struct____x", "task_struct____x"],
    ["task_struct___x____y", "task_struct"],
    ["task_struct___", "task_struct___"],
    ["task_struct__x", "task_struct__x"],
    ["___x", "___x"],
    ["a___b", "a"],
    ["_a___b_", "_a"],
    ["", ""],
  ];
  for (const [name, essential] of names) assert.equal(essentialName(name), essential, name);
});

it("finds types by that, functions and variables aside", () => {
  const name = fc.array(fc.constantFrom("a", "b", "_", "__", "___"), { minLength: 1, maxLength: 8 });
  const names = fc.array(
    name.map((parts) => parts.join("")),
    { minLength: 1, maxLength: 40 },
  );
  fc.assert(
    fc.property(names, (list) => {
      const writer = new BtfWriter();
      for (const one of list) writer.int(one, 4);
      for (const one of list) writer.func(one, 1);
      const btf = Btf.parse(writer.build());
      for (const wanted of list) {
        const ids = list.flatMap((one, index) => (essentialName(one) === essentialName(wanted) ? [index + 1] : []));
        assert.deepEqual(btf.idsByEssentialName(wanted), ids, wanted);
      }
      assert.deepEqual(btf.idsByEssentialName("no such"), []);
    }),
  );
});

it("gives the types of a split BTF alone, whose names may be in the base", () => {
  const writer = new BtfWriter();
  writer.struct("one___x", 0, []);
  const base = Btf.parse(writer.build());
  const more = new BtfWriter();
  // Offset 1 of the strings is the base's "one___x".
  more.record(4, "", 0);
  const bytes = more.build();
  new DataView(bytes.buffer).setUint32(24, 1, true);
  const split = Btf.parse(bytes, { base });
  assert.deepEqual(split.idsByEssentialName("one"), [2]);
  assert.deepEqual(base.idsByEssentialName("one"), [1]);
});
