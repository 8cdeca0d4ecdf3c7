/** Which test files go into the machines. */

import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";

export interface Selection {
  /** Paths from the repository's root, with `/`. */
  readonly files: readonly string[];
  /** Files that say of themselves that a machine of one program is no place for them. */
  readonly left: readonly { readonly file: string; readonly reason: string }[];
}

/** Pure functions need no kernel, and these machines run ten times slower than the real one. */
const PURE = ["tests/elf/", "tests/vm/"];

/** `// vm: no, reason`, among a file's first lines. */
const MARK = /^\s*(?:\/\/|\*|\/\*\*?)\s*vm: no\b[\s,:;.-]*(.*?)\s*(?:\*\/)?$/m;

export function selectTests(repository: string, globs: readonly string[]): Selection {
  const patterns = globs.map(globPattern);
  const files: string[] = [];
  const left: { file: string; reason: string }[] = [];
  for (const name of readdirSync(join(repository, "tests"), { recursive: true, encoding: "utf8" }).toSorted()) {
    const file = `tests/${name.split(sep).join("/")}`;
    if (!file.endsWith(".test.ts") || PURE.some((folder) => file.startsWith(folder))) {
      continue;
    }
    if (patterns.length > 0 && !patterns.some((pattern) => pattern.test(file))) {
      continue;
    }
    const head = readFileSync(join(repository, file), "utf8").split("\n", 15).join("\n");
    const mark = MARK.exec(head);
    if (mark === null) {
      files.push(file);
    } else {
      left.push({ file, reason: mark[1] || "no reason given" });
    }
  }
  return { files, left };
}

/** `*`, `**`, `?` and `{a,b}`: Node 20 has no glob of its own. */
export function globPattern(glob: string): RegExp {
  const source = glob.replace(/\*\*\/?|\*|\?|[{},]|[\\^$+.()|[\]]/g, (token) => {
    switch (token) {
      case "**/":
        return "(?:.*/)?";
      case "**":
        return ".*";
      case "*":
        return "[^/]*";
      case "?":
        return "[^/]";
      case "{":
        return "(?:";
      case "}":
        return ")";
      case ",":
        return "|";
      default:
        return `\\${token}`;
    }
  });
  // A bare name is good enough to type.
  return new RegExp(`^(?:.*/)?${source}$`);
}
