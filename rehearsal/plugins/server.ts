import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import type { Package } from "./contract";
import { createProvider } from "./provider";
import { Sessions } from "./session";

export { UNKNOWN, hasUnknown, isUnknown } from "./encoding";
export { PartialFailure, StatusError } from "./failure";

export interface ServeOptions {
  /** Fixed port a package name, so that a restarted server is found where the engine left it. Default: any free one. */
  ports?: Record<string, number>;
  /** One line for every call that changes something and for every failure. */
  log?: (line: string) => void;
}

export interface Served {
  /** Value for PULUMI_DEBUG_PROVIDERS. */
  debugProviders: string;
  ports: Record<string, number>;
  close(): Promise<void>;
}

// Kubernetes manifests and user data are far above gRPC's default of 4 MiB when a stack has many of them in one call.
const MAX_MESSAGE_BYTES = 400 * 1024 * 1024;

/**
 * Serves every package as a Pulumi resource provider on its own local port; the real engine attaches to them.
 *
 * Throws when a fixed port is taken.
 */
export async function serve(packages: Package[], options: ServeOptions = {}): Promise<Served> {
  const servers: grpc.Server[] = [];
  const ports: Record<string, number> = {};
  const sessions: Sessions[] = [];
  const close = (): Promise<void> => {
    servers.forEach((server) => server.forceShutdown());
    sessions.forEach((own) => own.close());
    return Promise.resolve();
  };
  try {
    for (const pkg of packages) {
      const server = new grpc.Server({
        "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
        "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
      });
      const own = new Sessions();
      servers.push(server);
      sessions.push(own);
      server.addService(ResourceProviderService, createProvider(pkg, own, options.log ?? (() => undefined)));
      ports[pkg.name] = await bind(server, pkg.name, options.ports?.[pkg.name] ?? 0);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const debugProviders = Object.entries(ports)
    .map(([name, port]) => `${name}:${port}`)
    .join(",");
  return { debugProviders, ports, close };
}

function bind(server: grpc.Server, name: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(new Error(`Cannot serve package ${name} on port ${port}: ${error.message}`)) : resolve(bound),
    );
  });
}
