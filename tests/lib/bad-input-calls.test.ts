import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ArrayMap,
  type BpfMap,
  Ebpf,
  type EbpfOptions,
  GenericMap,
  HashMap,
  LinkError,
  LinkInfo,
  MapError,
  MapInfo,
  MapType,
  ProgramError,
  ProgramInfo,
  SkMsg,
  SockHash,
  SockMap,
  u8,
  u32,
  u64,
} from "skmsg";
import { kernel, skipWithoutRoot } from "../support/environment.ts";
import { rejectsCode, throwsCode } from "../support/errors.ts";
import { fixture } from "../support/fixtures.ts";
import { leavesNothing, waitFor } from "../support/leaks.ts";

const skip = skipWithoutRoot;

test("a name that the object does not have: the message lists those it has", { skip }, () =>
  leavesNothing(() => {
    using bpf = Ebpf.load(fixture("several"));
    const program = throwsCode(
      () => bpf.program("Second"),
      "ERR_NO_SUCH_PROGRAM",
      /no program "Second"\. Its programs: first, second, third\./,
    );
    assert.ok(program instanceof ProgramError);
    const map = throwsCode(() => bpf.map("stats"), "ERR_NO_SUCH_MAP", /no map "stats"\. Its maps: STATS\./);
    assert.ok(map instanceof MapError);
    using none = Ebpf.load(fixture("no-btf"));
    throwsCode(() => none.map("x"), "ERR_NO_SUCH_MAP", /It has no maps at all\./);
  }),
);

/** Options that JavaScript passes and the types do not allow. */
const untyped = (options: Record<string, unknown>): EbpfOptions => options as EbpfOptions;

const OPTIONS: readonly (readonly [string, EbpfOptions, string, RegExp])[] = [
  [
    "an unknown option",
    untyped({ maxEntires: {} }),
    "ERR_INVALID_OPTION",
    /no option "maxEntires"; there are maxEntries, /,
  ],
  ["entries of an unknown map", { maxEntries: { MAPS: 1 } }, "ERR_NO_SUCH_MAP", /"MAPS".*Its maps: HASH, MAP/],
  ["an unknown map given", untyped({ maps: { MAPS: null } }), "ERR_NO_SUCH_MAP", /"MAPS".*Its maps: HASH, MAP/],
  ["no map where one is to be given", untyped({ maps: { MAP: null } }), "ERR_INVALID_TYPE", /wants a map for "MAP"/],
  ["no entries", { maxEntries: { MAP: 0 } }, "ERR_INVALID_MAP", /"MAP".*0 entries.*EINVAL/],
  ["entries below 0", { maxEntries: { MAP: -1 } }, "ERR_OUT_OF_RANGE", /maxEntries of "MAP".*whole number.*-1/],
  ["half an entry", { maxEntries: { MAP: 1.5 } }, "ERR_OUT_OF_RANGE", /1\.5/],
  ["entries that are no number", untyped({ maxEntries: { MAP: "8" } }), "ERR_OUT_OF_RANGE", /8/],
  ["entries past 32 bits", { maxEntries: { MAP: 2 ** 32 } }, "ERR_OUT_OF_RANGE", /4294967296/],
];

for (const [what, options, code, message] of OPTIONS)
  test(`Ebpf.load with ${what}: ${code}`, { skip }, () =>
    leavesNothing(() => {
      throwsCode(() => Ebpf.load(fixture("pass"), options), code, message);
    }),
  );

test("load twice, attach before load, unload before load", { skip }, () =>
  leavesNothing(async () => {
    using bpf = Ebpf.load(fixture("pass"));
    const program = bpf.program("pass", SkMsg);
    const sockets = bpf.map("MAP", SockMap);
    for (const use of [
      () => program.attach(sockets),
      () => program.unload(),
      () => program.info(),
      () => program.fd,
      () => program.pin("/sys/fs/bpf/x"),
      () => program.testRun(),
    ])
      throwsCode(use, "ERR_NOT_LOADED", /"pass" is not loaded.*Call load\(\) first/);
    program.load();
    const { id } = program.info();
    throwsCode(() => program.load(), "ERR_ALREADY_LOADED", /"pass" is already loaded\. unload\(\) it first/);
    await rejectsCode(program.loadAsync(), "ERR_ALREADY_LOADED");
    assert.equal(program.info().id, id);
    assert.deepEqual(program.info().mapIds, []);
    using same = SkMsg.fromProgramInfo(program.info());
    throwsCode(() => same.load(), "ERR_ALREADY_LOADED");
    same.unload();
    throwsCode(() => same.load(), "ERR_NO_OBJECT", /no object file behind it.*Ebpf\.load\(\)/);
    await rejectsCode(same.loadAsync(), "ERR_NO_OBJECT");
  }),
);

