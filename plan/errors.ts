/** An error the user can mend: shown as its message and remedy, never as a stack trace. */
export class UserError extends Error {
  constructor(
    message: string,
    /** What to do next, as a command or a sentence. */
    readonly remedy: string,
  ) {
    super(message);
    this.name = "UserError";
  }
}
