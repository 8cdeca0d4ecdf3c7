import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ArrayMap,
  type BpfMap,
  Ebpf,
  GenericProgram,
  HashMap,
  MapType,
  ProgramType,
  SkMsg,
  SockHash,
  SockMap,
} from "skmsg";
import { progInfoArray } from "skmsg/syscalls";
import { skipWithoutRoot as skip } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { COMPILERS, fixture } from "../support/fixtures.ts";
import { receive, tcpPair, write } from "../support/sockets.ts";

const TEXT = "a message";

/** Loads a program alone, puts a socket under its care, sends one message and sees it arrive. */
async function passOneMessage(program: SkMsg): Promise<void> {
  program.load();
  using sockets = SockMap.create({ maxEntries: 1 });
  await using pair = await tcpPair();
  program.attach(sockets);
  sockets.insert(0, pair.client);
  const arrived = receive(pair.peer, TEXT.length);
  assert.equal(await write(pair.client, TEXT), undefined);
  assert.equal((await arrived).toString(), TEXT);
}

describe("names for the kernel", { skip }, () => {
  it("long ones are cut at 15 bytes, and the object's own tell them apart", () => {
    using bpf = Ebpf.load(fixture("long-names"));
    bpf.loadAll();
    const [one, two] = ["a_program_with_a_very_long_name_one", "a_program_with_a_very_long_name_two"].map((name) =>
      bpf.program(name, SkMsg),
    );
    assert.deepEqual(
      [one, two].map((program) => program?.info().name),
      ["a_program_with_", "a_program_with_"],
    );
    assert.notEqual(one?.info().tag, two?.info().tag);
    const maps = ["one", "two"].map((end) => bpf.map(`a_map_with_a_very_long_name_${end}`, ArrayMap));
    assert.deepEqual(
      maps.map((map) => [map.name.length, map.info().name, map.maxEntries]),
      [
        [31, "a_map_with_a_ve", 1],
        [31, "a_map_with_a_ve", 2],
      ],
    );
    assert.deepEqual(one?.info().mapIds, [maps[0]?.id, bpf.map(".data").id]);
    assert.deepEqual(two?.info().mapIds, [maps[1]?.id]);
  });

  for (const compiler of COMPILERS)
    it(`what the kernel refuses becomes _, and the program works, ${compiler}`, async () => {
      using bpf = Ebpf.load(fixture("dash-name", compiler));
      const program = bpf.program("prog-dash", SkMsg);
      const map = bpf.map("with-dash", ArrayMap<bigint>);
      await passOneMessage(program);
      assert.deepEqual([program.name, program.info().name], ["prog-dash", "prog_dash"]);
      assert.deepEqual([map.name, map.info().name], ["with-dash", "with_dash"]);
      assert.equal(map.get(0), 1n);
    });
});

it("without a license section it is loaded as not GPL compatible", { skip }, () => {
  for (const [name, expected] of [
    ["no-license", false],
    ["pass", true],
  ] as const) {
    using bpf = Ebpf.load(fixture(name));
    bpf.loadAll();
    for (const program of bpf.programs.values()) assert.equal(program.info().gplCompatible, expected, name);
  }
});

it("an object without BTF loads, and the kernel then knows no lines", { skip }, () => {
  for (const [name, hasLines] of [
    ["no-btf", false],
    ["legacy-no-btf", false],
    ["pass", true],
  ] as const)
    for (const compiler of COMPILERS) {
      using bpf = Ebpf.load(fixture(name, compiler));
      bpf.loadAll();
      for (const program of bpf.programs.values()) {
        assert.equal(program.info().btfId !== undefined, hasLines);
        assert.equal(progInfoArray(program.fd, "line_info").length > 0, hasLines);
      }
    }
});

interface Legacy {
  readonly name: string;
  readonly program: string;
  readonly maps: Readonly<Record<string, readonly [MapType, number, number, number, number]>>;
  readonly count: (counts: BpfMap) => readonly unknown[];
}

const entries = (map: BpfMap): unknown[] => [...HashMap.from<HashMap>(map).values()];
const first = (map: BpfMap): unknown[] => [ArrayMap.from<ArrayMap>(map).get(0)];

/** Type, key size, value size, entries and flags, as the sources have them. */
const LEGACY: readonly Legacy[] = [
  ...["legacy-maps", "legacy-no-btf"].map((name) => ({
    name,
    program: "legacy",
    maps: { SOCKETS: [MapType.SockMap, 4, 4, 20, 0], COUNTS: [MapType.Hash, 4, 8, 64, 1] } as const,
    count: entries,
  })),
  {
    name: "legacy-iproute2",
    program: "legacy_iproute2",
    maps: { SOCKETS: [MapType.SockHash, 4, 4, 32, 0], COUNTS: [MapType.Array, 4, 8, 8, 0] },
    count: first,
  },
  {
    name: "legacy-slash",
    program: "legacy_slash",
    maps: { COUNTS: [MapType.Array, 4, 8, 8, 0] },
    count: first,
  },
];

