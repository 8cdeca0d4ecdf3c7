/**
 * Imports an entry point, maybe as if on another platform, and prints an `Imported`.
 * Arguments: the entry, then `darwin`, `mips` or `no-koffi`.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import Module from "node:module";

export interface Imported {
  readonly exports: readonly string[];
  /** What is open now and was not before; without sockets, which tsx opens and closes. */
  readonly opened: readonly string[];
  /** Whether koffi's binary is in this process, by /proc/self/maps and by process.report. */
  readonly koffi: readonly [boolean, boolean];
  /** Code and message of the first system call's failure, or `ok`; `none` where the entry has no system call. */
  readonly call: string;
  readonly koffiAfter: boolean;
}

const [entry = "", as] = process.argv.slice(2);

const mapped = (): boolean => /koffi/.test(readFileSync("/proc/self/maps", "utf8"));
const reported = (): boolean => /koffi[^"]*\.node/.test(JSON.stringify(process.report?.getReport()));

function openFds(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith("socket:") ? [] : [`${fd} ${target}`];
    } catch {
      // The one that read the folder.
      return [];
    }
  });
}

if (as === "darwin") Object.defineProperty(process, "platform", { value: "darwin" });
if (as === "mips") Object.defineProperty(process, "arch", { value: "mips" });
if (as === "no-koffi") {
  const load: unknown = Reflect.get(Module, "_load");
  Reflect.set(Module, "_load", (request: string, ...rest: unknown[]): unknown => {
    if (request === "koffi") throw new Error("Cannot find module 'koffi'");
    return typeof load === "function" ? Reflect.apply(load, Module, [request, ...rest]) : undefined;
  });
}

/** The first system call that an entry offers without a privilege being needed. */
function firstCall(exports: Record<string, unknown>): string {
  const call = exports.memoryLock ?? exports.mountBpffs;
  if (typeof call !== "function") return "none";
  try {
    call("/none");
    return "ok";
  } catch (error) {
    return error instanceof Error ? `${"code" in error ? error.code : error.name} ${error.message}` : String(error);
  }
}

const before = openFds();
const exports: Record<string, unknown> = await import(entry);
const opened = openFds().filter((one) => !before.includes(one));
const koffi = [mapped(), reported()] as const;
const result: Imported = {
  exports: Object.keys(exports),
  opened,
  koffi,
  call: firstCall(exports),
  koffiAfter: mapped(),
};
console.log(JSON.stringify(result));
