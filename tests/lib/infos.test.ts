import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ArrayMap,
  Ebpf,
  HashMap,
  loadedMaps,
  loadedPrograms,
  MapInfo,
  MapType,
  ProgramInfo,
  ProgramType,
  SkMsg,
  SockMap,
} from "skmsg";
import { bpftool, ownBpffs, skipBelow, skipWithout, skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { fixture } from "../support/fixtures.ts";
import { socketFilter } from "../support/instructions.ts";
import { waitFor } from "../support/leaks.ts";

/** The fixture `counter`, with its first program loaded. */
function loaded(): { bpf: Ebpf; program: SkMsg } & Disposable {
  const bpf = Ebpf.load(fixture("counter"));
  const program = bpf.program("count_a", SkMsg);
  program.load();
  return { bpf, program, [Symbol.dispose]: () => bpf.close() };
}

/** What bpftool says of one object. */
const shown = (...args: string[]): Record<string, unknown> => bpftool(...args) as Record<string, unknown>; // its JSON of one object

const isJson = (value: { toJSON(): object }): Record<string, unknown> => {
  const text = JSON.stringify(value);
  const parsed: Record<string, unknown> = JSON.parse(text);
  assert.deepEqual(parsed, value.toJSON());
  return parsed;
};

describe("ProgramInfo", { skip: skipWithoutRoot }, () => {
  const bpffs = ownBpffs();

  it("is what bpftool says", { skip: skipWithout("bpftool") }, () => {
    using object = loaded();
    const info = object.program.info();
    const theirs = shown("prog", "show", "id", String(info.id));
    assert.deepEqual(
      {
        id: info.id,
        name: info.name,
        tag: info.tag,
        gpl_compatible: info.gplCompatible,
        uid: info.createdByUid,
        bytes_xlated: info.sizeTranslated,
        bytes_jited: info.sizeJitted,
        bytes_memlock: info.memoryLocked,
        map_ids: info.mapIds,
        btf_id: info.btfId,
      },
      Object.fromEntries(
        [
          "id",
          "name",
          "tag",
          "gpl_compatible",
          "uid",
          "bytes_xlated",
          "bytes_jited",
          "bytes_memlock",
          "map_ids",
          "btf_id",
        ].map((name) => [name, theirs[name]]),
      ),
    );
    assert.equal(theirs.type, "sk_msg");
    assert.equal(info.type, ProgramType.SkMsg);
    // bpftool cuts to whole seconds.
    assert.ok(Math.abs(info.loadedAt.getTime() / 1000 - Number(theirs.loaded_at)) < 2);
  });

  it("was loaded just now, by this user, with these maps", () => {
    const before = Date.now();
    using object = loaded();
    const info = object.program.info();
    // The kernel counts from boot, and /proc/uptime to 10 ms.
    assert.ok(info.loadedAt.getTime() >= before - 100 && info.loadedAt.getTime() <= Date.now() + 100);
    assert.equal(info.createdByUid, 0);
    assert.deepEqual(info.mapIds, [object.bpf.map("STATS").id]);
    assert.match(info.tag, /^[0-9a-f]{16}$/);
    assert.ok((info.memoryLocked ?? 0) > 0);
    if (!skipBelow("5.16")) assert.ok((info.verifiedInstructions ?? 0) > 0);
    assert.equal(info.insns().length, info.sizeTranslated);
  });

  it("of the same program by fd, id and pin are the same", () => {
    using object = loaded();
    const path = `${bpffs}/program`;
    object.program.pin(path);
    const { id, tag } = object.program.info();
    for (const info of [ProgramInfo.fromFd(object.program.fd), ProgramInfo.fromId(id), ProgramInfo.fromPin(path)])
      assert.deepEqual([info.id, info.tag], [id, tag]);
    object.program.unpin();
  });

  it("opens its program, of the proper class, with an fd of its own", () => {
    using object = loaded();
    const info = object.program.info();
    using opened = info.open();
    assert.ok(opened instanceof SkMsg);
    assert.notEqual(opened.fd, object.program.fd);
    assert.equal(opened.info().id, info.id);
    using fd = info.fd();
    assert.equal(ProgramInfo.fromFd(fd.fd).id, info.id);
  });

  it("of a program that is gone: ERR_NO_SUCH_ID", () => {
    const object = loaded();
    const info = object.program.info();
    object.bpf.close();
    throwsCode(() => info.open(), "ERR_NO_SUCH_ID", new RegExp(`program with id ${info.id}.*gone`));
    throwsCode(() => ProgramInfo.fromId(info.id), "ERR_NO_SUCH_ID");
    for (const id of [0, -1, 1.5, 2 ** 32]) throwsCode(() => ProgramInfo.fromId(id), "ERR_NO_SUCH_ID", /whole numbers/);
  });

  it("not GPL compatible, and without BTF", () => {
    using bpf = Ebpf.load(fixture("no-license"));
    bpf.loadAll();
    for (const program of bpf.programs.values()) assert.equal(program.info().gplCompatible, false);
    using fd = socketFilter();
    const info = ProgramInfo.fromFd(fd.fd);
    assert.equal(info.btfId, undefined);
    assert.equal(info.gplCompatible, true);
    assert.deepEqual(info.mapIds, []);
  });

  it("is JSON", () => {
    using object = loaded();
    const info = object.program.info();
    const json = isJson(info);
    assert.equal(json.loadedAt, info.loadedAt.toISOString());
    assert.equal(json.runTimeNs, String(info.runTimeNs));
    assert.deepEqual(json.mapIds, info.mapIds);
    assert.ok(!Object.values(json).includes(undefined));
  });
});

describe("MapInfo", { skip: skipWithoutRoot }, () => {
  const bpffs = ownBpffs();

  it("is what bpftool says, for each kind of map of an object", { skip: skipWithout("bpftool") }, () => {
    for (const name of ["counter", "hash-array", "globals", "sockmap-attrs"]) {
      using bpf = Ebpf.load(fixture(name));
      for (const map of bpf.maps.values()) {
        const info = map.info();
        const theirs = shown("map", "show", "id", String(info.id));
        assert.deepEqual(
          [
            info.id,
            info.name,
            info.flags,
            info.keySize,
            info.valueSize,
            info.maxEntries,
            info.memoryLocked,
            Number(info.frozen),
          ],
          ["id", "name", "flags", "bytes_key", "bytes_value", "max_entries", "bytes_memlock", "frozen"].map(
            (key) => theirs[key],
          ),
          `${name} ${map.name}`,
        );
        assert.equal(info.btfId, theirs.btf_id);
      }
    }
  });

  it("tells types by BTF, frozen, and what there is not as undefined", () => {
    using array = ArrayMap.create({ name: "plain", maxEntries: 1 });
    const info = array.info();
    assert.deepEqual(
      [info.btfId, info.keyTypeId, info.valueTypeId, info.frozen],
      [undefined, undefined, undefined, false],
    );
    assert.equal(info.type, MapType.Array);
    assert.ok((info.memoryLocked ?? 0) > 0);
    array.freeze();
    assert.equal(array.info().frozen, true);
    using bpf = Ebpf.load(fixture("hash-array"));
    const typed = bpf.map("HASH_U32").info();
    assert.ok((typed.btfId ?? 0) > 0 && (typed.keyTypeId ?? 0) > 0 && (typed.valueTypeId ?? 0) > 0);
  });

  it("of the same map by fd, id and pin are the same; opens its map", async () => {
    const path = `${bpffs}/map`;
    using map = SockMap.create({ name: "pinned", maxEntries: 2 });
    map.pin(path);
    for (const info of [MapInfo.fromFd(map.fd), MapInfo.fromId(map.id), MapInfo.fromPin(path)]) {
      assert.deepEqual([info.id, info.name, info.type], [map.id, "pinned", MapType.SockMap]);
      using opened = info.open();
      assert.ok(opened instanceof SockMap);
    }
    map.unpin();
    const { id } = map;
    map.close();
    // A pin lets go of its map a moment after it was removed.
    await waitFor("the map to go", () => ![...loadedMaps()].some((info) => info.id === id));
    throwsCode(() => MapInfo.fromId(id), "ERR_NO_SUCH_ID", /map with id/);
  });

  it("is JSON", () => {
    using map = HashMap.create({ name: "json", maxEntries: 1 });
    const json = isJson(map.info());
    assert.equal(json.name, "json");
    if (!skipBelow("5.16")) assert.equal(json.extra, "0");
  });
});

describe("what is loaded", { skip: skipWithoutRoot }, () => {
  it("is what bpftool lists", { skip: skipWithout("bpftool") }, () => {
    using _object = loaded();
    const ids = (list: unknown): number[] => (list as { id: number }[]).map(({ id }) => id); // bpftool's list
    assert.deepEqual(
      [...loadedPrograms()].map(({ id }) => id),
      ids(bpftool("prog", "show")),
    );
    assert.deepEqual(
      [...loadedMaps()].map(({ id }) => id),
      ids(bpftool("map", "show")),
    );
  });

  it("holds what this process loaded, in order of ids", () => {
    using object = loaded();
    const programs = [...loadedPrograms()];
    assert.ok(programs.some(({ id }) => id === object.program.info().id));
    const ids = programs.map(({ id }) => id);
    assert.deepEqual(
      ids,
      ids.toSorted((a, b) => a - b),
    );
    const maps = new Set([...loadedMaps()].map(({ id }) => id));
    for (const map of object.bpf.maps.values()) assert.ok(maps.has(map.id));
  });

  it("passes over what vanishes while it is listed", () => {
    const maps = Array.from({ length: 6 }, (_, index) => HashMap.create({ name: `m${index}`, maxEntries: 1 }));
    const ids = maps.map(({ id }) => id);
    const seen: number[] = [];
    for (const info of loadedMaps()) {
      seen.push(info.id);
      // Once the first of ours is there, all the others but the last go.
      if (info.id === ids[0]) for (const map of maps.slice(1, 5)) map.close();
    }
    assert.ok(seen.includes(ids[0] ?? 0) && seen.includes(ids[5] ?? 0));
    for (const gone of ids.slice(1, 5)) assert.ok(!seen.includes(gone));
    for (const map of maps) map.close();
  });
});
