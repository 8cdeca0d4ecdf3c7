import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { dupFd, MapType, mapCreate, mapInfo, OwnedFd } from "skmsg/syscalls";
import { skipWithoutRoot } from "../support/environment.ts";

const isOpen = (fd: number): boolean => {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
};

const idOf = (fd: OwnedFd): number | undefined => mapInfo(fd.fd).u32("id");
const make = (): OwnedFd => mapCreate({ map_type: MapType.Array, key_size: 4, value_size: 4, max_entries: 1 });
const isCloseOnExec = (fd: number): boolean =>
  (Number.parseInt(/^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "", 8) &
    0o2000000) !==
  0;

describe("OwnedFd", { skip: skipWithoutRoot }, () => {
  it("closes once, however often it is asked; then it says so", () => {
    const owned = make();
    const number = owned.fd;
    assert.equal(owned.closed, false);
    owned.close();
    assert.equal(owned.closed, true);
    assert.equal(isOpen(number), false);
    // Somebody else gets the number, and a second close must not take it from him.
    const other = openSync("/dev/null", "r");
    assert.equal(other, number);
    owned.close();
    owned[Symbol.dispose]();
    assert.ok(isOpen(other));
    closeSync(other);
    assert.throws(() => owned.fd, { name: "SyscallError", code: "ERR_CLOSED", errnoName: "EBADF", message: /closed/ });
    assert.throws(() => owned.dup(), { code: "ERR_CLOSED" });
    assert.throws(() => owned.release(), { code: "ERR_CLOSED" });
  });

  it("a duplicate is another number for the same object, with an owner of its own", () => {
    const first = make();
    const second = first.dup();
    assert.notEqual(second.fd, first.fd);
    assert.equal(idOf(second), idOf(first));
    first.close();
    assert.ok(isOpen(second.fd));
    second.close();
  });

  it("release gives the number away", () => {
    const owned = make();
    const number = owned.release();
    assert.equal(owned.closed, true);
    owned.close();
    assert.ok(isOpen(number));
    closeSync(number);
  });

  it("using closes", () => {
    let number = -1;
    {
      using owned = make();
      number = owned.fd;
    }
    assert.equal(isOpen(number), false);
  });

  it("dupFd leaves the number to its owner, and refuses one that is not open", () => {
    const file = openSync("/dev/null", "r");
    const owned = dupFd(file);
    owned.close();
    assert.ok(isOpen(file));
    closeSync(file);
    assert.throws(() => dupFd(file), { name: "SyscallError", command: "fcntl", errnoName: "EBADF" });
    assert.throws(() => dupFd(-1), { errnoName: "EBADF" });
  });

  it("goes with exec: the fd of the kernel, and a duplicate", () => {
    using owned = make();
    using second = owned.dup();
    assert.ok(isCloseOnExec(owned.fd));
    assert.ok(isCloseOnExec(second.fd));
  });

  it("0, 1 and 2 are never used, nor left open", () => {
    const child = fileURLToPath(new URL("./children/low-fd.ts", import.meta.url));
    const { stdout, stderr, status } = spawnSync(process.execPath, ["--import", "tsx", child], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const { numbers, free } = JSON.parse(stdout);
    assert.equal(numbers.length, 4);
    for (const number of numbers) assert.ok(number >= 3, stdout);
    assert.equal(new Set(numbers).size, 4);
    assert.equal(free, 0);
  });

  it("takes no number that is not open from below 3, where it would have to move it", () => {
    assert.throws(() => new OwnedFd(-1), { command: "fcntl", errnoName: "EBADF" });
  });
});
