import { readFileSync } from "node:fs";

/** A fenced block of a Markdown file. */
export interface CodeBlock {
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a file, in order. */
export function codeBlocks(path: string | URL): CodeBlock[] {
  const blocks = readFileSync(path, "utf8").matchAll(/^```(\w*)\n(.*?)^```$/gms);
  return [...blocks].map(([, language = "", text = ""]) => ({ language, text }));
}
