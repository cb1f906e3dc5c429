import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import type { Props } from "./contract";
import { StatusError } from "./failure";

/** One provider instance of one engine run. */
interface Session {
  config: Props;
  cancel: AbortController;
}

/**
 * Calls do not say which provider instance they are for, but every instance dials a connection of its own: the
 * configuration is kept by the peer's address.
 */
export class Sessions {
  private readonly byPeer = new Map<string, Session>();
  private readonly engines = new Map<string, EngineClient>();

  /** Where passing status lines of this connection's calls go. */
  meet(peer: string, engineAddress: string): void {
    this.engines.get(peer)?.close();
    if (engineAddress) this.engines.set(peer, new EngineClient(engineAddress, grpc.credentials.createInsecure()));
  }

  configure(peer: string, config: Props): void {
    this.byPeer.set(peer, { config, cancel: new AbortController() });
  }

  cancel(peer: string): void {
    this.byPeer.get(peer)?.cancel.abort(new Error("cancelled by the engine"));
  }

  /**
   * The instance behind a call. A connection that was dropped after long idling and dialled anew is not configured
   * again; then the configuration is taken over only if every instance has the same one, never guessed.
   */
  of(peer: string): Session {
    const own = this.byPeer.get(peer);
    if (own) return own;
    const all = [...this.byPeer.values()];
    const first = all[0];
    if (!first || all.some((other) => JSON.stringify(other.config) !== JSON.stringify(first.config)))
      throw new StatusError(
        grpc.status.FAILED_PRECONDITION,
        "This provider instance was not configured (the provider server was restarted in between). Run the command again.",
      );
    const taken = { config: first.config, cancel: new AbortController() };
    this.byPeer.set(peer, taken);
    return taken;
  }

  /** Shows a passing line beside the resource; a line that cannot be shown is no failure. */
  showStatus(peer: string, urn: string, message: string): void {
    const line = new LogRequest();
    line.setSeverity(LogSeverity.INFO);
    line.setUrn(urn);
    line.setMessage(message);
    line.setEphemeral(true);
    this.engines.get(peer)?.log(line, () => undefined);
  }

  close(): void {
    this.engines.forEach((engine) => engine.close());
  }
}
