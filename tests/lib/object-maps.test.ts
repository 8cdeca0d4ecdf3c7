import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ArrayMap, Ebpf, HashMap, listPins, MapInfo, MapType, Program, SockHash, SockMap, u32, u64 } from "skmsg";
import { ownBpffs, skipWithoutRoot as skip } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { fixture } from "../support/fixtures.ts";
import { counts, settledAt } from "../support/leaks.ts";

const bpffs = ownBpffs();
let folders = 0;

/** A new folder of the BPF file system. */
function newFolder(): string {
  const folder = join(bpffs, `f${folders++}`);
  mkdirSync(folder);
  return folder;
}

/** Names of what is pinned in a folder. */
function pinned(folder: string): string[] {
  return [...listPins(folder)].map((path) => path.slice(folder.length + 1));
}

describe("option maxEntries", { skip }, () => {
  it("counts instead of the object's number, and the others keep theirs", () => {
    using bpf = Ebpf.load(fixture("pass"), { maxEntries: { HASH: 5 } });
    assert.deepEqual([bpf.map("HASH").info().maxEntries, bpf.map("MAP").info().maxEntries], [5, 16]);
  });

  for (const [what, entries, code, message] of [
    ["negative", { HASH: -1 }, "ERR_OUT_OF_RANGE", /maxEntries of "HASH" must be a whole number .* is -1/],
    ["a fraction", { HASH: 1.5 }, "ERR_OUT_OF_RANGE", /is 1\.5/],
    ["too large a number", { HASH: 2 ** 32 }, "ERR_OUT_OF_RANGE", /0 to 4294967295/],
    ["zero", { MAP: 0 }, "ERR_INVALID_MAP", /Cannot create the SockMap map "MAP" .* 0 entries/],
    ["of an unknown map", { HASCH: 1 }, "ERR_NO_SUCH_MAP", /"HASCH".* Its maps: HASH, MAP/],
  ] as const)
    it(`${what} is refused, and no map is left`, async () => {
      const before = counts();
      throwsCode(() => Ebpf.load(fixture("pass"), { maxEntries: entries }), code, message);
      await settledAt(before);
    });
});

describe("option maps", { skip }, () => {
  it("a map of the user's is used, and stays the user's", () => {
    using sockets = SockHash.create<number>({ key: u32, maxEntries: 3 });
    const bpf = Ebpf.load(fixture("counter"), { maps: { SOCKS: sockets } });
    assert.equal(bpf.map("SOCKS"), sockets);
    assert.equal(bpf.map("SOCKMAP").maxEntries, 64);
    bpf.close();
    assert.equal(sockets.closed, false);
    assert.equal(sockets.info().maxEntries, 3);
  });

  it("the program refers to it", () => {
    using stats = ArrayMap.create<bigint>({ value: u64, maxEntries: 8 });
    using bpf = Ebpf.load(fixture("counter"), { maps: { STATS: stats } });
    bpf.loadAll();
    assert.deepEqual(bpf.program("count_a").info().mapIds, [stats.id]);
  });

  it("one of another kind is refused: type, key or value", () => {
    using hash = HashMap.create<number, bigint>({ value: u64, maxEntries: 1 });
    using sockMap = SockMap.create({ maxEntries: 1 });
    using narrow = SockHash.create({ maxEntries: 1, valueSize: 4 });
    using wide = SockHash.create<bigint>({ key: u64, maxEntries: 1 });
    for (const [map, message] of [
      [hash, /type is Hash, and the object wants SockHash/],
      [sockMap, /type is SockMap, and the object wants SockHash/],
      [narrow, /valueSize is 4, and the object wants 8/],
      [wide, /keySize is 8, and the object wants 4/],
    ] as const) {
      const error = throwsCode(
        () => Ebpf.load(fixture("pass"), { maps: { HASH: map } }),
        "ERR_MAP_INCOMPATIBLE",
        message,
      );
      assert.match(error.message, new RegExp(`\\(id ${map.id}\\) cannot be "HASH"`));
      assert.equal(map.closed, false);
    }
  });

  it("of a name that the object does not have is refused", () => {
    using map = SockMap.create({ maxEntries: 1 });
    throwsCode(() => Ebpf.load(fixture("pass"), { maps: { NONE: map } }), "ERR_NO_SUCH_MAP", /"NONE".*HASH, MAP/);
  });
});

