/**
 * What a machine of an architecture needs below the project: busybox, Node, their shared libraries.
 * For this machine's own architecture they are copied from here, else fetched from Debian and npm.
 */

import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { Apt } from "./apt.ts";
import { cacheFolder, fillFolder } from "./cache.ts";
import { attempt, type Command, findCommand, MissingError, run } from "./commands.ts";
import type { Architecture } from "./kernels.ts";

/** The oldest suite whose C library serves the Node and koffi that npm has. */
const LIBRARY_SUITE = "bookworm";

/** All that is called for a machine of this architecture. */
export function runtimeCommands(architecture: Architecture): Command[] {
  const own = [
    { command: "busybox", debianPackage: "busybox-static" },
    { command: "ldd", debianPackage: "libc-bin" },
  ];
  const foreign = [
    { command: "npm", debianPackage: "npm" },
    { command: "tar", debianPackage: "tar" },
  ];
  return architecture.node === process.arch ? own : foreign;
}

/** Lays the runtime into `root`, which becomes the guest's `/`. */
export function stageRuntime(architecture: Architecture, root: string): void {
  if (architecture.node === process.arch) {
    stageOwn(root);
  } else {
    cpSync(foreignRuntime(architecture), root, { recursive: true, verbatimSymlinks: true });
  }
}

function stageOwn(root: string): void {
  mkdirSync(join(root, "bin"), { recursive: true });
  const programs = [
    { from: realpathSync(findCommand("busybox") ?? "busybox"), name: "busybox" },
    { from: realpathSync(process.execPath), name: "node" },
  ];
  for (const { from, name } of programs) {
    const to = join(root, "bin", name);
    copyFileSync(from, to);
    chmodSync(to, 0o755);
    // A static program has no list; ldd says so and fails.
    for (const library of attempt("ldd", [from]).stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)) {
      const path = library[1];
      if (path !== undefined) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        copyFileSync(path, join(root, path));
      }
    }
  }
}

function foreignRuntime(architecture: Architecture): string {
  const { node, debian, triplet } = architecture;
  const target = join(cacheFolder("runtimes"), `${node}-node-${process.versions.node}`);
  if (existsSync(target)) {
    return target;
  }
  console.log(`fetching Node and libraries for ${node}`);
  fillFolder(target, (folder) => {
    const apt = new Apt(LIBRARY_SUITE, debian);
    apt.update();
    const names = ["busybox-static", "libc6", "libstdc++6", "libgcc-s1", "libatomic1"];
    const debs = join(folder, "debs");
    const files = join(debs, "files");
    mkdirSync(debs);
    for (const deb of apt.download(names, debs)) {
      run("dpkg-deb", ["-x", deb, files]);
    }
    const bin = join(folder, "bin");
    mkdirSync(bin);
    copyFileSync(join(files, "bin", "busybox"), join(bin, "busybox"));
    const libraries = join("lib", triplet);
    for (const [from, to] of [
      [libraries, libraries],
      [join("usr", libraries), libraries],
      // The dynamic linker, where each program looks for it.
      ["lib", "lib"],
      ["lib64", "lib64"],
    ] as const) {
      copyLibraries(join(files, from), join(folder, to));
    }
    rmSync(debs, { recursive: true });
    const unpacked = join(folder, "npm");
    unpackNpm(`node-linux-${node}`, nodeVersions(), unpacked);
    copyFileSync(join(unpacked, "bin", "node"), join(bin, "node"));
    chmodSync(join(bin, "node"), 0o755);
    rmSync(unpacked, { recursive: true });
  });
  return target;
}

/** The same Node as here, else the newest of its major version. */
function nodeVersions(): string[] {
  const version = process.versions.node;
  return [version, version.replace(/\..*/, "")];
}

function copyLibraries(from: string, to: string): void {
  for (const name of existsSync(from) ? readdirSync(from) : []) {
    if (/\.so(\.|$)/.test(name)) {
      mkdirSync(to, { recursive: true });
      // Without the links: names are few, and a copy of each is a few MB.
      copyFileSync(join(from, name), join(to, name));
    }
  }
}

/** A package that npm would not install on this architecture; gives its folder. */
export function npmPackage(name: string, version: string): string {
  const target = join(cacheFolder("npm"), `${name.replaceAll("/", "+")}-${version}`);
  if (!existsSync(target)) {
    fillFolder(target, (folder) => unpackNpm(name, [version], folder));
  }
  return target;
}

/** Fetches the first of the versions that there is. */
function unpackNpm(name: string, versions: readonly string[], folder: string): void {
  mkdirSync(folder, { recursive: true });
  const complaints: string[] = [];
  for (const version of versions) {
    const { ok, text } = attempt("npm", ["pack", "--silent", `${name}@${version}`], { cwd: folder });
    const archive = readdirSync(folder).find((file) => file.endsWith(".tgz"));
    if (ok && archive !== undefined) {
      run("tar", ["-xzf", archive, "--strip-components=1", "--no-same-owner"], { cwd: folder });
      rmSync(join(folder, archive));
      return;
    }
    complaints.push(text);
  }
  throw new MissingError(`npm cannot fetch ${name}: ${complaints.join("\n")}`);
}

/** The version a package.json tells. */
export function packageVersion(folder: string): string {
  const { version }: { version: string } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return version;
}
