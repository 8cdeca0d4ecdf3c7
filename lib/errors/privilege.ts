import { readFileSync } from "node:fs";

/** Capability numbers of include/uapi/linux/capability.h. */
const CAPABILITIES = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 } as const;
export type Capability = keyof typeof CAPABILITIES;

function effective(): bigint {
  const line = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"));
  return BigInt(`0x${line?.[1] ?? "0"}`);
}

/** Those of the given capabilities that this process lacks. CAP_SYS_ADMIN stands in for CAP_BPF and CAP_PERFMON (capable.h, bpf_capable). */
export function missingCapabilities(needed: readonly Capability[]): Capability[] {
  const set = effective();
  const has = (name: Capability): boolean => (set & (1n << BigInt(CAPABILITIES[name]))) !== 0n;
  return needed.filter((name) => !has(name) && !(has("CAP_SYS_ADMIN") && name !== "CAP_NET_ADMIN"));
}

/** A sentence that names what is in the way, or undefined where nothing is. */
export function privilegeInTheWay(needed: readonly Capability[]): string | undefined {
  const missing = missingCapabilities(needed);
  if (missing.length === 0) return undefined;
  const sysctl = missing.includes("CAP_BPF") ? unprivilegedBpfDisabled() : undefined;
  const also =
    sysctl === undefined || sysctl === "0" ? "" : ` (the sysctl kernel.unprivileged_bpf_disabled is ${sysctl})`;
  return `This process lacks ${missing.join(" and ")}${also}. Run it as root, or grant it with: setcap ${missing.map((name) => name.toLowerCase()).join(",")}+ep "$(readlink -f "$(command -v node)")".`;
}

function unprivilegedBpfDisabled(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/unprivileged_bpf_disabled", "utf8").trim();
  } catch {
    return undefined;
  }
}
