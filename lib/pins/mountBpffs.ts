import { mountBpffs as callMount, DEFAULT_BPFFS, ENAMETOOLONG, ENODEV, ENOENT, ENOTDIR } from "../../syscalls/index.ts";
import { PinError } from "../errors/classes.ts";
import { explained, type Reasons } from "../errors/refusal.ts";
import { checkPath } from "./pin.ts";

const REASONS: Reasons = {
  [ENOENT]: { code: "ERR_PIN_NO_FOLDER", why: "The folder is not there; make it with mkdir." },
  [ENOTDIR]: { code: "ERR_PIN_NO_FOLDER", why: "It is no folder." },
  [ENAMETOOLONG]: { code: "ERR_INVALID_PATH", why: "A name has at most 255 bytes." },
  [ENODEV]: { code: "ERR_NOT_SUPPORTED", why: "This kernel has no BPF file system." },
};

/**
 * Mounts a new, empty BPF file system on a folder; default /sys/fs/bpf. It stays after the process.
 * @throws PinError `ERR_INVALID_PATH`, `ERR_PIN_NO_FOLDER`, `ERR_PERMISSION`, `ERR_NOT_SUPPORTED`
 */
export function mountBpffs(folder: string = DEFAULT_BPFFS): void {
  const asked = `Cannot mount a BPF file system on ${JSON.stringify(checkPath(folder))}`;
  explained({ family: PinError, asked, reasons: REASONS, code: "ERR_PIN", needs: ["CAP_SYS_ADMIN"] }, () =>
    callMount(folder),
  );
}
