import { closeSync, mkdtempSync, openSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

/** Where the cgroup2 hierarchy is mounted; undefined where it is not. */
function cgroup2(): string | undefined {
  return /^cgroup2? (\S+) cgroup2 /m.exec(readFileSync("/proc/mounts", "utf8"))?.[1];
}

/** A reason to skip where there is no cgroup2 hierarchy. */
export function skipWithoutCgroup2(): false | string {
  return cgroup2() === undefined ? "needs a cgroup2 mount" : false;
}

/** An empty cgroup of its own, removed when disposed: nobody is in it, so programs attached to it see nothing. */
export class OwnCgroup {
  readonly path: string;
  readonly fd: number;

  constructor() {
    const root = cgroup2();
    if (root === undefined) throw new Error("no cgroup2 mount");
    this.path = mkdtempSync(join(root, "skmsg-test-"));
    this.fd = openSync(this.path, "r");
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
    rmdirSync(this.path);
  }
}
