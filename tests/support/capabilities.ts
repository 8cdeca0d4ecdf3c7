import koffi from "koffi";
import { procStatus } from "./environment.ts";

/** include/uapi/linux/capability.h */
const VERSION_3 = 0x2008_0522;
const CAPABILITIES = {
  CAP_DAC_OVERRIDE: 1,
  CAP_NET_ADMIN: 12,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_BPF: 39,
} as const;
export type CapabilityName = keyof typeof CAPABILITIES;

const capset = koffi.load(null).func("int capset(void *header, void *data)");

/**
 * Gives capabilities up, for good: only for processes of their own. Capabilities are a thread's, and this is the main
 * one, which is also the one that /proc/self/status tells of.
 */
export function dropCapabilities(...names: readonly CapabilityName[]): void {
  const dropped = names.reduce((bits, name) => bits | (1n << BigInt(CAPABILITIES[name])), 0n);
  const left = BigInt(`0x${procStatus("CapEff")}`) & ~dropped;
  const low = Number(left & 0xffff_ffffn);
  const high = Number(left >> 32n);
  // Effective, permitted and inheritable, the lower halves first.
  if (capset(new Uint32Array([VERSION_3, 0]), new Uint32Array([low, low, 0, high, high, 0])) !== 0)
    throw new Error(`cannot drop ${names.join(", ")}`);
}
