import * as grpc from "@grpc/grpc-js";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import { ErrorResourceInitFailed } from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { UserError } from "../../plan/errors";
import type { Props } from "./contract";
import { encode } from "./encoding";

/** An error with a gRPC status of its own. */
export class StatusError extends Error {
  constructor(
    readonly code: grpc.status,
    message: string,
  ) {
    super(message);
  }
}

/**
 * The object exists but did not become ready. The engine keeps it in state, fails the operation, and tries an update
 * next time instead of creating another one.
 */
export class PartialFailure extends Error {
  constructor(
    message: string,
    readonly partial: { id: string; outputs: Props; inputs?: Props; reasons?: string[] },
  ) {
    super(message);
    this.name = "PartialFailure";
  }
}

/** What the engine shows: one readable message, never a stack trace. */
export function messageOf(error: unknown): string {
  if (error instanceof UserError) return `${error.message.replace(/\.?$/, ".")} ${error.remedy}`;
  return error instanceof Error ? error.message : String(error);
}

/** The error as gRPC sends it. `marked`: properties as received, whose secrets stay secret. */
export function toServiceError(error: unknown, marked: Props[]): Partial<grpc.ServiceError> {
  const details = messageOf(error);
  const code = error instanceof StatusError ? error.code : grpc.status.UNKNOWN;
  if (!(error instanceof PartialFailure)) return { code, details };

  const { id, outputs, inputs, reasons } = error.partial;
  const failed = new ErrorResourceInitFailed();
  failed.setId(id);
  failed.setProperties(encode(outputs, ...marked));
  if (inputs) failed.setInputs(encode(inputs, ...marked));
  failed.setReasonsList(reasons ?? [details]);
  const any = new Any();
  any.pack(failed.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new Status();
  status.setCode(code);
  status.setMessage(details);
  status.addDetails(any);
  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return { code, details, metadata };
}
