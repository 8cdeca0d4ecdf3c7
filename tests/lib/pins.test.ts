import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  ArrayMap,
  type BpfMap,
  Ebpf,
  GenericMap,
  GenericProgram,
  HashMap,
  listPins,
  MapType,
  openPinned,
  PinnedLink,
  type Program,
  SkMsg,
  SockHash,
  SockMap,
  u32,
} from "skmsg";
import { ElfObject } from "skmsg/elf";
import { btfLoad, objPin } from "skmsg/syscalls";
import { bpftool, ownBpffs, skipBelow, skipWithout, skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { fixture, fixtureBytes } from "../support/fixtures.ts";
import { openRawTracepoint, socketFilter } from "../support/instructions.ts";

const id = (object: Program | BpfMap | PinnedLink): number =>
  object instanceof PinnedLink || "maxEntries" in object ? object.id : object.info().id;

describe("openPinned", { skip: skipWithoutRoot }, () => {
  const bpffs = ownBpffs();
  const at = (name: string): string => join(bpffs, name);

  it("gives a program of its class", () => {
    using bpf = Ebpf.load(fixture("pass"));
    const program = bpf.program("pass", SkMsg);
    program.load();
    program.pin(at("sk_msg"));
    using opened = openPinned(at("sk_msg"));
    assert.ok(opened instanceof SkMsg);
    assert.equal(opened.info().id, program.info().id);
    assert.equal(opened.isLoaded, true);
    using filter = socketFilter(7);
    objPin(filter.fd, at("filter"));
    using other = openPinned(at("filter"));
    assert.ok(other instanceof GenericProgram);
    assert.equal(other.testRun({ data: new Uint8Array(14) }).retval, 7);
    // Opened from there, so they may take the pin away.
    opened.unpin();
    other.unpin();
    assert.deepEqual([...listPins(bpffs)], []);
  });

  it("gives a map of its class, with what is in it", () => {
    const maps: readonly (readonly [BpfMap, abstract new (...args: never[]) => BpfMap])[] = [
      [HashMap.create({ name: "hash", maxEntries: 1 }), HashMap],
      [ArrayMap.create({ name: "array", maxEntries: 1 }), ArrayMap],
      [SockMap.create({ name: "sockmap", maxEntries: 1 }), SockMap],
      [SockHash.create({ name: "sockhash", maxEntries: 1 }), SockHash],
      [GenericMap.create(MapType.Queue, { name: "queue", keySize: 0, maxEntries: 1 }), GenericMap],
    ];
    for (const [map, mapClass] of maps) {
      map.pin(at(map.name));
      using opened = openPinned(at(map.name));
      assert.ok(opened instanceof mapClass && "maxEntries" in opened);
      assert.deepEqual([opened.id, opened.name], [map.id, map.name]);
      if (map instanceof HashMap && opened instanceof HashMap) {
        map.set(1, 2);
        assert.deepEqual([...opened], [[1, 2]]);
      }
      opened.unpin();
      map.close();
    }
    assert.deepEqual([...listPins(bpffs)], []);
  });

  it("gives a link, of whatever type", () => {
    const { program, link } = openRawTracepoint("sys_enter");
    using _program = program;
    using owned = link;
    objPin(owned.fd, at("link"));
    using opened = openPinned(at("link"));
    assert.ok(opened instanceof PinnedLink);
    assert.equal(opened.path, at("link"));
    assert.equal(opened.info().id, opened.id);
    rmSync(at("link"));
  });

  it("each class refuses what is pinned there of another kind, and leaves the pin", () => {
    using map = HashMap.create({ name: "hash", maxEntries: 1 });
    map.pin(at("map"));
    using filter = socketFilter();
    objPin(filter.fd, at("program"));
    throwsCode(() => SkMsg.fromPin(at("map")), "ERR_UNEXPECTED_PROGRAM_TYPE");
    throwsCode(() => SkMsg.fromPin(at("program")), "ERR_UNEXPECTED_PROGRAM_TYPE", /SocketFilter/);
    throwsCode(() => SockMap.fromPin(at("map")), "ERR_UNEXPECTED_MAP_TYPE", /Hash map/);
    throwsCode(() => HashMap.fromPin(at("program")), "ERR_UNEXPECTED_MAP_TYPE");
    throwsCode(() => PinnedLink.fromPin(at("map")), "ERR_UNEXPECTED_LINK_TYPE");
    assert.deepEqual([...listPins(bpffs)], [at("map"), at("program")]);
    for (const path of listPins(bpffs)) rmSync(path);
  });

  it("what cannot be pinned is refused as such", () => {
    using btf = btfLoad(ElfObject.parse(fixtureBytes("pass")).btfForKernel() ?? assert.fail("it has types"));
    assert.throws(() => objPin(btf.fd, at("btf")), { command: "BPF_OBJ_PIN", errnoName: "EINVAL" });
  });
});

describe("listPins", { skip: skipWithoutRoot }, () => {
  const bpffs = ownBpffs();

  it("walks folders, sorted, by whomever they were pinned", () => {
    mkdirSync(join(bpffs, "sub/deep"), { recursive: true });
    mkdirSync(join(bpffs, "empty"));
    using map = HashMap.create({ name: "m", maxEntries: 1 });
    const paths = ["a", "sub/b", "sub/deep/c", "z"].map((name) => join(bpffs, name));
    for (const path of paths.toReversed()) map.pin(path);
    assert.deepEqual([...listPins(bpffs)], paths);
    assert.deepEqual([...listPins(join(bpffs, "sub"))], paths.slice(1, 3));
    assert.deepEqual([...listPins(join(bpffs, "empty"))], []);
    for (const path of listPins(bpffs)) {
      using opened = openPinned(path);
      assert.equal(id(opened), map.id);
    }
    // All that this object pinned, and nothing else.
    const other = join(bpffs, "sub/other");
    objPin(map.fd, other);
    map.unpin();
    assert.deepEqual([...listPins(bpffs)], [other]);
    map.unpin();
    assert.deepEqual([...listPins(bpffs)], [other]);
  });

  it("a pin that was replaced by somebody else's stays", () => {
    const path = join(bpffs, "replaced");
    using mine = HashMap.create({ name: "mine", maxEntries: 1 });
    using theirs = HashMap.create({ name: "theirs", maxEntries: 1 });
    mine.pin(path);
    rmSync(path);
    mine.unpin();
    mine.pin(path);
    rmSync(path);
    objPin(theirs.fd, path);
    mine.unpin();
    using opened = openPinned(path);
    assert.equal(id(opened), theirs.id);
    rmSync(path);
  });
});

describe("with bpftool", { skip: skipWithout("bpftool") }, () => {
  const bpffs = ownBpffs();
  const at = (name: string): string => join(bpffs, name);

  it("what bpftool loads and pins is opened here, and works", () => {
    mkdirSync(at("maps"));
    bpftool("prog", "loadall", fixture("pass"), at("programs"), "pinmaps", at("maps"));
    const paths = [...listPins(bpffs)];
    assert.deepEqual(
      paths.map((path) => path.slice(bpffs.length + 1)),
      ["maps/HASH", "maps/MAP", "programs/pass"],
    );
    using program = SkMsg.fromPin(at("programs/pass"));
    using sockets = SockHash.fromPin(at("maps/HASH"));
    const link = program.attach(sockets);
    assert.equal(program.links.length, 1);
    program.detach(link);
    for (const path of paths) {
      using opened = openPinned(path);
      opened.unpin();
    }
    assert.deepEqual(readdirSync(at("maps")), []);
  });

  it("what is pinned here, bpftool shows and dumps", () => {
    using bpf = Ebpf.load(fixture("hash-array"));
    const program = bpf.program("touch", SkMsg);
    program.load();
    program.pin(at("touch"));
    const map = bpf.map("HASH_U32", HashMap, { key: u32, value: u32 });
    map.set(1, 100).set(2, 200);
    map.pin(at("hash"));
    const shown = bpftool("prog", "show", "pinned", at("touch")) as Record<string, unknown>; // one program
    assert.deepEqual([shown.id, shown.name, shown.tag], [program.info().id, "touch", program.info().tag]);
    const dump = bpftool("map", "dump", "pinned", at("hash")) as { formatted: { key: number; value: number } }[]; // its list
    assert.deepEqual(dump.map(({ formatted: { key, value } }) => [key, value]).sort(), [
      [1, 100],
      [2, 200],
    ]);
    program.unpin();
    map.unpin();
    assert.equal(existsSync(at("hash")), false);
  });

  it("a link pinned here is shown by bpftool, and one pinned by bpftool is opened here", {
    skip: skipBelow("6.10"),
  }, () => {
    using bpf = Ebpf.load(fixture("pass"));
    const program = bpf.program("pass", SkMsg);
    program.load();
    const attached = program.takeLink(program.attach(bpf.map("MAP", SockMap)));
    const linkId = attached.id;
    const pinned = attached.pin(at("link"));
    const shown = bpftool("link", "show", "pinned", at("link")) as Record<string, unknown>; // one link
    assert.deepEqual([shown.id, shown.prog_id], [linkId, program.info().id]);
    bpftool("link", "pin", "id", String(linkId), at("again"));
    using again = PinnedLink.fromPin(at("again"));
    assert.equal(again.id, linkId);
    again.unpin().detach();
    pinned.unpin().detach();
    assert.deepEqual([...listPins(bpffs)], []);
  });
});
