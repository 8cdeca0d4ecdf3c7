import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { procStatus, skipWithout } from "../support/environment.ts";

/** One measurement. */
export type Sample = () => Promise<number>;

export type CommandLine = readonly [command: string, ...args: string[]];

/**
 * On one processor, the same for both sides: of the processors of a virtual machine one may be 1.5 times as fast as another,
 * and a process stays where it is. Without taskset (util-linux), on any.
 */
export function pinned(command: CommandLine): CommandLine {
  const [first] = procStatus("Cpus_allowed_list")?.split(/[-,]/) ?? [];
  return first === undefined || skipWithout("taskset") ? command : ["taskset", "-c", first, ...command];
}

/** A process that answers each line "WORK COUNT" by the nanoseconds of one operation. */
export class Side implements Disposable {
  readonly #command: CommandLine;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  #errors = "";

  constructor(command: CommandLine) {
    const [program, ...args] = command;
    this.#command = command;
    this.#process = spawn(program, args);
    this.#process.stderr.on("data", (text) => {
      this.#errors += text;
    });
    // Its death shows as the end of its answers.
    this.#process.stdin.on("error", () => {});
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** @throws with the process's last words */
  async measure(work: string, count: number): Promise<number> {
    this.#process.stdin.write(`${work} ${count}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`${this.#command.join(" ")} did not do ${work}: ${this.#errors.trim()}`);
    return Number(value);
  }

  [Symbol.dispose](): void {
    this.#process.stdin.end();
    this.#process.kill();
  }
}

/** The work in a process of its own, as its first; starting the process does not count. */
export function first(command: CommandLine, work: string): Sample {
  return async () => {
    using side = new Side(command);
    return await side.measure(work, 1);
  };
}

/** Nanoseconds from the start of a process to its end. */
export function wholeProcess([program, ...args]: CommandLine): Sample {
  return async () => {
    const start = process.hrtime.bigint();
    const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
    const took = Number(process.hrtime.bigint() - start);
    if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
    return took;
  };
}
