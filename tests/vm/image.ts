/** From a row of the table to a kernel image on this machine. */

import { copyFileSync, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";

import { Apt } from "./apt.ts";
import { cacheFolder, fillFolder } from "./cache.ts";
import { MissingError, run } from "./commands.ts";
import { type Kernel, newestFirst, packagePattern } from "./kernels.ts";

/** Path of the kernel's image; downloads it where the suite has a newer one than the cache. */
export function kernelImage(kernel: Kernel): string {
  const cache = cacheFolder("kernels", kernel.name);
  const complaints: string[] = [];
  for (const suite of kernel.suites) {
    try {
      return join(fetchFrom(suite, kernel, cache), "vmlinuz");
    } catch (error) {
      if (!(error instanceof MissingError)) {
        throw error;
      }
      complaints.push(error.message);
    }
  }
  const kept = newestFirst(readdirSync(cache).filter((name) => existsSync(join(cache, name, "vmlinuz"))))[0];
  if (kept === undefined) {
    throw new MissingError(complaints.join("\n"));
  }
  console.log(`${kernel.name}: ${complaints.join("; ")}: using ${kept} of an earlier run`);
  return join(cache, kept, "vmlinuz");
}

function fetchFrom(suite: string, kernel: Kernel, cache: string): string {
  const apt = new Apt(suite, kernel.architecture.debian);
  apt.update();
  const packageName = newestFirst(apt.search(packagePattern(kernel)))[0];
  const file = packageName === undefined ? undefined : apt.fileName(packageName);
  if (packageName === undefined || file === undefined) {
    throw new MissingError(`${suite} has no package ${packagePattern(kernel)} ${apt.complaint}`.trim());
  }
  const target = join(cache, basename(file, ".deb"));
  if (!existsSync(target)) {
    console.log(`${kernel.name}: fetching ${packageName} of ${suite}`);
    fillFolder(target, (folder) => {
      for (const deb of apt.download([packageName], folder)) {
        run("dpkg-deb", ["-x", deb, join(folder, "files")]);
        rmSync(deb);
      }
      // boot/vmlinuz-VERSION, or usr/lib/modules/VERSION/vmlinuz; the rest is of no use without a disk.
      const image = readdirSync(join(folder, "files"), { recursive: true, encoding: "utf8" })
        .map((name) => join(folder, "files", name))
        .find((path) => basename(path).startsWith("vmlinuz") && statSync(path).isFile());
      if (image === undefined) {
        throw new Error(`${packageName} holds no vmlinuz`);
      }
      copyFileSync(image, join(folder, "vmlinuz"));
      rmSync(join(folder, "files"), { recursive: true });
    });
    for (const old of readdirSync(cache).filter((name) => name !== basename(target))) {
      rmSync(join(cache, old), { recursive: true, force: true });
    }
  }
  return target;
}
