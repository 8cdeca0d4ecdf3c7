/** Boots a machine that lives in memory only, and gives its console line by line. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

import { findCommand } from "./commands.ts";
import type { Architecture } from "./kernels.ts";

export interface Machine {
  readonly architecture: Architecture;
  readonly image: string;
  readonly initramfs: string;
  /** Handed to process 1. */
  readonly environment: Readonly<Record<string, string | number>>;
  readonly limitSeconds: number;
}

export interface Ended {
  readonly timedOut: boolean;
  readonly milliseconds: number;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) {
    child.kill("SIGKILL");
  }
});

export async function boot(machine: Machine, onLine: (line: string) => void): Promise<Ended> {
  const { architecture } = machine;
  const variables = Object.entries(machine.environment).map(([name, value]) => `${name}=${value}`);
  const child = spawn(
    findCommand(architecture.qemu) ?? architecture.qemu,
    [
      // KVM may open and yet hang without a word where this machine is virtual itself.
      ...["-accel", "tcg,thread=multi", ...architecture.machine, "-smp", "2", "-m", "1536"],
      ...["-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"],
      ...["-kernel", machine.image, "-initrd", machine.initramfs],
      "-append",
      [`console=${architecture.console}`, "quiet", "panic=-1", ...variables].join(" "),
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  running.add(child);
  const begun = performance.now();
  let timedOut = false;
  const limit = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, machine.limitSeconds * 1000);
  const streams = [child.stdout, child.stderr].map((input) => createInterface({ input, crlfDelay: Infinity }));
  for (const stream of streams) {
    stream.on("line", onLine);
  }
  try {
    await Promise.all([
      new Promise<void>((resolve, reject) => {
        child.once("close", () => resolve());
        child.once("error", reject);
      }),
      ...streams.map((stream) => new Promise<void>((resolve) => stream.once("close", () => resolve()))),
    ]);
  } finally {
    clearTimeout(limit);
    running.delete(child);
  }
  return { timedOut, milliseconds: performance.now() - begun };
}
