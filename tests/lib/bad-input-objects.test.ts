import assert from "node:assert/strict";
import { test } from "node:test";
import { BtfError, Ebpf, RelocationError, type SkmsgError, VerifierError } from "skmsg";
import { BtfWriter, mapDefinition } from "../elf/btf-writer.ts";
import { assemble, call, type ElfWriter, EXIT, FUNC, load, NOP, OBJECT } from "../elf/elf-writer.ts";
import { smallObject } from "../elf/helpers.ts";
import { skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { leavesNothing } from "../support/leaks.ts";

const skip = skipWithoutRoot;
const code = (...instructions: Parameters<typeof assemble>[1][number][]): Uint8Array => assemble(true, instructions);

/** A sound program and a second one with a relocation to what `symbol` adds. */
function relocated(instructions: Uint8Array, symbol: (writer: ElfWriter) => number): ElfWriter {
  return smallObject(true, (writer) => {
    const target = symbol(writer);
    const section = writer.code("sk_msg/second", instructions);
    writer.symbol({ name: "second", section, size: instructions.length, type: FUNC });
    writer.relocations(section, [[0, target]]);
  });
}

/** A sound program, and types. */
function typed(fill: (btf: BtfWriter, int: number) => void, damage: (bytes: DataView) => void = () => {}): ElfWriter {
  return smallObject(true, (writer) => {
    const btf = new BtfWriter();
    fill(btf, btf.int("int", 4));
    const data = btf.build();
    damage(new DataView(data.buffer));
    writer.section({ name: ".BTF", data });
  });
}

/** A hash map whose key is of the type that `fill` gives. */
function keyed(fill: (btf: BtfWriter) => number, damage: (bytes: DataView) => void = () => {}): ElfWriter {
  return smallObject(true, (writer) => {
    const btf = new BtfWriter();
    const int = btf.int("int", 4);
    const { id, size } = mapDefinition(btf, int, { type: 1, max_entries: 1 }, { key: fill(btf), value: int });
    btf.datasec(".maps", size, [[btf.variable("m", id), 0, size]]);
    const section = writer.section({ name: ".maps", data: new Uint8Array(size) });
    writer.symbol({ name: "m", section, size, type: OBJECT });
    const data = btf.build();
    damage(new DataView(data.buffer));
    writer.section({ name: ".BTF", data });
  });
}

/** Where the BTF header keeps the length of the strings, and the first type its words: name, info, size or type. */
const STRINGS_LENGTH = 20;
const FIRST_TYPE = 24;
const STRUCT = 4;

const REFUSED: readonly (readonly [
  string,
  ElfWriter,
  typeof SkmsgError | typeof BtfError | typeof RelocationError,
  string,
  RegExp,
])[] = [
  [
    "a relocation to no symbol",
    relocated(code(...load(), EXIT), () => 9999),
    RelocationError,
    "ERR_RELOCATION",
    /sk_msg\/second.*9999/,
  ],
  [
    "a relocation to an undefined symbol",
    relocated(code(...load(), EXIT), (writer) => writer.symbol({ name: "elsewhere", section: 0 })),
    RelocationError,
    "ERR_RELOCATION",
    /elsewhere/,
  ],
  [
    "a call to an undefined function",
    relocated(code(call(), EXIT), (writer) => writer.symbol({ name: "elsewhere", section: 0, type: FUNC })),
    RelocationError,
    "ERR_RELOCATION",
    /elsewhere/,
  ],
  [
    "a relocation to a section that holds neither maps nor data",
    relocated(code(...load(), EXIT), (writer) =>
      writer.symbol({ name: "c", section: writer.section({ name: "comment", data: new Uint8Array(8) }) }),
    ),
    RelocationError,
    "ERR_RELOCATION",
    /"comment"/,
  ],
  [
    "a key type that leads in a circle",
    keyed((btf) => btf.record(8, "b", btf.record(8, "a", 3))),
    BtfError,
    "ERR_BTF_MALFORMED",
    /circle/,
  ],
  ["a key that is an array of itself", keyed((btf) => btf.array(2, 4)), BtfError, "ERR_BTF_MALFORMED", /circle/],
  ["a key type that is not there", keyed(() => 999), BtfError, "ERR_BTF_MALFORMED", /type 999/],
  [
    "names past the end of the strings",
    // Only "int" is left of them.
    keyed(
      () => 1,
      (view) => view.setUint32(STRINGS_LENGTH, "\0int\0".length, true),
    ),
    BtfError,
    "ERR_BTF_MALFORMED",
    /string/,
  ],
  [
    "more members than bytes",
    typed(
      () => {},
      (view) => view.setUint32(FIRST_TYPE + 4, (STRUCT << 24) | 0xffff, true),
    ),
    BtfError,
    "ERR_BTF_MALFORMED",
    /type 1/,
  ],
  [
    "strings past the end of the section",
    typed(
      () => {},
      (view) => view.setUint32(STRINGS_LENGTH, 0x7fff_ffff, true),
    ),
    BtfError,
    "ERR_BTF_MALFORMED",
    /string/,
  ],
];

for (const [what, writer, family, errorCode, message] of REFUSED)
  test(`Ebpf.load of an object with ${what}`, { skip }, () =>
    leavesNothing(() => {
      const error = throwsCode(() => Ebpf.load(writer.build()), errorCode, message);
      assert.ok(error instanceof family, error.name);
    }),
  );

/** Types that only the kernel's checker refuses, and that no program needs. */
const USELESS_TYPES: readonly (readonly [string, ElfWriter])[] = [
  [
    "a name past the end of the strings",
    typed(
      () => {},
      (view) => view.setUint32(FIRST_TYPE, 0xffff, true),
    ),
  ],
  ["typedefs in a circle", typed((btf) => btf.record(8, "b", btf.record(8, "a", 3)))],
  ["a struct inside itself", typed((btf) => btf.struct("s", 4, [["s", 2, 0]]))],
  ["a map's key inside itself", keyed((btf) => btf.struct("s", 4, [["s", 2, 0]]))],
];

for (const [what, writer] of USELESS_TYPES)
  test(`an object with ${what} loads without its types`, { skip }, () =>
    leavesNothing(() => {
      using bpf = Ebpf.load(writer.build());
      bpf.loadAll();
      assert.equal(bpf.program("main").info().btfId, undefined);
      for (const map of bpf.maps.values()) assert.equal(map.info().btfId, undefined);
    }),
  );

/** As Linux 6.1 to 6.18, 5.10 and 7.2 put it. */
const REFUSALS = /call stack of \d+ frames is too deep|back-edge from insn|recursive call from/;

for (const [what, a, b] of [
  ["itself", [call(-1), EXIT], [NOP, EXIT]],
  ["another one that calls it", [call(1), EXIT], [call(-3), EXIT]],
] as const)
  test(`a function that calls ${what} is refused by the kernel, not followed for ever`, { skip }, () =>
    leavesNothing(() => {
      const writer = relocated(code(call(), EXIT), (into) => {
        const section = into.code(".text", code(...a, ...b));
        into.symbol({ name: "b", section, value: 16, size: 16, type: FUNC });
        return into.symbol({ name: "a", section, size: 16, type: FUNC });
      });
      using bpf = Ebpf.load(writer.build());
      const error = throwsCode(() => bpf.program("second").load(), "ERR_VERIFIER", REFUSALS);
      assert.ok(error instanceof VerifierError);
      // The oldest and the newest refuse it before they walk an instruction.
      if (error.location !== undefined) assert.equal(error.location.function, "a");
      else assert.match(error.summary, /^(back-edge|recursive call) from/);
      assert.equal(bpf.program("second").isLoaded, false);
      bpf.program("main").load();
    }),
  );
