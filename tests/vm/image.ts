/** From a row of the table to a kernel image on this machine. */

import { copyFileSync, existsSync, globSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
