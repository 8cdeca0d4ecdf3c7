/** The module hook behind the stand-in for tsx. */

import { existsSync } from "node:fs";
import type { ResolveHook } from "node:module";
import { fileURLToPath } from "node:url";

export const resolve: ResolveHook = (specifier, context, nextResolve) => {
  if (specifier.endsWith(".ts")) {
    const compiled = new URL(specifier.replace(/ts$/, "js"), context.parentURL ?? "file:///app/");
    if (compiled.protocol === "file:" && existsSync(fileURLToPath(compiled))) {
      return nextResolve(compiled.href, context);
    }
  }
  return nextResolve(specifier, context);
};
