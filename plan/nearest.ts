/** Which known word was probably meant. */

/** The known word that differs least, when it differs little. */
export function findNearest(text: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.min(3, Math.ceil(text.length / 3) + 1);
  for (const word of known) {
    const distance = editDistance(text.toLowerCase(), word.toLowerCase());
    if (distance < least) [best, least] = [word, distance];
  }
  return best;
}

/**
 * Words for what is allowed: the known names most like the wanted one, and how many more there are.
 *
 * @param count how many names to spell out.
 */
export function renderNearest(names: string[], wanted: string, count = 8): string {
  const near = names
    .map((name) => ({ name, distance: editDistance(name.toLowerCase(), wanted.toLowerCase()) }))
    .sort((left, right) => left.distance - right.distance)
    .slice(0, count)
    .map(({ name }) => name);
  const more = names.length - near.length;
  return more > 0 ? `${near.join(", ")} or one of ${more} more` : near.join(", ");
}

/** How many letters must be added, dropped or changed to come from one word to the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column++) {
      const changed = (row[column - 1] ?? 0) + (letter === to[column - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
