/** Asks before something is changed or lost that an `up` alone would leave. */
import { createInterface } from "node:readline/promises";
import { UserError } from "../plan/errors";

export interface Question {
  /** Do not ask. */
  yes?: boolean;
  /** Where a question can be asked; default the terminal, if standard input is one. */
  ask?: (question: string) => Promise<boolean>;
}

/**
 * Goes on only with a yes.
 *
 * @throws UserError for every other answer, and where nobody can be asked.
 */
export async function assertWanted({ yes, ask }: Question): Promise<void> {
  if (yes) return;
  const question = ask ?? (process.stdin.isTTY ? askOnTerminal : undefined);
  if (!question) {
    throw new UserError("Nobody can be asked here, and --yes was not given.", "Read the plan, then add --yes.");
  }
  if (!(await question("Do it? [y/N] "))) throw new UserError("Nothing was touched.", "Answer y, or add --yes.");
}

async function askOnTerminal(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}
