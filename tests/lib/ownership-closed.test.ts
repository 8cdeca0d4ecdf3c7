import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { ArrayMap, BpfMap, Ebpf, HashMap, LinkType, PinnedLink, SkMsg, SockHash, SockMap } from "skmsg";
import { ownBpffs, skipBelow, skipWithoutRoot } from "../support/environment.ts";
import { rejectsCode, throwsCode } from "../support/errors.ts";
import { fixture } from "../support/fixtures.ts";
import { leavesNothing } from "../support/leaks.ts";

const skip = skipWithoutRoot;
const bpffs = ownBpffs();
const pin = (name: string): string => join(bpffs, name);

/** Every method and getter of an object's classes, so that a table that misses one is seen. */
function members(object: object): string[] {
  const names = new Set<string>();
  for (
    let prototype: unknown = Object.getPrototypeOf(object);
    typeof prototype === "object" && prototype !== null && prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype)
  )
    for (const name of Object.getOwnPropertyNames(prototype)) names.add(name);
  names.delete("constructor");
  return [...names].sort();
}

interface Closed {
  /** What is refused with `ERR_CLOSED`. */
  readonly refused: Readonly<Record<string, () => unknown>>;
  /** What tells something that needs no kernel, has no effect any more, or is not for users (protected). */
  readonly harmless: readonly string[];
}

function everyMemberIsRefused(object: object, { refused, harmless }: Closed): void {
  assert.deepEqual([...Object.keys(refused), ...harmless].sort(), members(object), "the table has every member");
  for (const [name, use] of Object.entries(refused)) {
    // Which of them are missing is easier to see all at once.
    assert.doesNotThrow(() => throwsCode(use, "ERR_CLOSED", /closed|given away/), `${object.constructor.name}.${name}`);
  }
}

test("a closed program", { skip }, async () => {
  await leavesNothing(async () => {
    using bpf = Ebpf.load(fixture("pass"));
    const program = bpf.program("pass", SkMsg);
    const sockets = bpf.map("MAP", SockMap);
    program.load();
    program.pin(pin("program"));
    const id = program.attach(sockets);
    program.close();
    program.close();
    program[Symbol.dispose]();
    assert.equal(program.isLoaded, false);
    assert.deepEqual(program.links, []);
    assert.equal(program.verifierLog, "");
    assert.match(inspect(program), /^SkMsg \{ name: 'pass', not loaded, links: 0 \}$/);
    everyMemberIsRefused(program, {
      refused: {
        fd: () => program.fd,
        load: () => program.load(),
        unload: () => program.unload(),
        pin: () => program.pin(pin("again")),
        unpin: () => program.unpin(),
        info: () => program.info(),
        testRun: () => program.testRun(),
        attach: () => program.attach(sockets),
        detach: () => program.detach(id),
        takeLink: () => program.takeLink(id),
      },
      harmless: [
        ...["close", "isLoaded", "links", "verifierLog", "loadAsync"],
        ...["checkOpen", "describe", "detachAll", "inspectFields"],
      ],
    });
    await rejectsCode(program.loadAsync(), "ERR_CLOSED");
    // The pin outlives the object, and another one removes it.
    using again = SkMsg.fromPin(pin("program"));
    again.unpin();
  });
});

test("a program that was never loaded can be closed, and is closed then", { skip }, async () => {
  await leavesNothing(() => {
    using bpf = Ebpf.load(fixture("pass"));
    const program = bpf.program("pass");
    throwsCode(() => program.fd, "ERR_NOT_LOADED");
    program.close();
    throwsCode(() => program.load(), "ERR_CLOSED");
    program.unpin();
  });
});

test("a program closed while it is being loaded", { skip }, async () => {
  await leavesNothing(async () => {
    using bpf = Ebpf.load(fixture("pass"));
    const program = bpf.program("pass");
    const loading = program.loadAsync();
    throwsCode(() => program.load(), "ERR_ALREADY_LOADED", /being loaded/);
    program.close();
    await rejectsCode(loading, "ERR_CLOSED");
    assert.equal(program.isLoaded, false);
  });
});

for (const [name, make] of Object.entries({
  SockHash: () => SockHash.create({ maxEntries: 4 }),
  SockMap: () => SockMap.create({ maxEntries: 4 }),
  HashMap: () => HashMap.create({ maxEntries: 4 }),
  ArrayMap: () => ArrayMap.create({ maxEntries: 4 }),
}))
  test(`a closed ${name}`, { skip }, async () => {
    await leavesNothing(() => {
      const map: SockHash | SockMap | HashMap | ArrayMap = make();
      map.pin(pin("map"));
      const walk = map.keys();
      map.close();
      map.close();
      map[Symbol.dispose]();
      assert.equal(map.closed, true);
      assert.match(inspect(map), new RegExp(`^${name} \\{ name: '', id: ${map.id}, .*maxEntries: 4, closed \\}$`));
      // One signature for the four of them; the value is refused after the map is, or would be.
      const set = (method: "set" | "insert"): unknown => Reflect.apply(map[method], map, [1, 1, 0]);
      everyMemberIsRefused(map, {
        refused: {
          fd: () => map.fd,
          info: () => map.info(),
          pin: () => map.pin(pin("again")),
          unpin: () => map.unpin(),
          freeze: () => map.freeze(),
          get: () => map.get(1),
          has: () => map.has(1),
          set: () => set("set"),
          insert: () => set("insert"),
          delete: () => map.delete(1),
          keys: () => [...map.keys()],
          values: () => [...map.values()],
          entries: () => [...map.entries()],
          forEach: () => map.forEach(() => {}),
          clear: () => map.clear(),
        },
        harmless: [
          ...["close", "closed"],
          ...["closedError", "deleteWritten", "describe", "elements", "failure", "readValue", "reasons", "writeValue"],
        ],
      });
      throwsCode(() => [...map], "ERR_CLOSED");
      throwsCode(() => walk.next(), "ERR_CLOSED");
      using again = BpfMap.fromPin(pin("map"));
      again.unpin();
    });
  });

