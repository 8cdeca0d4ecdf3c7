import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  BpfMap,
  Ebpf,
  HashMap,
  LinkInfo,
  listPins,
  MapInfo,
  mountBpffs,
  openPinned,
  PinError,
  PinnedLink,
  Program,
  ProgramInfo,
  SkMsg,
  SockHash,
} from "skmsg";
import { ownBpffs, skipBelow, skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { fixture } from "../support/fixtures.ts";
import { leavesNothing } from "../support/leaks.ts";

const skip = skipWithoutRoot;
const bpffs = ownBpffs();
const inside = (...names: string[]): string => join(bpffs, ...names);
const plain = mkdtempSync(join(tmpdir(), "skmsg-plain-"));
const file = join(plain, "file");
writeFileSync(file, "text");
after(() => rmSync(plain, { recursive: true }));

let bpf: Ebpf;
let program: SkMsg;
let map: HashMap;

before(() => {
  if (skip) return;
  bpf = Ebpf.load(fixture("types"));
  program = bpf.program("message", SkMsg);
  program.load();
  bpf.program("sock_ops").load();
  map = HashMap.create({ maxEntries: 1 });
  program.pin(inside("program"));
  bpf.program("sock_ops").pin(inside("sockops"));
  map.pin(inside("map"));
  mkdirSync(inside("folder"));
});

// What is pinned goes with the file system.
after(() => {
  if (skip) return;
  map.close();
  bpf.close();
});

/** Everything that the two folders hold, and what the file says. */
function state(): unknown {
  return [readdirSync(bpffs, { recursive: true }), readdirSync(plain), readFileSync(file, "utf8")];
}

/** Not a string, as JavaScript may have it. */
const untyped = (value: unknown): string => value as string;

const ANY_PATH: readonly (readonly [string, string, string, RegExp])[] = [
  ["an empty path", "", "ERR_INVALID_PATH", /^A pin's path is empty\.$/],
  ["NUL in the path", inside("a\0b"), "ERR_INVALID_PATH", /NUL character/],
  ["a number", untyped(42), "ERR_INVALID_PATH", /is a string, and got a number/],
  ["null", untyped(null), "ERR_INVALID_PATH", /is a string, and got a/],
  ["a name of 256 bytes", inside("x".repeat(256)), "ERR_INVALID_PATH", /ENAMETOOLONG/],
];

const TAKEN = "ERR_PIN_EXISTS";
const PIN_AT: readonly (readonly [string, string, string, RegExp])[] = [
  ...ANY_PATH,
  [
    "another file system",
    join(plain, "x"),
    "ERR_NOT_BPFFS",
    /skmsg-plain-\w+ is not on a BPF file system.*mount -t bpf/,
  ],
  ["the working folder", "x", "ERR_NOT_BPFFS", /^Cannot pin .* at "x": \. is not on a BPF/],
  ["a path that a program has", inside("program"), TAKEN, /EEXIST.*has that name already/],
  ["a path that a map has", inside("map"), TAKEN, /EEXIST/],
  ["a path that a folder has", inside("folder"), TAKEN, /EEXIST/],
  ["a missing folder", inside("none", "x"), "ERR_PIN_NO_FOLDER", /none does not exist.*mkdir/],
  ["a folder below a pin", inside("map", "x"), "ERR_PIN_NO_FOLDER", /map is no folder/],
  ["a folder below that", inside("map", "x", "y"), "ERR_PIN_NO_FOLDER", /does not exist/],
  ["a dot in the name", inside("a.b"), "ERR_PIN_NAME", /no dot in a name.*Use _ instead/],
  ["a dot at the start", inside(".a"), "ERR_PIN_NAME", /no dot/],
  ["a folder's parent", `${inside("folder")}/..`, "ERR_PIN_NAME", /no dot/],
];

for (const [what, path, code, message] of PIN_AT)
  test(`pin to ${what}: ${code}`, { skip }, () =>
    leavesNothing(() => {
      const before = state();
      for (const one of [program, map]) {
        const error = throwsCode(() => one.pin(path), code, message);
        assert.ok(error instanceof PinError);
      }
      assert.deepEqual(state(), before);
    }),
  );

test("a link that cannot be pinned holds on", { skip: skipBelow("6.10") }, () =>
  leavesNothing(() => {
    const sockets = bpf.map("HASH", SockHash);
    const link = program.takeLink(program.attach(sockets));
    for (const [, path, code, message] of PIN_AT) throwsCode(() => link.pin(path), code, message);
    assert.equal(link.info().mapId, sockets.id);
    link.detach();
  }),
);

const OPEN: readonly (readonly [string, string, string, RegExp])[] = [
  ...ANY_PATH,
  ["nothing", inside("none"), "ERR_NO_SUCH_PIN", /nothing is there\. listPins\(\)/],
  ["nothing in a missing folder", inside("none", "x"), "ERR_NO_SUCH_PIN", /nothing is there/],
  ["nothing below a pin", inside("map", "x"), "ERR_NO_SUCH_PIN", /nothing is there/],
  ["a folder", inside("folder"), "ERR_NO_SUCH_PIN", /is a folder\. listPins\(\)/],
  ["the file system itself", bpffs, "ERR_NO_SUCH_PIN", /is a folder/],
  ["a plain file", file, "ERR_NOT_BPFFS", /not on a BPF file system, so it is no pin/],
  ["a plain folder", plain, "ERR_NOT_BPFFS", /not on a BPF file system/],
];

const OPENERS: readonly (readonly [string, (path: string) => unknown])[] = [
  ["SkMsg.fromPin", (path) => SkMsg.fromPin(path)],
  ["Program.fromPin", (path) => Program.fromPin(path)],
  ["BpfMap.fromPin", (path) => BpfMap.fromPin(path)],
  ["PinnedLink.fromPin", (path) => PinnedLink.fromPin(path)],
  ["openPinned", openPinned],
  ["ProgramInfo.fromPin", (path) => ProgramInfo.fromPin(path)],
  ["MapInfo.fromPin", (path) => MapInfo.fromPin(path)],
  ["LinkInfo.fromPin", (path) => LinkInfo.fromPin(path)],
];

for (const [name, open] of OPENERS)
  test(`${name} of what is no pin`, { skip }, () =>
    leavesNothing(() => {
      const before = state();
      for (const [, path, code, message] of OPEN) {
        const error = throwsCode(() => open(path), code, message);
        assert.ok(error instanceof PinError);
      }
      assert.deepEqual(state(), before);
    }),
  );

test("a symbolic link that leads to itself, and one to a pin", { skip }, () =>
  leavesNothing(() => {
    const loop = inside("loop");
    symlinkSync(loop, loop);
    throwsCode(() => openPinned(loop), "ERR_INVALID_PATH", /ELOOP/);
    throwsCode(() => map.pin(join(loop, "x")), "ERR_INVALID_PATH", /ELOOP/);
    rmSync(loop);
    const alias = inside("alias");
    symlinkSync(inside("map"), alias);
    using found = HashMap.fromPin(alias);
    assert.equal(found.id, map.id);
    rmSync(alias);
  }),
);

test("listPins of what is no folder of pins", { skip }, () => {
  for (const [, path, code, message] of ANY_PATH) throwsCode(() => [...listPins(path)], code, message);
  throwsCode(() => [...listPins(inside("none"))], "ERR_NO_SUCH_PIN", /the folder does not exist/);
  throwsCode(() => [...listPins(plain)], "ERR_NOT_BPFFS", /mount -t bpf/);
  throwsCode(() => [...listPins(file)], "ERR_NOT_BPFFS");
  throwsCode(() => [...listPins(inside("map"))], "ERR_NO_SUCH_PIN", /no folder/);
  assert.deepEqual([...listPins(inside("folder"))], []);
});

test("mountBpffs on what is no folder", { skip }, () => {
  const before = readFileSync("/proc/self/mounts", "utf8");
  for (const [, path, code, message] of ANY_PATH) throwsCode(() => mountBpffs(path), code, message);
  throwsCode(() => mountBpffs(join(plain, "none")), "ERR_PIN_NO_FOLDER", /ENOENT to mount\. .*mkdir/);
  throwsCode(() => mountBpffs(file), "ERR_PIN_NO_FOLDER", /ENOTDIR to mount\. It is no folder/);
  assert.equal(readFileSync("/proc/self/mounts", "utf8"), before);
});

test("unpin leaves what is somebody else's by now", { skip }, () =>
  leavesNothing(() => {
    const path = inside("passing");
    using first = HashMap.create({ maxEntries: 1 });
    using second = HashMap.create({ maxEntries: 1 });
    // Without a pin it has no effect.
    first.unpin();
    first.pin(path);
    rmSync(path);
    first.unpin();
    first.pin(path);
    rmSync(path);
    for (const other of [second, program]) {
      other.pin(path);
      first.unpin();
      assert.ok(readdirSync(bpffs).includes("passing"));
      // Forgotten now.
      first.unpin();
      assert.ok(readdirSync(bpffs).includes("passing"));
      rmSync(path);
      first.pin(path);
      rmSync(path);
    }
  }),
);
