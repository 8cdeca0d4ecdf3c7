import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isBpffs, MapType, mapCreate, mountBpffs, objPin, unmountBpffs, walkBpffs } from "skmsg/syscalls";
import { ownBpffs, skipWithoutRoot } from "../support/environment.ts";

describe("bpffs", { skip: skipWithoutRoot }, () => {
  const [sorted, changing] = [ownBpffs(), ownBpffs()];

  it("mounts on a folder, is told from others, and is unmounted", () => {
    const folder = mkdtempSync(join(tmpdir(), "skmsg-mount-"));
    try {
      assert.equal(isBpffs(folder), false);
      mountBpffs(folder);
      assert.equal(isBpffs(folder), true);
      unmountBpffs(folder);
      assert.equal(isBpffs(folder), false);
    } finally {
      rmdirSync(folder);
    }
  });

  it("refused: the error names the path and the errno", () => {
    assert.throws(() => mountBpffs("/nowhere/at/all"), {
      name: "SyscallError",
      command: "mount",
      errnoName: "ENOENT",
      message: /^mount -t bpf bpf \/nowhere\/at\/all failed: ENOENT/,
    });
    assert.throws(() => unmountBpffs("/nowhere/at/all"), {
      command: "umount2",
      errnoName: "ENOENT",
      message: /^umount \/nowhere\/at\/all failed: ENOENT/,
    });
    assert.throws(() => isBpffs("/nowhere/at/all"), { code: "ENOENT" });
  });

  it("walk gives every pin below a folder, sorted, and nothing else", () => {
    const root = sorted;
    using map = mapCreate({ map_type: MapType.Array, key_size: 4, value_size: 4, max_entries: 1 });
    mkdirSync(join(root, "b/deep"), { recursive: true });
    mkdirSync(join(root, "empty"));
    const paths = ["a", "b/deep/one", "b/two", "c"].map((name) => join(root, name));
    // In another order than the answer's.
    for (const path of paths.toReversed()) objPin(map.fd, path);
    symlinkSync(join(root, "a"), join(root, "link"));
    assert.deepEqual([...walkBpffs(root)], paths);
    assert.deepEqual([...walkBpffs(join(root, "empty"))], []);
    assert.deepEqual([...walkBpffs(join(root, "not_there"))], []);
    rmSync(join(root, "link"));
  });

  it("walk of what is no folder: the error of reading it", () => {
    assert.throws(() => [...walkBpffs("/proc/self/status")], {
      name: "SyscallError",
      command: "readdir",
      errnoName: "ENOTDIR",
      message: /^Cannot read \/proc\/self\/status: ENOTDIR/,
    });
  });

  it("walk passes over what vanishes meanwhile", () => {
    const root = changing;
    using map = mapCreate({ map_type: MapType.Array, key_size: 4, value_size: 4, max_entries: 1 });
    mkdirSync(join(root, "b"));
    for (const name of ["a", "b/x", "c"]) objPin(map.fd, join(root, name));
    const walk = walkBpffs(root);
    assert.equal(walk.next().value, join(root, "a"));
    rmSync(join(root, "b"), { recursive: true });
    assert.deepEqual([...walk], [join(root, "c")]);
  });
});
