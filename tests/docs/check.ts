/** The documentation against the code: links lead somewhere, TypeScript blocks compile, scripts exist, error codes are all listed. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { codeBlocks } from "../support/markdown.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const problems: string[] = [];

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name === "node_modules" || entry.name === "dist" || entry.name === ".git") return [];
    if (entry.isDirectory()) return filesBelow(path, ending);
    return entry.name.endsWith(ending) ? [path] : [];
  });
}

const documents = filesBelow(root, ".md");

/** GitHub's anchor of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");
}

function anchors(path: string): Set<string> {
  return new Set([...readFileSync(path, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchor(heading)));
}

for (const document of documents) {
  const name = relative(root, document);
  const text = readFileSync(document, "utf8");
  for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^https?:/.test(target)) continue;
    const [path = "", fragment] = target.split("#");
    const file = path === "" ? document : join(dirname(document), path);
    if (!existsSync(file)) problems.push(`${name}: nothing at ${target}`);
    else if (fragment !== undefined && !anchors(file).has(fragment)) problems.push(`${name}: no heading for ${target}`);
  }
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const [, script = ""] of text.matchAll(/npm run ([\w:]+)/g))
    if (!(script in scripts)) problems.push(`${name}: there is no script ${script}`);
}

// The blocks stand in a folder of the project for a moment, where "skmsg" means its sources.
const folder = mkdtempSync(join(root, "tests", "docs", "blocks-"));
try {
  const blocks = documents.flatMap((document) => codeBlocks(document).filter(({ language }) => language === "ts"));
  for (const [index, { text }] of blocks.entries())
    writeFileSync(join(folder, `block${index}.ts`), `${text}\nexport {};\n`);
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: "../../tsconfig.json", compilerOptions: { rootDir: "../../.." }, include: ["*.ts"] }),
  );
  execFileSync("npx", ["--no-install", "tsc", "-p", folder], { cwd: root, encoding: "utf8" });
  console.log(`${blocks.length} TypeScript blocks compile`);
} catch (error) {
  problems.push(
    `a TypeScript block does not compile:\n${error instanceof Error && "stdout" in error ? error.stdout : error}`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const sources = ["lib", "syscalls", "elf"].flatMap((name) => filesBelow(join(root, name), ".ts"));
const used = new Set(
  sources.flatMap((path) => readFileSync(path, "utf8").match(/(?<=["`])ERR_[A-Z_]*[A-Z](?=["`])/g) ?? []),
);
const listed = new Set(
  [...readFileSync(join(root, "lib/errors/README.md"), "utf8").matchAll(/^\| `(ERR_[A-Z_]+)`/gm)].map(
    ([, code = ""]) => code,
  ),
);
for (const code of used) if (!listed.has(code)) problems.push(`lib/errors/README.md does not list ${code}`);
for (const code of listed)
  if (!used.has(code)) problems.push(`lib/errors/README.md lists ${code}, which nothing throws`);
console.log(`${used.size} error codes, ${documents.length} documents`);

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
