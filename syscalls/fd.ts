import { closedFd, SyscallError } from "./errors.ts";
import { numbers, syscall } from "./ffi.ts";

/** fcntl(2): duplicate to the lowest free number at or above the argument, close-on-exec. */
const F_DUPFD_CLOEXEC = 1030;

/** 0 means "none" in most fd fields of bpf_attr, and 1 and 2 get closed by daemons: ours start above. */
const LOWEST_FD = 3;

/** A file descriptor with one owner. bpf(2) sets close-on-exec on every fd that it returns. */
export class OwnedFd {
  #fd: number;

  /** Takes over `fd`; a number below 3 is moved above. */
  constructor(fd: number) {
    this.#fd = fd;
    if (fd < LOWEST_FD) {
      try {
        this.#fd = duplicate(fd);
      } finally {
        syscall(numbers().close, fd);
      }
    }
  }

  /** @throws SyscallError `ERR_CLOSED` */
  get fd(): number {
    if (this.#fd < 0) throw closedFd("fd");
    return this.#fd;
  }

  get closed(): boolean {
    return this.#fd < 0;
  }

  /** A second fd of the same object, with an owner of its own. */
  dup(): OwnedFd {
    return new OwnedFd(duplicate(this.fd));
  }

  /** Gives the number away: closing it is the caller's from here on. */
  release(): number {
    const fd = this.fd;
    this.#fd = -1;
    return fd;
  }

  /** Again has no effect. */
  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    // After EINTR Linux has closed the fd all the same (close(2)); nothing here can be repeated.
    syscall(numbers().close, fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * A duplicate of a number that somebody else owns.
 * @throws SyscallError `EBADF` where it is not open.
 */
export function dupFd(fd: number): OwnedFd {
  return new OwnedFd(duplicate(fd));
}

function duplicate(fd: number): number {
  const result = syscall(numbers().fcntl, fd, F_DUPFD_CLOEXEC, LOWEST_FD);
  if (result < 0) throw new SyscallError("fcntl", -result);
  return result;
}
