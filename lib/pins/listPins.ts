import { existsSync } from "node:fs";
import { DEFAULT_BPFFS, isBpffs, walkBpffs } from "../../syscalls/index.ts";
import { PinError } from "../errors/classes.ts";
import { checkPath } from "./pin.ts";

/**
 * Paths of everything pinned below a folder, sorted, by whomever; default /sys/fs/bpf.
 * @throws PinError `ERR_NO_SUCH_PIN` where the folder is not there, `ERR_NOT_BPFFS`
 */
export function* listPins(folder: string = DEFAULT_BPFFS): Generator<string, void, undefined> {
  const asked = `Cannot list the pins in ${JSON.stringify(checkPath(folder))}`;
  if (!existsSync(folder)) throw new PinError("ERR_NO_SUCH_PIN", `${asked}: the folder does not exist.`);
  if (!isBpffs(folder))
    throw new PinError(
      "ERR_NOT_BPFFS",
      `${asked}: it is not on a BPF file system. Mount one: mount -t bpf bpf /sys/fs/bpf`,
    );
  yield* walkBpffs(folder);
}