test("detach twice, a foreign id, an id after takeLink", { skip }, () =>
  leavesNothing(() => {
    using bpf = Ebpf.load(fixture("counter"));
    bpf.loadAll();
    const a = bpf.program("count_a", SkMsg);
    const b = bpf.program("count_b", SkMsg);
    const id = a.attach(bpf.map("SOCKS", SockHash));
    const message = /"count_[ab]" tracks no such link: it was detached or taken already, or another program gave/;
    assert.ok(throwsCode(() => b.detach(id), "ERR_NO_SUCH_LINK", message) instanceof LinkError);
    throwsCode(() => b.takeLink(id), "ERR_NO_SUCH_LINK", message);
    assert.deepEqual(a.links, [id], "the foreign detach changed nothing");
    a.detach(id);
    throwsCode(() => a.detach(id), "ERR_NO_SUCH_LINK", message);
    const taken = a.attach(bpf.map("SOCKS", SockHash));
    const link = a.takeLink(taken);
    throwsCode(() => a.detach(taken), "ERR_NO_SUCH_LINK", message);
    throwsCode(() => a.takeLink(taken), "ERR_NO_SUCH_LINK", message);
    // As JavaScript may have it.
    for (const nonsense of [undefined, null, 1, {}])
      throwsCode(() => Reflect.apply(a.detach, a, [nonsense]), "ERR_NO_SUCH_LINK");
    link.detach();
  }),
);

test("a program or a map of another type than was asked for", { skip }, () =>
  leavesNothing(() => {
    using bpf = Ebpf.load(fixture("types"));
    const wrong = "ERR_UNEXPECTED_PROGRAM_TYPE";
    throwsCode(() => bpf.program("sock_ops", SkMsg), wrong, /"sock_ops" is of type SockOps, and SkMsg was asked for/);
    throwsCode(() => SkMsg.from(bpf.program("bare_skb")), wrong, /SkSkb/);
    using other = Ebpf.load(fixture("sockmap-array"));
    throwsCode(
      () => other.map("AN_ARRAY", SockMap),
      "ERR_UNEXPECTED_MAP_TYPE",
      /"AN_ARRAY" is a Array map, and SockMap/,
    );
    throwsCode(() => SockHash.from(other.map("A_SOCKMAP")), "ERR_UNEXPECTED_MAP_TYPE", /SockMap map, and SockHash/);
    throwsCode(() => other.map("A_HASH", ArrayMap, { value: u64 }), "ERR_UNEXPECTED_MAP_TYPE");
    const program = other.program("pass", SkMsg);
    program.load();
    for (const name of ["AN_ARRAY", "A_HASH"]) {
      const { fd } = other.map(name);
      throwsCode(
        () => program.attach(fd),
        "ERR_UNEXPECTED_MAP_TYPE",
        new RegExp(`"${name}".*SockMap or a SockHash only`),
      );
    }
    assert.deepEqual(program.links, []);
  }),
);

const CREATE: readonly (readonly [string, () => BpfMap, string, RegExp])[] = [
  [
    "2 PiB",
    () => ArrayMap.create({ valueSize: 2 ** 20, maxEntries: 2 ** 31 }),
    // Where memlock is counted, the sum must fit into 32 bits.
    kernel < 511 ? "ERR_MAP_TOO_LARGE" : "ERR_NO_MEMORY",
    /2147483648 entries\).*(E2BIG.*larger|ENOMEM.*smaller)/,
  ],
  [
    "a hash past 4 GiB",
    () => HashMap.create({ valueSize: 2 ** 20, maxEntries: 2 ** 31 }),
    "ERR_MAP_TOO_LARGE",
    /E2BIG.*larger than the kernel allows/,
  ],
  ["a value past 2 GiB", () => ArrayMap.create({ valueSize: 2 ** 31, maxEntries: 1 }), "ERR_MAP_TOO_LARGE", /E2BIG/],
  ["a key of 600 bytes", () => SockHash.create({ keySize: 600, maxEntries: 1 }), "ERR_MAP_TOO_LARGE", /key 600 B/],
  ["no entries", () => SockHash.create({ maxEntries: 0 }), "ERR_INVALID_MAP", /EINVAL.*max_entries 0\?/],
  ["no key", () => HashMap.create({ keySize: 0, maxEntries: 1 }), "ERR_INVALID_MAP", /key 0 B/],
  ["sockets of 16 bytes", () => SockHash.create({ valueSize: 16, maxEntries: 1 }), "ERR_INVALID_MAP", /value 16 B/],
  [
    "array keys of 8 bytes",
    () => GenericMap.create(MapType.Array, { keySize: 8, maxEntries: 1 }),
    "ERR_INVALID_MAP",
    /key 8 B/,
  ],
  ["an unknown flag", () => HashMap.create({ flags: 2 ** 30, maxEntries: 1 }), "ERR_INVALID_MAP", /a flag/],
  [
    "a codec of another size",
    () => HashMap.create({ key: u8, keySize: 4, maxEntries: 1 }),
    "ERR_INVALID_SIZE",
    /1 bytes.*key.*4 bytes/,
  ],
  ...[-1, 1.5, Number.NaN, 2 ** 32, Number.POSITIVE_INFINITY].flatMap(
    (bad) =>
      [
        [`${bad} entries`, () => SockMap.create({ maxEntries: bad }), "ERR_OUT_OF_RANGE", /maxEntries must be a whole/],
        [`keys of ${bad} bytes`, () => HashMap.create({ keySize: bad, maxEntries: 1 }), "ERR_OUT_OF_RANGE", /keySize/],
        [
          `values of ${bad} bytes`,
          () => HashMap.create({ valueSize: bad, maxEntries: 1 }),
          "ERR_OUT_OF_RANGE",
          /valueSize/,
        ],
        [`flags ${bad}`, () => HashMap.create({ flags: bad, maxEntries: 1 }), "ERR_OUT_OF_RANGE", /flags/],
        [
          `NUMA node ${bad}`,
          () => HashMap.create({ numaNode: bad, flags: 4, maxEntries: 1 }),
          "ERR_OUT_OF_RANGE",
          /numaNode/,
        ],
      ] as const,
  ),
];

