import { inspect } from "node:util";

/**
 * How `util.inspect`, and so console.log, shows the instances of a class and its subclasses.
 * Set from a static block, since declarations cannot name a computed method.
 */
export function inspectAs<T extends object>(prototype: T, line: (instance: T) => string): void {
  Object.defineProperty(prototype, inspect.custom, {
    value(this: T): string {
      return line(this);
    },
  });
}
