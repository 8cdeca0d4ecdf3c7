import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  ArrayMap,
  BPF_ANY,
  BPF_EXIST,
  BPF_NOEXIST,
  bytes,
  type Codec,
  HashMap,
  i16,
  i32,
  type KeyedMap,
  MapFlags,
  u8,
  u32,
  u64,
} from "skmsg";
import { inVm, skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";

const numRuns = inVm ? 10 : 100;
const MAX = 8;

type Command<K, V> =
  | { readonly kind: "set"; readonly key: K; readonly value: V; readonly flags: number; readonly insert: boolean }
  | { readonly kind: "get" | "has" | "delete"; readonly key: K }
  | { readonly kind: "entries" | "clear" | "forEach" | "deleteWhileIterating" };

function commands<K, V>(key: fc.Arbitrary<K>, value: fc.Arbitrary<V>): fc.Arbitrary<Command<K, V>[]> {
  const flags = fc.constantFrom(BPF_ANY, BPF_ANY, BPF_ANY, BPF_NOEXIST, BPF_EXIST);
  const set = fc.record({ kind: fc.constant("set" as const), key, value, flags, insert: fc.boolean() });
  return fc.array(
    fc.oneof(
      { weight: 5, arbitrary: set },
      { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("get", "has", "delete"), key }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constantFrom("entries", "clear", "forEach", "deleteWhileIterating") }),
      },
    ),
    { maxLength: 60, size: "max" },
  );
}

/** What the kernel's map is held against: a JavaScript Map, whose keys are the text of the map's. */
class Model<K, V> {
  readonly entries = new Map<string, [K, V]>();

  /** The code with which a write must be refused. */
  refusal(key: K, flags: number): string | undefined {
    const present = this.entries.has(String(key));
    if (present) return flags === BPF_NOEXIST ? "ERR_KEY_EXISTS" : undefined;
    if (flags === BPF_EXIST) return "ERR_NO_SUCH_KEY";
    return this.entries.size >= MAX ? "ERR_MAP_FULL" : undefined;
  }

  /** In an order that does not depend on the kernel's. */
  sorted(entries: Iterable<[K, V]> = this.entries.values()): [K, V][] {
    return [...entries].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  }
}

/** Runs a command on both, and compares what they answer. */
function step<K, V>(map: HashMap<K, V>, model: Model<K, V>, command: Command<K, V>): void {
  switch (command.kind) {
    case "set": {
      const { key, value, flags, insert } = command;
      const refusal = model.refusal(key, flags);
      const write = (): unknown => (insert ? map.insert(key, value, flags) : map.set(key, value, flags));
      if (refusal === undefined) {
        assert.equal(write(), insert ? undefined : map);
        model.entries.set(String(key), [key, value]);
      } else throwsCode(write, refusal);
      break;
    }
    case "get":
      assert.deepEqual(map.get(command.key), model.entries.get(String(command.key))?.[1]);
      break;
    case "has":
      assert.equal(map.has(command.key), model.entries.has(String(command.key)));
      break;
    case "delete":
      assert.equal(map.delete(command.key), model.entries.delete(String(command.key)));
      break;
    case "clear":
      map.clear();
      model.entries.clear();
      break;
    case "entries":
      compare(map, model);
      break;
    case "forEach": {
      const seen: [K, V][] = [];
      map.forEach((value, key, self) => {
        assert.equal(self, map);
        seen.push([key, value]);
      });
      assert.deepEqual(model.sorted(seen), model.sorted());
      break;
    }
    case "deleteWhileIterating": {
      const seen: [K, V][] = [];
      for (const [key, value] of map) {
        seen.push([key, value]);
        assert.equal(map.delete(key), true);
      }
      assert.deepEqual(model.sorted(seen), model.sorted());
      model.entries.clear();
    }
  }
}

function compare<K, V>(map: KeyedMap<K, V>, model: Model<K, V>): void {
  assert.deepEqual(model.sorted(map), model.sorted());
  assert.deepEqual([...map.keys()].map(String).sort(), [...model.entries.keys()].sort());
  assert.equal([...map.values()].length, model.entries.size);
}

function checkHash<K, V>(
  key: Codec<K>,
  value: Codec<V>,
  keys: fc.Arbitrary<K>,
  values: fc.Arbitrary<V>,
  flags: number,
): void {
  fc.assert(
    fc.property(commands(keys, values), (list) => {
      using map = HashMap.create({ name: "model", key, value, maxEntries: MAX, flags });
      const model = new Model<K, V>();
      for (const command of list) step(map, model, command);
      compare(map, model);
    }),
    { numRuns },
  );
}

describe("a HashMap does what a JavaScript Map does", { skip: skipWithoutRoot }, () => {
  for (const flags of [0, MapFlags.NoPrealloc]) {
    const how = flags === 0 ? "preallocated" : "not preallocated";
    it(`u32 to u64, ${how}`, () => checkHash(u32, u64, fc.nat(11), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), flags));

    it(`i32 to i16, ${how}`, () =>
      checkHash(
        i32,
        i16,
        fc.constantFrom(-(2 ** 31), -2, -1, 0, 1, 2, 3, 4, 5, 6, 2 ** 31 - 1),
        fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
        flags,
      ));

    it(`3 bytes to 13 bytes, ${how}`, () =>
      checkHash(
        bytes(3),
        bytes(13),
        fc.nat(11).map((n) => Uint8Array.of(n, 0, 255 - n)),
        fc.uint8Array({ minLength: 13, maxLength: 13 }),
        flags,
      ));

    it(`u8 to u8, ${how}`, () => checkHash(u8, u8, fc.nat(10), fc.nat(255), flags));
  }
});

describe("an ArrayMap does what an array of fixed length does", { skip: skipWithoutRoot }, () => {
  it("u64 values", () => {
    fc.assert(
      fc.property(commands(fc.nat(MAX + 2), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), (list) => {
        using map = ArrayMap.create({ name: "model", value: u64, maxEntries: MAX });
        const model = Array.from({ length: MAX }, () => 0n);
        const entries = (): [number, bigint][] => [...model.entries()];
        for (const command of list) {
          switch (command.kind) {
            case "set": {
              const { key, value, flags } = command;
              const write = (): unknown => map.set(key, value, flags);
              if (key >= MAX) throwsCode(write, "ERR_INDEX_OUT_OF_BOUNDS", /The indexes are 0 to 7/);
              else if (flags === BPF_NOEXIST) throwsCode(write, "ERR_KEY_EXISTS");
              else {
                write();
                model[key] = value;
              }
              break;
            }
            case "get":
              assert.equal(map.get(command.key), model[command.key]);
              break;
            case "has":
              assert.equal(map.has(command.key), command.key < MAX);
              break;
            case "delete":
              throwsCode(() => map.delete(command.key), "ERR_NOT_SUPPORTED", /cannot be deleted/);
              break;
            case "clear":
            case "deleteWhileIterating":
              throwsCode(() => map.clear(), "ERR_NOT_SUPPORTED");
              break;
            default:
              assert.deepEqual([...map.entries()], entries());
          }
        }
        assert.deepEqual([...map], entries());
        assert.deepEqual([...map.keys()], [...model.keys()]);
        assert.deepEqual([...map.values()], model);
      }),
      { numRuns },
    );
  });
});
