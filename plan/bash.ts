/** Pieces of the bash text that boot scripts are made of. */

/** Single-quoted for bash. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** A file by here-document, written by the script's own `write`; the text is not expanded. */
export function file(path: string, mode: string, text: string): string {
  const end = text.endsWith("\n") ? "" : "\n";
  return `write ${path} ${mode} <<'ARCHIPELAGO'\n${text}${end}ARCHIPELAGO`;
}
