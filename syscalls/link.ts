import type { AttrValues } from "./attr.ts";
import { textUntilNul } from "./attr.ts";
import { call, callForFd } from "./command.ts";
import { BPF_F_REPLACE } from "./constants.ts";
import type { OwnedFd } from "./fd.ts";
import {
  ENABLE_STATS,
  ITER_CREATE,
  LINK_CREATE,
  LINK_DETACH,
  LINK_UPDATE,
  TASK_FD_QUERY,
  TOKEN_CREATE,
} from "./layouts.ts";
import { Memory } from "./memory.ts";
import { littleEndian } from "./platform.ts";

/** BPF_LINK_CREATE (Linux 5.7; on sockmaps 6.10). @throws SyscallError */
export function linkCreate(attr: AttrValues<typeof LINK_CREATE>): OwnedFd {
  return callForFd("BPF_LINK_CREATE", LINK_CREATE, attr);
}

/**
 * BPF_LINK_UPDATE: puts another program behind the link.
 * @param expectedFd the program that must be there now, else `EPERM`.
 * @throws SyscallError
 */
export function linkUpdate(linkFd: number, newProgFd: number, expectedFd?: number): void {
  call("BPF_LINK_UPDATE", LINK_UPDATE, {
    link_fd: linkFd,
    new_prog_fd: newProgFd,
    flags: expectedFd === undefined ? undefined : BPF_F_REPLACE,
    old_prog_fd: expectedFd,
  });
}

/** BPF_LINK_DETACH (Linux 5.9): the link lives on without effect. @throws SyscallError */
export function linkDetach(linkFd: number): void {
  call("BPF_LINK_DETACH", LINK_DETACH, { link_fd: linkFd });
}

/** BPF_ITER_CREATE (Linux 5.8): an fd to read an iterator's output from. @throws SyscallError */
export function iterCreate(linkFd: number): OwnedFd {
  return callForFd("BPF_ITER_CREATE", ITER_CREATE, { link_fd: linkFd, flags: 0 });
}

/** BPF_ENABLE_STATS (Linux 5.8): run time and counts are kept while the fd is open. @throws SyscallError */
export function enableStats(type = 0): OwnedFd {
  return callForFd("BPF_ENABLE_STATS", ENABLE_STATS, { type });
}

/** BPF_TOKEN_CREATE (Linux 6.9) of a bpffs mount with delegation. @throws SyscallError */
export function tokenCreate(bpffsFd: number): OwnedFd {
  return callForFd("BPF_TOKEN_CREATE", TOKEN_CREATE, { flags: 0, bpffs_fd: bpffsFd });
}

export interface TaskFdQuery {
  readonly programId: number;
  /** `enum bpf_task_fd_type`. */
  readonly fdType: number;
  /** Name of the tracepoint, function or file. */
  readonly name: string;
  readonly probeOffset: bigint;
  readonly probeAddress: bigint;
}

/** BPF_TASK_FD_QUERY: what a perf event or raw tracepoint fd of a process is attached to. @throws SyscallError */
export function taskFdQuery(pid: number, fd: number): TaskFdQuery {
  const name = new Memory(4096);
  const { attr } = call("BPF_TASK_FD_QUERY", TASK_FD_QUERY, {
    pid,
    fd,
    flags: 0,
    buf_len: name.bytes.length,
    buf: name,
  });
  return {
    programId: attr.view.getUint32(TASK_FD_QUERY.prog_id[0], littleEndian),
    fdType: attr.view.getUint32(TASK_FD_QUERY.fd_type[0], littleEndian),
    name: textUntilNul(name.bytes),
    probeOffset: attr.view.getBigUint64(TASK_FD_QUERY.probe_offset[0], littleEndian),
    probeAddress: attr.view.getBigUint64(TASK_FD_QUERY.probe_addr[0], littleEndian),
  };
}
