/** `inspect.custom` of node:util, which gives it this name for code that does not import it. */
const CUSTOM = Symbol.for("nodejs.util.inspect.custom");

/**
 * How `util.inspect`, and so console.log, shows the instances of a class and its subclasses.
 * Set from a static block, since declarations cannot name a computed method.
 */
export function inspectAs<T extends object>(prototype: T, line: (instance: T) => string): void {
  Object.defineProperty(prototype, CUSTOM, {
    value(this: T): string {
      return line(this);
    },
  });
}
