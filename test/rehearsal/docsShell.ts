/** Commands of the documentation, to be run as they stand there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The shell blocks of a page, in its order, without the indentation of the list they stand in. */
export function shellBlocks(page: string): string[] {
  const text = readFileSync(join(__dirname, "..", "..", page), "utf8");
  return [...text.matchAll(/^( *)```sh\n([\s\S]*?)^\1```$/gm)].map(([, indent = "", block = ""]) =>
    block
      .split("\n")
      .map((line) => line.slice(indent.length))
      .join("\n"),
  );
}