for (const [what, create, code, message] of CREATE)
  test(`create with ${what}: ${code}`, { skip }, () =>
    leavesNothing(() => {
      assert.ok(throwsCode(create, code, message) instanceof MapError);
    }),
  );

test("ids of nothing: vanished, 0, -1, 1.5, NaN, past 32 bits", { skip }, () =>
  leavesNothing(async () => {
    const ways: readonly (readonly [string, (id: number) => unknown])[] = [
      ["program", (id) => ProgramInfo.fromId(id)],
      ["map", (id) => MapInfo.fromId(id)],
      ["map", (id) => HashMap.fromId(id)],
      ["link", (id) => LinkInfo.fromId(id)],
    ];
    for (const [noun, way] of ways) {
      for (const id of [0, -1, 1.5, Number.NaN, 2 ** 32, Number.POSITIVE_INFINITY])
        throwsCode(() => way(id), "ERR_NO_SUCH_ID", new RegExp(`^${id} is no ${noun} id: whole numbers from 1 on\\.$`));
      const error = throwsCode(
        () => way(0x7fff_fff0),
        "ERR_NO_SUCH_ID",
        new RegExp(`${noun} with id 2147483632.*gone`),
      );
      assert.equal(error.errnoName, "ENOENT");
    }
    const bpf = Ebpf.load(fixture("pass"));
    bpf.loadAll();
    const program = bpf.program("pass").info();
    const map = bpf.map("HASH").info();
    bpf.close();
    // The kernel takes its time.
    await waitFor("the program and the map to vanish", () => {
      for (const id of [() => ProgramInfo.fromId(program.id), () => MapInfo.fromId(map.id)])
        try {
          id();
          return false;
        } catch {
          // Gone.
        }
      return true;
    });
    for (const use of [
      () => program.open(),
      () => program.fd(),
      () => program.insns(),
      () => SkMsg.fromProgramInfo(program),
    ])
      throwsCode(use, "ERR_NO_SUCH_ID", new RegExp(`program with id ${program.id}: .*ENOENT.*gone by now`));
    for (const use of [
      () => map.open(),
      () => map.fd(),
      () => SockHash.fromMapInfo(map),
      () => SockHash.fromId(map.id),
    ])
      throwsCode(use, "ERR_NO_SUCH_ID", new RegExp(`map with id ${map.id}: .*ENOENT.*gone by now`));
    assert.equal(program.name, "pass", "what was asked before is still there");
  }),
);

test("keys and values of another type or size change nothing", { skip }, () =>
  leavesNothing(() => {
    using map = HashMap.create<number, number>({ key: u32, value: u32, maxEntries: 4 });
    map.set(1, 2);
    for (const bad of ["1", null, undefined, {}, [], true, () => {}, Symbol("s"), new Uint8Array(4)]) {
      const call =
        (method: "get" | "has" | "delete" | "set", ...args: unknown[]): (() => unknown) =>
        () =>
          Reflect.apply(map[method], map, args);
      for (const use of [call("get", bad), call("has", bad), call("delete", bad), call("set", bad, 1)])
        throwsCode(use, "ERR_INVALID_TYPE", /^The key does not fit the Hash map "": u32 wants a number, and got /);
      throwsCode(
        call("set", 1, bad),
        "ERR_INVALID_TYPE",
        /^The value does not fit the Hash map "": u32 wants a number/,
      );
    }
    assert.deepEqual([...map], [[1, 2]]);
  }),
);
