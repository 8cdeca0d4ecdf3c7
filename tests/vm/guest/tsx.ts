/** Stands in for tsx inside the machine: an import of a `.ts` file that was compiled finds its `.js`. */

import { register } from "node:module";

register("./hooks.js", import.meta.url);
