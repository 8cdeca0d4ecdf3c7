import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A script of the tests in a process of its own. */
export class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;

  /** @param script as written, a `.ts` file; compiled, its `.js` is taken by a stand-in for tsx (tests/vm/README.md). */
  constructor(script: URL, ...args: readonly string[]) {
    const path = fileURLToPath(script);
    this.#process = spawn(process.execPath, ["--import", "tsx", path, ...args], {
      cwd: ROOT,
      stdio: ["pipe", "pipe", "inherit"],
    });
  }

  /** The first line that it prints, as JSON. Rejects where it ends without one. */
  async says<T>(): Promise<T> {
    const { stdout } = this.#process;
    stdout.setEncoding("utf8");
    let text = "";
    for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
      text += chunk;
      if (text.includes("\n")) return JSON.parse(text);
    }
    throw new Error(`the child process ended, and said ${JSON.stringify(text)}`);
  }

  /** Ends it: by a word, upon which it exits, or by SIGKILL. */
  async end(how: "exit" | "kill"): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    if (how === "kill") this.#process.kill("SIGKILL");
    else this.#process.stdin.end("end\n");
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("kill");
  }
}
