/** Errors on their way to the engine. */
import * as pulumi from "@pulumi/pulumi";
import { UserError } from "../plan/errors";

/** An error that the engine shows as these words alone, wherever it is thrown. */
export class ShownError extends pulumi.RunError {
  constructor(words: string) {
    super(words);
    // The SDK prints the stack of what fails after the program's own run, and else the message, before which it writes a
    // property's name for every resource that waits.
    for (const key of ["message", "stack"])
      Object.defineProperty(this, key, { get: () => words, set: () => undefined });
  }
}

/** Inside an output the engine shows whatever is thrown: the user's own errors as message and remedy, without a stack trace. */
export const asShown = (error: unknown): unknown =>
  error instanceof UserError ? new ShownError(`${error.message}\n${error.remedy}`) : error;

/** Node drops an HTTP/2 header, and with it gRPC's message, that ends in a space (nodejs/node#56703). */
const LOST = "a look-up was refused; the cloud's words were lost between the engine and the program";

/** What a cloud answers when the program looks something up, in a preview too. A refusal is shown as the cloud's words alone. */
export const lookedUp = <T>(answer: Promise<T>): pulumi.Output<pulumi.Unwrap<T>> =>
  pulumi.output(
    answer.catch((error: unknown): never => {
      // An engine that is shutting down has told its reason already.
      if (!(error instanceof Error) || pulumi.isGrpcError(error)) throw error;
      throw new ShownError(error.message || LOST);
    }),
  );
