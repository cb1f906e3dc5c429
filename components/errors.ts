/** Errors on their way to the engine. */
import * as pulumi from "@pulumi/pulumi";
import { UserError } from "../plan/errors";

/** Inside an output the engine shows whatever is thrown: the user's own errors as message and remedy, without a stack trace. */
export const asShown = (error: unknown): unknown =>
  error instanceof UserError ? new pulumi.RunError(`${error.message}\n${error.remedy}`) : error;
