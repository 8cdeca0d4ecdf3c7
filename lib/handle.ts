import { type OwnedFd, SyscallError } from "../syscalls/index.ts";

interface Unclosed {
  readonly fd: OwnedFd;
  readonly what: string | undefined;
}

/** Closes what was dropped without closing, and says so once for each object: a leak that is repaired is still a mistake. */
const dropped = new FinalizationRegistry<Unclosed>(({ fd, what }) => {
  if (fd.closed) return;
  fd.close();
  if (what === undefined) return;
  process.emitWarning(`${what} was garbage collected without close(); its file descriptor has been closed now.`, {
    type: "SkmsgWarning",
    code: "SKMSG_UNCLOSED",
    detail: "Use close(), or declare it with `using`.",
  });
});

/** The fd of a program or map on behalf of the object that users hold. */
export class Handle {
  readonly #fd: OwnedFd;

  /**
   * @param owner the object whose collection closes the fd.
   * @param what names the object in the warning; without a name there is none.
   */
  constructor(owner: WeakKey, fd: OwnedFd, what?: string) {
    this.#fd = fd;
    dropped.register(owner, { fd, what }, this);
  }

  get fd(): number {
    return this.#fd.fd;
  }

  dup(): OwnedFd {
    return this.#fd.dup();
  }

  close(): void {
    dropped.unregister(this);
    this.#fd.close();
  }
}

/** Runs `make`; if it fails, closes what it was to take over. */
export function orClose<T>(owned: Iterable<{ close(): void }>, make: () => T): T {
  try {
    return make();
  } catch (error) {
    for (const one of owned) one.close();
    throw error;
  }
}

/** Whether an error is the kernel's answer with that errno. */
export function isErrno(error: unknown, ...errnos: number[]): boolean {
  return error instanceof SyscallError && error.code === "ERR_SYSCALL" && errnos.includes(error.errno);
}
