/** Which kernels there are to test on. Version numbers move, so a row says where to look, not what is there. */

export interface Architecture {
  readonly debian: string;
  /** As in `process.arch`. */
  readonly node: string;
  /** Debian's name of the folder for libraries. */
  readonly triplet: string;
  readonly qemu: string;
  readonly qemuPackage: string;
  readonly machine: readonly string[];
  readonly console: string;
}

const X64: Architecture = {
  debian: "amd64",
  node: "x64",
  triplet: "x86_64-linux-gnu",
  qemu: "qemu-system-x86_64",
  qemuPackage: "qemu-system-x86",
  machine: ["-cpu", "max"],
  console: "ttyS0",
};

const ARM64: Architecture = {
  debian: "arm64",
  node: "arm64",
  triplet: "aarch64-linux-gnu",
  qemu: "qemu-system-aarch64",
  qemuPackage: "qemu-system-arm",
  // Emulating pointer authentication costs more than half of the time and tests nothing of ours.
  machine: ["-M", "virt", "-cpu", "max,pauth=off"],
  console: "ttyAMA0",
};

export interface Kernel {
  readonly name: string;
  readonly architecture: Architecture;
  /** Debian suites, the first that has such a kernel wins. */
  readonly suites: readonly string[];
  /** POSIX pattern for the part of the package name between `linux-image-` and `-cloud-`. */
  readonly version: string;
}

export const KERNELS: readonly Kernel[] = [
  // memlock still counted, no bpf link for sockmaps, no BTF kinds newer than FLOAT.
  { name: "5.10", architecture: X64, suites: ["bullseye"], version: "5\\.10\\." },
  // memlock no more, but still no link for sockmaps.
  { name: "6.1", architecture: X64, suites: ["bookworm"], version: "6\\.1\\." },
  // sockmap links.
  { name: "6.12", architecture: X64, suites: ["bookworm", "trixie"], version: "6\\.12\\." },
  { name: "newest", architecture: X64, suites: ["sid", "testing"], version: "[0-9]+\\." },
  // Other system call numbers, other calling convention.
  { name: "6.1-arm64", architecture: ARM64, suites: ["bookworm"], version: "6\\.1\\." },
];

/** Package names of such kernels. From 7.x on, Debian has the kernel itself in `linux-binary-…`. */
export function packagePattern(kernel: Kernel): string {
  return `^linux-(image|binary)-${kernel.version}[^-]*(-[^-]*)?-cloud-${kernel.architecture.debian}$`;
}

const numeric = new Intl.Collator("en", { numeric: true });

/** Newest first; of one version the package that holds the kernel itself first. */
export function newestFirst(packages: readonly string[]): string[] {
  const version = (name: string): string => name.replace(/^linux-(image|binary)-/, "");
  return packages.toSorted((a, b) => numeric.compare(version(b), version(a)) || numeric.compare(a, b));
}
