import type { AttachOptions } from "skmsg";
import { kernel, skipBelow, skipWithoutRoot } from "./environment.ts";

export type Mode = NonNullable<AttachOptions["mode"]>;

/** What a mode comes to on this kernel: sockmaps have bpf links since 6.10. */
export function meaning(mode: Mode): "link" | "prog" {
  if (mode === "auto") return kernel >= 610 ? "link" : "prog";
  return mode;
}

/** A reason to skip what needs these modes. */
export function skipMode(...modes: readonly Mode[]): false | string {
  return modes.includes("link") ? skipBelow("6.10") : skipWithoutRoot;
}

export const MODES: readonly Mode[] = ["auto", "link", "prog"];
