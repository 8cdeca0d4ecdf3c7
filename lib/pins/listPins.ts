import { DEFAULT_BPFFS, EACCES, isBpffs, walkBpffs } from "../../syscalls/index.ts";
import { PinError } from "../errors/classes.ts";
import { type Reasons, refusal } from "../errors/refusal.ts";
import { checkPath, look } from "./pin.ts";

const REASONS: Reasons = {
  [EACCES]: { code: "ERR_PERMISSION", why: "A folder is closed to this user." },
};

/**
 * Paths of everything pinned below a folder, sorted, by whomever; default /sys/fs/bpf.
 * @throws PinError `ERR_NO_SUCH_PIN` where the folder is not there or no folder, `ERR_NOT_BPFFS`, `ERR_PERMISSION`
 */
export function* listPins(folder: string = DEFAULT_BPFFS): Generator<string, void, undefined> {
  const asked = `Cannot list the pins in ${JSON.stringify(checkPath(folder))}`;
  const there = look(folder, asked);
  if (there === undefined) throw new PinError("ERR_NO_SUCH_PIN", `${asked}: the folder does not exist.`);
  if (!isBpffs(folder))
    throw new PinError(
      "ERR_NOT_BPFFS",
      `${asked}: it is not on a BPF file system. Mount one: mount -t bpf bpf /sys/fs/bpf`,
    );
  if (!there.isDirectory()) throw new PinError("ERR_NO_SUCH_PIN", `${asked}: it is no folder.`);
  try {
    yield* walkBpffs(folder);
  } catch (error) {
    throw refusal(error, { family: PinError, asked, reasons: REASONS, code: "ERR_PIN" });
  }
}
