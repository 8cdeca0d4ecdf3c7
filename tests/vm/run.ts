/**
 * The kernel tests on other kernels than this machine's: each boots in qemu, with Node and the compiled
 * package in memory, and runs the test files one by one. See README.md in this folder.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { stageApp } from "./app.ts";
import { MissingError, needCommands } from "./commands.ts";
import { kernelImage } from "./image.ts";
import { buildInitramfs, type InitramfsParts } from "./initramfs.ts";
import { KERNELS, type Kernel } from "./kernels.ts";
import { boot } from "./qemu.ts";
import { failures, fileLine, type KernelResult, missing, skips, table } from "./report.ts";
import { Console } from "./results.ts";
import { runtimeCommands } from "./runtime.ts";
import { selectTests } from "./select.ts";

/** qemu, a Debian package or the network to fetch one is missing: nothing is known about the tests. */
const EXIT_MISSING = 77;
const EXIT_USAGE = 2;

const USAGE = `npm run test:vm -- [KERNEL ...] [--files GLOB ...] [--limit SECONDS] [--file-limit SECONDS]
kernels: ${KERNELS.map(({ name }) => name).join(", ")} (default: all)
exit code: 0 all passed or skipped, 1 a test failed or a machine hung, ${EXIT_USAGE} wrong use,
${EXIT_MISSING} qemu or a Debian package is missing for a kernel, and no test failed on the others`;

interface Options {
  readonly kernels: readonly Kernel[];
  readonly globs: readonly string[];
  readonly limitSeconds: number;
  readonly fileLimitSeconds: number;
}

function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      files: { type: "string", multiple: true, default: [] },
      limit: { type: "string", default: "600" },
      "file-limit": { type: "string", default: "240" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const unknown = positionals.filter((name) => !KERNELS.some((kernel) => kernel.name === name));
  if (unknown.length > 0) {
    throw new TypeError(`no such kernel: ${unknown.join(", ")}`);
  }
  const seconds = (text: string): number => {
    if (!(Number(text) > 0)) {
      throw new TypeError(`not a number of seconds: ${text}`);
    }
    return Number(text);
  };
  return {
    kernels: KERNELS.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
    globs: values.files,
    limitSeconds: seconds(values.limit),
    fileLimitSeconds: seconds(values["file-limit"]),
  };
}

async function runKernel(
  kernel: Kernel,
  options: Options,
  initramfs: () => string,
  files: readonly string[],
): Promise<KernelResult> {
  const { name, architecture } = kernel;
  try {
    needCommands([
      { command: architecture.qemu, debianPackage: architecture.qemuPackage },
      { command: "apt-get", debianPackage: "apt" },
      { command: "dpkg-deb", debianPackage: "dpkg" },
      { command: "cpio", debianPackage: "cpio" },
      ...runtimeCommands(architecture),
    ]);
    const image = kernelImage(kernel);
    const archive = initramfs();
    const output = new Console((result) => console.log(`${name}: ${fileLine(result)}`));
    const { limitSeconds, fileLimitSeconds } = options;
    const { timedOut, milliseconds } = await boot(
      {
        architecture,
        image,
        initramfs: archive,
        environment: { SKMSG_KERNEL: name, SKMSG_FILE_LIMIT: fileLimitSeconds },
        limitSeconds,
      },
      (line) => output.line(line),
    );
    output.close(timedOut ? `the time limit of ${limitSeconds} s` : "before its end", files);
    return { name, release: output.release, files: output.files, milliseconds };
  } catch (error) {
    if (!(error instanceof MissingError)) {
      throw error;
    }
    return { name, release: "", files: [], milliseconds: 0, missing: error.message };
  }
}

async function main(options: Options): Promise<number> {
  const repository = fileURLToPath(new URL("../..", import.meta.url));
  const { files, left } = selectTests(repository, options.globs);
  for (const { file, reason } of left) {
    console.log(`left out: ${file}: ${reason}`);
  }
  if (files.length === 0) {
    console.error("no test file to run");
    return EXIT_USAGE;
  }
  const scratch = mkdtempSync(join(tmpdir(), "skmsg-vm-"));
  process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => process.exit(130));
  }
  const parts: InitramfsParts = { repository, app: join(scratch, "app"), files, scratch };
  const { complaints } = stageApp(repository, parts.app);
  if (complaints !== "") {
    console.error(`the compiler complains, running all the same:\n${complaints}`);
  }
  const archives = new Map<string, string>();
  const results: KernelResult[] = [];
  for (const kernel of options.kernels) {
    const archive = (): string => {
      const { architecture } = kernel;
      const path = archives.get(architecture.node) ?? buildInitramfs(architecture, parts);
      archives.set(architecture.node, path);
      return path;
    };
    results.push(await runKernel(kernel, options, archive, files));
  }
  const sections = [table(results), missing(results), skips(results), failures(results)].filter((text) => text !== "");
  console.log(`\n${sections.join("\n\n")}`);
  if (results.some((result) => result.files.some((file) => file.failures.length > 0))) {
    return 1;
  }
  return results.some((result) => result.missing !== undefined) ? EXIT_MISSING : 0;
}

let options: Options;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  process.exit(EXIT_USAGE);
}
process.exitCode = await main(options);
