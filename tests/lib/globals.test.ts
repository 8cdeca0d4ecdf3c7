import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ArrayMap, Ebpf, MapFlags, SkMsg, SockMap, u64 } from "skmsg";
import { inVm, skipWithoutRoot as skip } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { COMPILERS, fixture } from "../support/fixtures.ts";
import { receive, tcpPair, write } from "../support/sockets.ts";

const MESSAGE = "seventeen bytes..";
const SIZE = BigInt(MESSAGE.length);
const compilers = inVm ? (["clang-19"] as const) : COMPILERS;

/** Loads the programs of an object, and sends one message past each of them. */
async function sendPast(bpf: Ebpf, ...programs: readonly string[]): Promise<void> {
  for (const name of programs) {
    using sockets = SockMap.create({ maxEntries: 1 });
    const program = bpf.program(name, SkMsg);
    program.load();
    program.attach(sockets);
    await using pair = await tcpPair();
    sockets.insert(0, pair.client);
    const arrived = receive(pair.peer, MESSAGE.length);
    await write(pair.client, MESSAGE);
    assert.equal((await arrived).toString(), MESSAGE);
  }
}

/** The values of an array of u64, from the first to the last. */
function values(bpf: Ebpf, name: string, count: number): (bigint | undefined)[] {
  const map = bpf.map(name, ArrayMap<bigint>, { value: u64 });
  return Array.from({ length: count }, (_, index) => map.get(index));
}

/** What tests/fixtures/globals.bpf.c says at its top; signed values as the program stores them, sign extended. */
const SEEN: readonly bigint[] = [
  ...[0x12n, 0x1234n, 0x12345678n, 0x123456789abcdef0n, BigInt.asUintN(64, -5n), 30n, 77n],
  ...[0xa1n, 0xa1b2n, 0xa1b2c3d4n, 0xa1b2c3d4e5f60718n, BigInt.asUintN(64, -123_456n), 4n, 88n],
  ...[0n, 0n, 0n, 0n, 0n, 0n, 0n],
  ...[BigInt.asUintN(64, -1n), 2n],
];

describe("global variables", { skip }, () => {
  for (const compiler of compilers) {
    it(`begin as the source has them, in .data, .rodata and .bss, ${compiler}`, async () => {
      using bpf = Ebpf.load(fixture("globals", compiler));
      await sendPast(bpf, "read_globals");
      assert.deepEqual(values(bpf, "SEEN", SEEN.length), SEEN);
    });

    it(`string literals are where the program looks for them, ${compiler}`, async () => {
      using bpf = Ebpf.load(fixture("strings", compiler));
      await sendPast(bpf, "literals");
      const sum = (text: string): bigint => BigInt(Buffer.from(text).reduce((total, byte) => total + byte, 0));
      assert.deepEqual(values(bpf, "SEEN", 2), [sum("first literal"), sum("second one")]);
    });

    it(`subprograms, static and global, call each other, ${compiler}`, async () => {
      using bpf = Ebpf.load(fixture("subprogs", compiler));
      await sendPast(bpf, "entry_one", "entry_two");
      const shared = (SIZE + 3n) ^ 0x55n;
      assert.deepEqual(values(bpf, "OUT", 4), [(SIZE + 3n) * 5n + 7n, shared, shared, SIZE + 1000n]);
    });
  }

  it("what a program writes is read from the section's map", async () => {
    using bpf = Ebpf.load(fixture("globals"));
    const read = (section: string, variable: string): bigint | undefined => {
      const at = bpf.object.symbols.find(({ name }) => name === variable)?.value ?? assert.fail(variable);
      const bytes = bpf.map(section, ArrayMap<Uint8Array>).get(0) ?? assert.fail(section);
      return u64.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at);
    };
    assert.deepEqual([read(".data", "data_bytes"), read(".bss", "bss_calls")], [1000n, 0n]);
    await sendPast(bpf, "read_globals");
    assert.deepEqual([read(".data", "data_bytes"), read(".bss", "bss_calls")], [1000n + SIZE, 1n]);
  });

  it("the maps are named after the file, .rodata is frozen and read-only for programs, and only it", () => {
    using bpf = Ebpf.load(fixture("globals"));
    const seen = [".data", ".rodata", ".bss"].map((section) => {
      const { name, frozen, flags } = bpf.map(section).info();
      return { name, frozen, isReadOnly: (flags & MapFlags.RdonlyProg) !== 0 };
    });
    assert.deepEqual(seen, [
      { name: "globals.data", frozen: false, isReadOnly: false },
      { name: "globals.rodata", frozen: true, isReadOnly: true },
      { name: "globals.bss", frozen: false, isReadOnly: false },
    ]);
    const constants = bpf.map(".rodata", ArrayMap<Uint8Array>);
    const bytes = constants.get(0) ?? assert.fail();
    throwsCode(() => constants.set(0, bytes), "ERR_READ_ONLY", /The map is frozen/);
    const data = bpf.map(".data", ArrayMap<Uint8Array>);
    data.set(0, new Uint8Array(data.valueSize).fill(1));
    assert.equal(data.get(0)?.[0], 1);
  });

  it("literals that no BTF describes are frozen as well", () => {
    using bpf = Ebpf.load(fixture("strings"));
    const { name, frozen, valueTypeId } = bpf.map(".rodata.str1.1").info();
    assert.deepEqual({ name, frozen, valueTypeId }, { name: ".rodata.str1.1", frozen: true, valueTypeId: undefined });
  });
});
