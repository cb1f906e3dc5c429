import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Rows of a page's table between two marks, cell by cell, without its head. */
export function pageTable(page: string, mark: string): string[][] {
  const text = readFileSync(join(__dirname, "../..", page), "utf8");
  const table = new RegExp(`<!-- ${mark} -->\n([\\s\\S]*?)<!-- end -->`).exec(text)?.[1];
  if (!table) throw new Error(`${page} has no table "${mark}"`);
  const lines = table.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