describe("maps that ask to be pinned by name", { skip }, () => {
  const path = fixture("pin-by-name");

  it("are created and pinned by the first load, reused by the second, and outlive both", () => {
    const pinPath = newFolder();
    const first = Ebpf.load(path, { pinPath });
    assert.deepEqual(pinned(pinPath), ["PINNED", "PINNED_SOCKETS"]);
    first.map("PINNED", ArrayMap<bigint>).set(2, 77n);
    const ids = ["PINNED", "PINNED_SOCKETS", "PLAIN"].map((name) => first.map(name).id);
    first.close();

    using second = Ebpf.load(path, { pinPath });
    assert.deepEqual([second.map("PINNED").id, second.map("PINNED_SOCKETS").id], ids.slice(0, 2));
    assert.notEqual(second.map("PLAIN").id, ids[2]);
    assert.equal(second.map("PINNED", ArrayMap<bigint>).get(2), 77n);
    second.loadAll();
    assert.deepEqual(second.program("pin_by_name").info().mapIds, [ids[0], second.map("PLAIN").id]);
    second.close();
    assert.deepEqual(pinned(pinPath), ["PINNED", "PINNED_SOCKETS"]);
    assert.equal(MapInfo.fromPin(join(pinPath, "PINNED")).id, ids[0]);
  });

  it("a reused one is unpinned only when told so", () => {
    const pinPath = newFolder();
    Ebpf.load(path, { pinPath }).close();
    using bpf = Ebpf.load(path, { pinPath });
    bpf.map("PINNED").unpin();
    assert.deepEqual(pinned(pinPath), ["PINNED_SOCKETS"]);
  });

  it("one with other parameters is refused, and nothing is changed", () => {
    const pinPath = newFolder();
    Ebpf.load(path, { pinPath }).close();
    const { id } = MapInfo.fromPin(join(pinPath, "PINNED"));
    throwsCode(
      () => Ebpf.load(path, { pinPath, maxEntries: { PINNED: 8 } }),
      "ERR_MAP_INCOMPATIBLE",
      new RegExp(`"PINNED" \\(id ${id}\\) cannot be "PINNED": maxEntries is 4, and the object wants 8`),
    );
    assert.deepEqual(pinned(pinPath), ["PINNED", "PINNED_SOCKETS"]);
    assert.equal(MapInfo.fromPin(join(pinPath, "PINNED")).id, id);
  });

  it("a program in the place of one is refused, and stays", () => {
    const pinPath = newFolder();
    using other = Ebpf.load(fixture("pass"));
    const program = other.program("pass");
    program.load();
    program.pin(join(pinPath, "PINNED"));
    throwsCode(() => Ebpf.load(path, { pinPath }), "ERR_MAP_INCOMPATIBLE", /should be the map "PINNED", and is a prog/);
    assert.deepEqual(pinned(pinPath), ["PINNED"]);
    using back = Program.fromPin(join(pinPath, "PINNED"));
    assert.equal(back.info().id, program.info().id);
  });

  for (const { what, before, maxEntries, code, left } of [
    {
      what: "at the second map, which is somebody's: only the first is unpinned",
      before: ["PINNED_SOCKETS"],
      maxEntries: { PINNED_SOCKETS: 5 },
      code: "ERR_MAP_INCOMPATIBLE",
      left: ["PINNED_SOCKETS"],
    },
    {
      what: "at the second map with both there already: none is unpinned",
      before: ["PINNED", "PINNED_SOCKETS"],
      maxEntries: { PINNED_SOCKETS: 5 },
      code: "ERR_MAP_INCOMPATIBLE",
      left: ["PINNED", "PINNED_SOCKETS"],
    },
    {
      what: "at the last map: both are unpinned",
      before: [],
      maxEntries: { PLAIN: 0 },
      code: "ERR_INVALID_MAP",
      left: [],
    },
    {
      what: "at the last map with one there already: that one stays",
      before: ["PINNED"],
      maxEntries: { PLAIN: 0 },
      code: "ERR_INVALID_MAP",
      left: ["PINNED"],
    },
  ])
    it(`loading fails ${what}`, async () => {
      const pinPath = newFolder();
      using owner = Ebpf.load(path, { pinPath });
      for (const name of pinned(pinPath)) if (!before.includes(name)) owner.map(name).unpin();
      const ids = before.map((name) => MapInfo.fromPin(join(pinPath, name)).id);
      const counted = counts();
      throwsCode(() => Ebpf.load(path, { pinPath, maxEntries }), code);
      assert.deepEqual(pinned(pinPath), left);
      assert.deepEqual(
        before.map((name) => MapInfo.fromPin(join(pinPath, name)).id),
        ids,
      );
      await settledAt(counted);
    });

  it("wants a folder that is there, and is a BPF file system", () => {
    const missing = join(bpffs, "missing");
    throwsCode(() => Ebpf.load(path, { pinPath: missing }), "ERR_PIN_NO_FOLDER", /does not exist/);
    assert.equal(existsSync(missing), false);
    throwsCode(() => Ebpf.load(path, { pinPath: "/proc" }), "ERR_NOT_BPFFS", /mount -t bpf/);
  });

  it("a map given in maps is neither pinned nor looked for", () => {
    const pinPath = newFolder();
    using map = ArrayMap.create<bigint>({ value: u64, maxEntries: 4 });
    using bpf = Ebpf.load(path, { pinPath, maps: { PINNED: map } });
    assert.equal(bpf.map("PINNED").type, MapType.Array);
    assert.deepEqual(pinned(pinPath), ["PINNED_SOCKETS"]);
  });
});
