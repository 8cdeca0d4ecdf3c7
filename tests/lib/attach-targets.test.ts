import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { describe, it } from "node:test";
import { ArrayMap, AttachType, Ebpf, HashMap, loadedLinks, SkMsg, SockHash, SockMap, SyscallError } from "skmsg";
import { progAttach } from "skmsg/syscalls";
import { assertAttached, Counter, NONE, ONLY_A, ONLY_B } from "../support/counter.ts";
import { kernel, skipWithoutRoot as skip, skipBelow } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { fixture } from "../support/fixtures.ts";
import { MODES, meaning, skipMode } from "../support/modes.ts";
import { tcpPair } from "../support/sockets.ts";

for (const mode of MODES)
  describe(`attach, mode ${mode}`, { skip: skipMode(mode) }, () => {
    for (const kind of ["hash", "map"] as const)
      for (const by of ["object", "fd"] as const)
        it(`to a ${kind === "hash" ? "SockHash" : "SockMap"} given by its ${by}, and detach`, async () => {
          using counter = new Counter();
          const { a, [kind]: map } = counter;
          assert.deepEqual(await counter.seenOn(map), NONE);
          const id = a.attach(by === "fd" ? map.fd : map, { mode });
          assert.deepEqual(a.links, [id]);
          assertAttached(map, a);
          assert.deepEqual(await counter.seenOn(map), ONLY_A);
          a.detach(id);
          assert.deepEqual(a.links, []);
          assertAttached(map);
          assert.deepEqual(await counter.seenOn(map), NONE);
        });

    it("is a bpf link or a plain attach, as the mode says", () => {
      using counter = new Counter();
      const links = (): number => [...loadedLinks()].filter(({ mapId }) => mapId === counter.map.id).length;
      const id = counter.a.attach(counter.map, { mode });
      const isLink = meaning(mode) === "link";
      assert.equal(links(), isLink ? 1 : 0);
      using link = counter.a.takeLink(id);
      assert.equal(link.id !== undefined, isLink);
    });

    it("two programs on two maps: each sees its own, and detaching takes only the right one", async () => {
      using counter = new Counter();
      const { a, b, hash, map } = counter;
      const first = a.attach(hash, { mode });
      const second = b.attach(map, { mode });
      assert.deepEqual([await counter.seenOn(hash), await counter.seenOn(map)], [ONLY_A, ONLY_B]);
      a.detach(first);
      assertAttached(hash);
      assertAttached(map, b);
      assert.deepEqual([await counter.seenOn(hash), await counter.seenOn(map)], [NONE, ONLY_B]);
      throwsCode(() => a.detach(second), "ERR_NO_SUCH_LINK", /another program gave this id/);
      assertAttached(map, b);
      b.detach(second);
      assert.deepEqual([await counter.seenOn(hash), await counter.seenOn(map)], [NONE, NONE]);
    });

    it("one program on two maps: detaching one leaves the other", async () => {
      using counter = new Counter();
      const { a, hash, map } = counter;
      const [first, second] = [a.attach(hash, { mode }), a.attach(map, { mode })];
      assert.deepEqual(a.links, [first, second]);
      a.detach(first);
      assert.deepEqual(a.links, [second]);
      assertAttached(hash);
      assertAttached(map, a);
      assert.deepEqual([await counter.seenOn(hash), await counter.seenOn(map)], [NONE, ONLY_A]);
      throwsCode(() => a.detach(first), "ERR_NO_SUCH_LINK", /detached or taken already/);
      const again = a.attach(hash, { mode });
      assert.notEqual(again, first);
      assert.deepEqual(await counter.seenOn(hash), ONLY_A);
    });

    it("a program is bound to a socket when that is inserted, and stays until the entry is deleted", async () => {
      using counter = new Counter();
      const { a, hash } = counter;
      await using early = await tcpPair();
      hash.insert(1, early.client);
      const id = a.attach(hash, { mode });
      assert.deepEqual(await counter.seenOf(early), NONE);
      hash.insert(1, early.client);
      assert.deepEqual(await counter.seenOf(early), ONLY_A);
      a.detach(id);
      assert.deepEqual(await counter.seenOf(early), ONLY_A);
      assert.equal(hash.delete(1), true);
      assert.deepEqual(await counter.seenOf(early), NONE);
    });

    it("unload() and close() detach what they track", async () => {
      using counter = new Counter();
      const { a, b, hash, map } = counter;
      a.attach(hash, { mode });
      a.attach(map, { mode });
      a.unload();
      assert.deepEqual(a.links, []);
      assertAttached(hash);
      assertAttached(map);
      b.attach(hash, { mode });
      b.close();
      assertAttached(hash);
      assert.deepEqual([await counter.seenOn(hash), await counter.seenOn(map)], [NONE, NONE]);
    });
  });

