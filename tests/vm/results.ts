/** From the lines of a console to the results of test files. */

import { readLine } from "./protocol.ts";

export interface Failure {
  readonly name: string;
  readonly message: string;
}

export interface FileResult {
  readonly file: string;
  passed: number;
  readonly skipped: Map<string, number>;
  readonly failures: Failure[];
  milliseconds: number;
}

/** How much of what a test printed, or the kernel said, is worth showing. */
const TAIL = 80;

export class Console {
  readonly files: FileResult[] = [];
  release = "?";
  #tail: string[] = [];
  #current: FileResult | undefined;
  #since = 0;
  #lastStarted = "no test of it";
  #done = false;
  readonly #onFile: (result: FileResult) => void;

  constructor(onFile: (result: FileResult) => void) {
    this.#onFile = onFile;
  }

  line(text: string): void {
    const value = readLine(text);
    switch (value?.type) {
      case undefined:
        if (text.trim() !== "") {
          this.#tail = [...this.#tail.slice(1 - TAIL), text];
        }
        break;
      case "kernel":
        this.release = value.release;
        break;
      case "file":
        this.#tail = [];
        this.#lastStarted = "no test of it";
        this.#since = performance.now();
        this.#current = { file: value.file, passed: 0, skipped: new Map(), failures: [], milliseconds: 0 };
        this.files.push(this.#current);
        break;
      case "start":
        this.#lastStarted = value.name;
        break;
      case "end":
        this.#end(value.exit);
        break;
      case "done":
        this.#done = true;
        break;
      case "fail":
        this.#current?.failures.push(value);
        break;
      case "pass":
        if (this.#current !== undefined) {
          this.#current.passed++;
        }
        break;
      case "skip":
      case "todo": {
        const reason = value.type === "todo" ? `to do: ${value.name}` : value.message;
        this.#current?.skipped.set(reason, (this.#current.skipped.get(reason) ?? 0) + 1);
        break;
      }
    }
  }

  /** To be called when the machine is off: what it did not get to counts as failed. */
  close(why: string, expected: readonly string[]): void {
    if (this.#done && this.files.length === expected.length) {
      return;
    }
    if (this.#current !== undefined) {
      this.#current.milliseconds = performance.now() - this.#since;
      this.#fail(this.#current, `the machine went off: ${why}`);
    } else if (this.files.length === 0) {
      this.files.push({ file: "(boot)", passed: 0, skipped: new Map(), failures: [], milliseconds: 0 });
      this.files[0]?.failures.push({ name: why, message: this.#tail.join("\n") });
    }
    for (const file of expected.filter((name) => !this.files.some((result) => result.file === name))) {
      const failures = [{ name: "(not run)", message: why }];
      this.files.push({ file, passed: 0, skipped: new Map(), failures, milliseconds: 0 });
    }
  }

  #end(exit: number): void {
    const file = this.#current;
    if (file === undefined) {
      return;
    }
    file.milliseconds = performance.now() - this.#since;
    const killed = exit === 137;
    if (killed) {
      this.#fail(file, "killed, by the time limit of a file or for lack of memory");
    } else if (exit !== 0 && file.failures.length === 0) {
      this.#fail(file, `exit code ${exit} without a failed test`);
    } else if (file.passed === 0 && file.skipped.size === 0 && file.failures.length === 0) {
      this.#fail(file, "ended without having run a test");
    }
    this.#current = undefined;
    this.#onFile(file);
  }

  #fail(file: FileResult, why: string): void {
    file.failures.push({ name: `(${why})`, message: `last begun: ${this.#lastStarted}\n${this.#tail.join("\n")}` });
  }
}