describe("legacy map definitions", { skip }, () => {
  for (const { name, program, maps } of LEGACY)
    for (const compiler of COMPILERS)
      it(`${name}, ${compiler}: the maps are as they were asked for`, () => {
        using bpf = Ebpf.load(fixture(name, compiler));
        bpf.loadAll();
        assert.equal(bpf.program(program, SkMsg).isLoaded, true);
        const actual = [...bpf.maps].map(([map, { type, keySize, valueSize, maxEntries, flags }]) => [
          map,
          [type, keySize, valueSize, maxEntries, flags],
        ]);
        assert.deepEqual(Object.fromEntries(actual), maps);
      });

  for (const { name, program, count } of LEGACY.filter(({ maps }) => "SOCKETS" in maps))
    it(`${name}: the program redirects to the socket in the map, and counts`, async () => {
      using bpf = Ebpf.load(fixture(name));
      const sockets = bpf.map("SOCKETS");
      const target = sockets.type === MapType.SockMap ? SockMap.from(sockets) : SockHash.from<SockHash>(sockets);
      const one = bpf.program(program, SkMsg);
      one.load();
      one.attach(target);
      await using pair = await tcpPair();
      target.insert(0, pair.client);
      // The program sends every message into the receive queue of the socket in slot 0, which is the sender's.
      const back = receive(pair.client, TEXT.length);
      assert.equal(await write(pair.client, TEXT), undefined);
      assert.equal((await back).toString(), TEXT);
      assert.deepEqual(count(bpf.map("COUNTS")), [1n]);
    });

  it("legacy-slash: the program counts", async () => {
    using bpf = Ebpf.load(fixture("legacy-slash"));
    await passOneMessage(bpf.program("legacy_slash", SkMsg));
    assert.equal(bpf.map("COUNTS", ArrayMap).get(0), 1n);
  });
});

describe("programs and their sections", { skip }, () => {
  it("several in one section are each their own", async () => {
    using bpf = Ebpf.load(fixture("several"));
    assert.deepEqual([...bpf.programs.keys()], ["first", "second", "third"]);
    await passOneMessage(bpf.program("first", SkMsg));
    assert.equal(bpf.map("STATS", ArrayMap).get(0), 0n);
    await passOneMessage(bpf.program("second", SkMsg));
    await passOneMessage(bpf.program("third", SkMsg));
    assert.equal(bpf.map("STATS", ArrayMap).get(0), 1n);
    const tags = [...bpf.programs.values()].map((program) => program.info().tag);
    assert.equal(new Set(tags).size, 3);
  });

  it("each type has its class, and ? keeps a program from loadAll()", () => {
    using bpf = Ebpf.load(fixture("types"));
    bpf.loadAll();
    const seen = [...bpf.programs.values()].map((program) => [
      program.name,
      program.constructor,
      program.type,
      program.attachType,
      program.isLoaded,
    ]);
    // Attach types by include/uapi/linux/bpf.h.
    assert.deepEqual(seen, [
      ["message", SkMsg, ProgramType.SkMsg, 7, true],
      ["sock_ops", GenericProgram, ProgramType.SockOps, 3, true],
      ["stream_parser", GenericProgram, ProgramType.SkSkb, 4, true],
      ["stream_verdict", GenericProgram, ProgramType.SkSkb, 5, true],
      ["bare_skb", GenericProgram, ProgramType.SkSkb, 0, true],
      ["cgroup_egress", GenericProgram, ProgramType.CgroupSkb, 1, true],
      ["socket_filter", GenericProgram, ProgramType.SocketFilter, 0, true],
      ["not_loaded", SkMsg, ProgramType.SkMsg, 7, false],
    ]);
    for (const program of bpf.programs.values())
      if (program.isLoaded) assert.equal(program.info().type, program.type, program.name);
    bpf.program("not_loaded").load();
    assert.equal(bpf.program("not_loaded").info().type, ProgramType.SkMsg);
    throwsCode(() => bpf.program("sock_ops", SkMsg), "ERR_UNEXPECTED_PROGRAM_TYPE", /"sock_ops" is of type SockOps/);
  });

  it("sk_skb/verdict, which libbpf 1.1 does not know", () => {
    using bpf = Ebpf.load(fixture("sk-skb-verdict"));
    const program = bpf.program("verdict");
    program.load();
    assert.deepEqual([program.type, program.attachType], [ProgramType.SkSkb, 38]);
  });

  it("sk_msg/NAME and sk_msg1 are sk_msg programs", async () => {
    using bpf = Ebpf.load(fixture("sk-msg-name"));
    for (const name of ["by_name", "by_number"]) await passOneMessage(bpf.program(name, SkMsg));
  });

  it("a section that tells no type wants the option programTypes", async () => {
    const path = fixture("unknown-section");
    using untold = Ebpf.load(path);
    const error = throwsCode(() => untold.loadAll(), "ERR_UNKNOWN_SECTION", /"skmsg_custom" of the program "custom"/);
    assert.match(error.message, /programTypes: \{ "skmsg_custom": ProgramType\.SkMsg \}/);
    using bpf = Ebpf.load(path, { programTypes: { skmsg_custom: ProgramType.SkMsg } });
    await passOneMessage(bpf.program("custom", SkMsg));
  });
});
