import assert from "node:assert/strict";
import { SkmsgError } from "skmsg";

/** Asserts that `action` throws an error of this package with that code, whose message matches, and returns it. */
export function throwsCode(action: () => unknown, code: string, message: RegExp = /./): SkmsgError {
  try {
    action();
  } catch (error) {
    return isCode(error, code, message);
  }
  return assert.fail(`nothing was thrown, and ${code} expected`);
}

/** The same of a promise. */
export async function rejectsCode(promise: Promise<unknown>, code: string, message: RegExp = /./): Promise<SkmsgError> {
  const error: unknown = await promise.then(
    () => assert.fail(`nothing was thrown, and ${code} expected`),
    (reason: unknown) => reason,
  );
  return isCode(error, code, message);
}

function isCode(error: unknown, code: string, message: RegExp): SkmsgError {
  if (!(error instanceof SkmsgError)) throw error;
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  return error;
}