test("a map closed in the middle of a walk", { skip }, async () => {
  await leavesNothing(() => {
    const map = HashMap.create<number, number>({ maxEntries: 4 });
    for (const key of [1, 2, 3]) map.set(key, key);
    throwsCode(() => {
      for (const _ of map) map.close();
    }, "ERR_CLOSED");
  });
});

test("a link that was detached", { skip }, async () => {
  await leavesNothing(() => {
    using bpf = Ebpf.load(fixture("pass"));
    const program = bpf.program("pass", SkMsg);
    program.load();
    for (const end of ["detach", "dispose"] as const) {
      const link = program.takeLink(program.attach(bpf.map("MAP", SockMap)));
      if (end === "detach") link.detach();
      else link[Symbol.dispose]();
      link[Symbol.dispose]();
      assert.equal(inspect(link), "SkMsgLink { detached }");
      everyMemberIsRefused(link, {
        refused: {
          id: () => link.id,
          info: () => link.info(),
          update: () => link.update(program),
          detach: () => link.detach(),
          pin: () => link.pin(pin("link")),
        },
        harmless: [],
      });
    }
  });
});

test("a pinned link that was closed, and one that was given away", { skip: skipBelow("6.10") }, async () => {
  await leavesNothing(() => {
    using bpf = Ebpf.load(fixture("pass"));
    const program = bpf.program("pass", SkMsg);
    program.load();
    const link = program.takeLink(program.attach(bpf.map("MAP", SockMap)));
    const closed = link.pin(pin("link"));
    throwsCode(() => link.info(), "ERR_CLOSED");
    closed.close();
    closed.close();
    closed[Symbol.dispose]();
    const given = PinnedLink.fromPin(pin("link"));
    const free = given.unpin();
    for (const one of [closed, given]) {
      assert.equal(one.closed, true);
      assert.equal(inspect(one), "PinnedLink { closed }");
      everyMemberIsRefused(one, {
        refused: {
          fd: () => one.fd,
          id: () => one.id,
          info: () => one.info(),
          update: () => one.update(program),
          detach: () => one.detach(),
          unpin: () => one.unpin(),
          takeFd: () => one.takeFd(),
        },
        harmless: ["close", "closed", "owned"],
      });
    }
    assert.equal(free.info().type, LinkType.SockMap);
    free.detach();
  });
});

test("a closed object", { skip }, async () => {
  await leavesNothing(() => {
    const bpf = Ebpf.load(fixture("hash-array"));
    const program = bpf.program("touch");
    const map = bpf.map("HASH_U32");
    const typed = bpf.map("HASH_U32", HashMap, {});
    bpf.loadAll();
    bpf.close();
    bpf.close();
    bpf[Symbol.dispose]();
    everyMemberIsRefused(bpf, {
      refused: { program: () => bpf.program("touch"), map: () => bpf.map("HASH_U32"), loadAll: () => bpf.loadAll() },
      harmless: ["close"],
    });
    throwsCode(() => program.fd, "ERR_CLOSED");
    for (const one of [map, typed, ...bpf.maps.values()]) assert.equal(one.closed, true);
  });
});

test("closing an object leaves the maps that were given to it", { skip }, async () => {
  await leavesNothing(() => {
    using given = SockMap.create({ maxEntries: 16 });
    Ebpf.load(fixture("pass"), { maps: { MAP: given } }).close();
    assert.equal(given.info().id, given.id);
  });
});

test("closing an object goes on where one program cannot detach", { skip }, async () => {
  await leavesNothing(() => {
    using other = Ebpf.load(fixture("pass"));
    other.loadAll();
    const bpf = Ebpf.load(fixture("counter"));
    bpf.loadAll();
    const sockets = bpf.map("SOCKS", SockHash);
    bpf.program("count_a", SkMsg).attach(sockets, { mode: "prog" });
    // A plain attach gives way to the next one.
    using thief = other.program("pass", SkMsg);
    const id = thief.attach(sockets, { mode: "prog" });
    throwsCode(() => bpf.close(), "ERR_NO_SUCH_LINK", /another one has taken its place/);
    assert.equal(sockets.closed, true);
    assert.equal(bpf.programs.get("count_b")?.isLoaded, false);
    thief.detach(id);
  });
});

test("`using` closes at the end of the block, also after an error", { skip }, async () => {
  await leavesNothing(() => {
    let program: SkMsg | undefined;
    let map: SockMap | undefined;
    assert.throws(() => {
      using bpf = Ebpf.load(fixture("pass"));
      program = bpf.program("pass", SkMsg);
      map = bpf.map("MAP", SockMap);
      program.load();
      program.attach(map);
      throw new Error("on the way");
    }, /on the way/);
    assert.equal(program?.isLoaded, false);
    assert.equal(map?.closed, true);
    assert.ok(!readdirSync(bpffs).some((name) => !name.includes(".")));
  });
});
