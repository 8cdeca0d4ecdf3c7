/** What goes over the guest's console: lines with a mark, each a JSON value. */

export const MARK = "@@skmsg@@ ";

/** Written by the reporter, one or two for each test. */
export type Report =
  | { readonly type: "start"; readonly name: string }
  | { readonly type: "pass" | "skip" | "todo" | "fail"; readonly name: string; readonly message: string };

/** Written by /init. */
export type Stage =
  | { readonly type: "kernel"; readonly release: string }
  | { readonly type: "file"; readonly file: string }
  | { readonly type: "end"; readonly exit: number }
  | { readonly type: "done" };

/** The value on a line, undefined on any other line. */
export function readLine(line: string): Report | Stage | undefined {
  const start = line.indexOf(MARK);
  if (start < 0) {
    return undefined;
  }
  try {
    const value: Report | Stage = JSON.parse(line.slice(start + MARK.length));
    return value;
  } catch {
    // A message of the kernel fell into it. The count of a file will be wrong by one, its exit code is not.
    return undefined;
  }
}
