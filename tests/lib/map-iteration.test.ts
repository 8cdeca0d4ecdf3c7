import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HashMap, u32, u64 } from "skmsg";
import { skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";

const filled = (keys: readonly number[]): HashMap<number, bigint> => {
  const map = HashMap.create({ name: "filled", key: u32, value: u64, maxEntries: 16 });
  for (const key of keys) map.set(key, BigInt(key) * 10n);
  return map;
};

const byNumber = (a: number, b: number): number => a - b;

describe("iteration", { skip: skipWithoutRoot }, () => {
  const keys = [1, 2, 3, 4, 5, 6, 7];

  it("entries, keys, values, forEach and the map itself agree", () => {
    using map = filled(keys);
    const entries = [...map].sort(([a], [b]) => a - b);
    assert.deepEqual(
      entries,
      keys.map((key) => [key, BigInt(key) * 10n]),
    );
    assert.deepEqual([...map.keys()].sort(byNumber), keys);
    assert.deepEqual(
      [...map.values()].map(Number).sort(byNumber),
      keys.map((key) => key * 10),
    );
    const seen: number[] = [];
    map.forEach((value, key, self) => {
      assert.equal(value, BigInt(key) * 10n);
      assert.equal(self, map);
      seen.push(key);
    });
    assert.deepEqual(seen.sort(byNumber), keys);
    assert.deepEqual(new Map(map), new Map(entries));
  });

  it("of an empty map gives nothing", () => {
    using map = filled([]);
    assert.deepEqual([...map, ...map.keys(), ...map.values()], []);
    map.clear();
  });

  for (const walk of ["keys", "entries"] as const)
    it(`${walk}: the current key may be deleted`, () => {
      using map = filled(keys);
      const seen: number[] = [];
      for (const item of map[walk]()) {
        const key = typeof item === "number" ? item : item[0];
        seen.push(key);
        assert.equal(map.delete(key), true);
      }
      assert.deepEqual(seen.sort(byNumber), keys);
      assert.deepEqual([...map], []);
    });

  it("the current value may be set, and other operations made in between", () => {
    using map = filled(keys);
    for (const [key, value] of map) {
      map.set(key, value + 1n);
      assert.equal(map.get((key % 7) + 1) === undefined, false);
      assert.equal(map.has(99), false);
    }
    assert.deepEqual(
      [...map.values()].map(Number).sort(byNumber),
      keys.map((key) => key * 10 + 1),
    );
  });

  it("two at once do not disturb each other", () => {
    using map = filled(keys);
    let pairs = 0;
    const outer: number[] = [];
    for (const a of map.keys()) {
      outer.push(a);
      for (const b of map.keys()) if (a !== b) pairs++;
    }
    assert.equal(pairs, 42);
    assert.deepEqual(outer.sort(byNumber), keys);
  });

  it("others may delete and add meanwhile: it ends, and gives only what is there", () => {
    using map = filled(keys);
    const seen: number[] = [];
    for (const [key, value] of map) {
      seen.push(key);
      assert.equal(value, BigInt(key) * 10n);
      // All but this one go, the next of the walk among them, and new ones come.
      if (seen.length === 1) {
        for (const other of keys) if (other !== key) map.delete(other);
        map.set(100, 1000n).set(101, 1010n);
      }
    }
    assert.ok(seen.length <= map.maxEntries);
    for (const key of seen) assert.ok(key === seen[0] || key >= 100, String(key));
  });

  it("the map may be closed meanwhile: ERR_CLOSED", () => {
    const map = filled(keys);
    const walk = map.keys();
    walk.next();
    map.close();
    throwsCode(() => walk.next(), "ERR_CLOSED");
    throwsCode(() => [...map], "ERR_CLOSED");
  });

  it("may be left early", () => {
    using map = filled(keys);
    for (const _ of map) break;
    assert.equal(map.get(3), 30n);
  });

  it("clear empties", () => {
    using map = filled(keys);
    map.clear();
    assert.deepEqual([...map], []);
    map.set(1, 1n);
    assert.equal(map.has(1), true);
  });
});
