/** Packages of any Debian suite and architecture, by an apt state of our own: the machine's stays untouched. */

import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { cacheFolder } from "./cache.ts";
import { attempt, MissingError } from "./commands.ts";

interface Mirrors {
  readonly main: string;
  /** Where the suites named `…-security` are. */
  readonly security: string | undefined;
}

const DAY = 24 * 60 * 60 * 1000;

/** apt itself tells its mirrors, whatever the syntax and the number of its source files. */
function machineMirrors(): Mirrors {
  const main = process.env["SKMSG_VM_MIRROR"];
  if (main !== undefined) {
    return { main, security: process.env["SKMSG_VM_SECURITY_MIRROR"] };
  }
  const { stdout } = attempt("apt-get", ["--print-uris", "update"]);
  // Component "main" of a suite named like one of Debian's: other vendors share one of the two, not both.
  const suite = "bullseye|bookworm|trixie|forky|duke|sid|unstable|testing|stable|oldstable|oldoldstable";
  const find = (ending: string): string | undefined =>
    new RegExp(`^'(.+?)/dists/(?:${suite})${ending}/main/binary-`, "m").exec(stdout)?.[1];
  const found = find("");
  if (found === undefined) {
    throw new MissingError(
      "apt has no mirror of Debian configured; name one in SKMSG_VM_MIRROR (and SKMSG_VM_SECURITY_MIRROR)",
    );
  }
  return { main: found, security: find("(?:-security|/updates)") };
}

function keyring(): string {
  const names = ["debian-archive-keyring.gpg", "debian-archive-keyring.pgp"];
  const path = names.map((name) => join("/usr/share/keyrings", name)).find((file) => existsSync(file));
  if (path === undefined) {
    throw new MissingError("missing: the keys of Debian's archive; try: apt-get install debian-archive-keyring");
  }
  return path;
}

export class Apt {
  readonly #suite: string;
  readonly #folder: string;
  readonly #options: readonly string[];
  /** What the last update said, to be shown if nothing is found. */
  #complaint = "";

  constructor(suite: string, architecture: string) {
    this.#suite = suite;
    this.#folder = cacheFolder("apt", `${suite}-${architecture}`);
    const folder = this.#folder;
    this.#options = [
      `APT::Architecture=${architecture}`,
      `APT::Architectures::=${architecture}`,
      `Dir::Etc::sourcelist=${join(folder, "sources.list")}`,
      "Dir::Etc::sourceparts=-",
      "Dir::Etc::preferences=/dev/null",
      "Dir::Etc::preferencesparts=/dev/null",
      `Dir::State=${folder}`,
      `Dir::State::lists=${join(folder, "lists")}`,
      `Dir::State::status=${join(folder, "status")}`,
      `Dir::Cache=${join(folder, "cache")}`,
      // The user _apt need not be able to enter our cache.
      "APT::Sandbox::User=root",
      // An old suite's release file expires once it gets no more updates; its signature holds.
      "Acquire::Check-Valid-Until=false",
    ].flatMap((option) => ["-o", option]);
  }

  /** Fetches the lists, unless that was done within a day. Without network the old ones serve. */
  update(): void {
    const folder = this.#folder;
    const stamp = join(folder, "updated");
    if (existsSync(stamp) && Date.now() - statSync(stamp).mtimeMs < DAY) {
      return;
    }
    const { main, security } = machineMirrors();
    const signed = `[signed-by=${keyring()}]`;
    const lines = [`deb ${signed} ${main} ${this.#suite} main`];
    // sid and testing have no security suite that holds anything.
    if (security !== undefined && !["sid", "testing"].includes(this.#suite)) {
      lines.push(`deb ${signed} ${security} ${this.#suite}-security main`);
    }
    mkdirSync(join(folder, "lists", "partial"), { recursive: true });
    mkdirSync(join(folder, "cache", "archives", "partial"), { recursive: true });
    writeFileSync(join(folder, "sources.list"), `${lines.join("\n")}\n`);
    writeFileSync(join(folder, "status"), "");
    const { ok, text } = attempt("apt-get", [...this.#options, "update"]);
    this.#complaint = text
      .split("\n")
      .filter((line) => /^[EW]:/.test(line))
      .join("\n");
    // apt-get calls it a success when a mirror cannot be reached and old lists remain.
    if (ok && this.#complaint === "") {
      writeFileSync(stamp, "");
    }
  }

  get complaint(): string {
    return this.#complaint;
  }

  /** Names of packages matching a regular expression. */
  search(pattern: string): string[] {
    const { stdout } = attempt("apt-cache", [...this.#options, "search", "--names-only", pattern]);
    return stdout
      .split("\n")
      .flatMap((line) => line.split(" - ", 1))
      .filter((name) => name !== "");
  }

  /** The name of the file that `download` would write: it tells a rebuilt package from the one before. */
  fileName(packageName: string): string | undefined {
    const { stdout } = attempt("apt-get", [...this.#options, "--print-uris", "download", packageName]);
    return /^'[^']+' (\S+\.deb) /m.exec(stdout)?.[1];
  }

  /** Downloads into a folder, gives the paths. */
  download(packageNames: readonly string[], into: string): string[] {
    const { ok, text } = attempt("apt-get", [...this.#options, "download", ...packageNames], { cwd: into });
    if (!ok) {
      throw new MissingError(`cannot have ${packageNames.join(" ")} of ${this.#suite}: ${text || this.#complaint}`);
    }
    return readdirSync(into)
      .filter((name) => name.endsWith(".deb"))
      .map((name) => join(into, name));
  }
}