// Earlier kernels do not tell that it was displaced.
it("a program that another one displaced can be attached again", { skip: skipBelow("5.18") }, async () => {
  using counter = new Counter();
  const { a, b, hash } = counter;
  const first = a.attach(hash, { mode: "prog" });
  const second = b.attach(hash, { mode: "prog" });
  const third = a.attach(hash, { mode: "prog" });
  assert.deepEqual(a.links, [third]);
  throwsCode(() => a.detach(first), "ERR_NO_SUCH_LINK", /tracks no such link/);
  throwsCode(() => b.detach(second), "ERR_NO_SUCH_LINK", /another one has taken its place/);
  assertAttached(hash, a);
  assert.deepEqual(await counter.seenOn(hash), ONLY_A);
});

describe("what cannot be attached to", { skip }, () => {
  const path = fixture("sockmap-array");

  it("an array or a hash, by its object or its fd, says what it is", () => {
    using bpf = Ebpf.load(path);
    const program = bpf.program("pass", SkMsg);
    program.load();
    for (const [map, type] of [
      [bpf.map("AN_ARRAY", ArrayMap), "Array"],
      [bpf.map("A_HASH", HashMap), "Hash"],
    ] as const) {
      const says = new RegExp(
        `^Cannot attach "pass" to "${map.name}": it is a ${type} map, and .* SockMap or a SockHash`,
      );
      for (const mode of MODES) {
        // What a user of plain JavaScript may write.
        const wrong = map as unknown as SockMap;
        throwsCode(() => program.attach(wrong, { mode }), "ERR_UNEXPECTED_MAP_TYPE", says);
        throwsCode(() => program.attach(map.fd, { mode }), "ERR_UNEXPECTED_MAP_TYPE", says);
      }
      // It was not asked, but this is what the kernel says.
      assert.throws(
        () => progAttach({ attach_bpf_fd: program.fd, target_fd: map.fd, attach_type: AttachType.SkMsgVerdict }),
        (error) => error instanceof SyscallError && error.errnoName === "EOPNOTSUPP",
      );
    }
    assert.deepEqual(program.links, []);
    program.attach(bpf.map("A_SOCKMAP", SockMap));
  });

  it("an fd that is no map, or not open, and what is no map at all", () => {
    using counter = new Counter();
    const { a } = counter;
    const file = openSync(path, "r");
    closeSync(file);
    const closed = file;
    const code = "ERR_UNEXPECTED_MAP_TYPE";
    throwsCode(() => a.attach(closed), code, /^Cannot attach "count_a" to fd \d+: .*The file descriptor is not open/);
    throwsCode(() => a.attach(-1), code, /to fd -1: .*The file descriptor is not open/);
    throwsCode(() => a.attach(counter.b.fd), code, /it is no map but a program/);
    const other = openSync(path, "r");
    throwsCode(() => a.attach(other), code, /it is no map but something else/);
    closeSync(other);
    for (const wrong of [undefined, null, {}, "SOCKS", 1n]) {
      // What a user of plain JavaScript may write.
      const target = wrong as unknown as SockMap;
      throwsCode(() => a.attach(target), code, /a SockMap, a SockHash or the fd of one is wanted/);
    }
    assert.deepEqual(a.links, []);
  });

  it("a map that is closed", () => {
    using counter = new Counter();
    const closed = SockHash.create({ maxEntries: 1 });
    closed.close();
    throwsCode(() => counter.a.attach(closed), "ERR_CLOSED");
  });
});

it("only a loaded program is attached", { skip }, () => {
  using bpf = Ebpf.load(fixture("counter"));
  using map = SockMap.create({ maxEntries: 1 });
  const program = bpf.program("count_a", SkMsg);
  throwsCode(() => program.attach(map), "ERR_NOT_LOADED", /Call load\(\) first/);
  program.load();
  program.close();
  throwsCode(() => program.attach(map), "ERR_CLOSED");
});

it("a mode that there is none of", { skip }, () => {
  using counter = new Counter();
  // What a user of plain JavaScript may write.
  const mode = "replace" as "prog";
  throwsCode(
    () => counter.a.attach(counter.map, { mode }),
    "ERR_INVALID_OPTION",
    /"auto", "link" or "prog", not "replace"/,
  );
  assertAttached(counter.map);
});

const tooNew = kernel >= 610 && "needs a kernel before 6.10";
it("mode link on a kernel that has no links of sockmaps says so", { skip: skip || tooNew }, () => {
  using counter = new Counter();
  const says = /by a link: the kernel has bpf links for sockmaps since 6\.10, and this is .*Use mode "prog" or "auto"/;
  throwsCode(() => counter.a.attach(counter.map, { mode: "link" }), "ERR_NOT_SUPPORTED", says);
  assert.deepEqual(counter.a.links, []);
});
