import { textUntilNul } from "./attr.ts";
import { check, run } from "./command.ts";
import { SyscallError } from "./errors.ts";
import { OwnedFd } from "./fd.ts";
import { BTF_LOAD } from "./layouts.ts";
import { Memory } from "./memory.ts";

const LOG_SIZE = 64 * 1024;

/**
 * BPF_BTF_LOAD (Linux 4.18).
 * @throws SyscallError whose message ends with what the kernel's BTF checker wrote.
 */
export function btfLoad(bytes: Uint8Array): OwnedFd {
  const btf = Memory.from(bytes);
  const first = run("BPF_BTF_LOAD", BTF_LOAD, { btf, btf_size: bytes.length });
  if (first.result >= 0) return new OwnedFd(first.result);
  const errno = -first.result;
  const log = new Memory(LOG_SIZE);
  const second = run("BPF_BTF_LOAD", BTF_LOAD, {
    btf,
    btf_size: bytes.length,
    btf_log_buf: log,
    btf_log_size: LOG_SIZE,
    btf_log_level: 1,
  });
  if (second.result >= 0) return new OwnedFd(second.result);
  const last = textUntilNul(log.bytes).trim().split("\n").at(-1);
  if (!last) check("BPF_BTF_LOAD", { ...second, result: -errno });
  throw new SyscallError("BPF_BTF_LOAD", errno, { message: `BPF_BTF_LOAD failed: ${last}` });
}
