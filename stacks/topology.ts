/** The fleet as data. Overridden by Pulumi.yaml (archipelago:fleet), Pulumi.<stack>.yaml (archipelago:cluster), ARCHIPELAGO_OVERLAY. */
import * as fs from "node:fs";
import * as path from "node:path";
import { parse } from "yaml";
import { assertTopology } from "../plan/check";
import { UserError } from "../plan/errors";
import { mergeData } from "../plan/merge";
import type { Topology } from "../plan/types";

/** What the tree says before any override. Adding a region is one entry here (or in its stack file) and one stack file. */
export const DEFAULT_TOPOLOGY: Topology = {
  world: "clouds",
  domain: "archipelago.internal",
  // Nobody, until somebody says who: check.ts asks for it.
  adminCidrs: [],
  upstreamDns: ["/etc/resolv.conf"],
  protectData: true,
  kubernetes: { version: "v1.37.2" },
  // Not below 0.24.2: security fixes of autumn 2026.
  submariner: { version: "0.24.2", repository: "quay.io/submariner", cableDriver: "libreswan" },
  database: {
    image: "docker.io/cockroachdb/cockroach:v25.4.14",
    standIn: false,
    replicas: 3,
    storageGib: 20,
    survive: "region",
  },
  clusters: {
    broker: {
      cloud: "vultr",
      place: "ewr",
      role: "broker",
      nodeCidr: "10.10.0.0/24",
      podCidr: "10.128.0.0/16",
      serviceCidr: "10.192.0.0/16",
      nodes: { server: { role: "server" } },
    },
    oregon: {
      cloud: "aws",
      place: "us-west-2",
      role: "region",
      primary: true,
      nodeCidr: "10.20.0.0/24",
      podCidr: "10.129.0.0/16",
      serviceCidr: "10.193.0.0/16",
      nodes: {
        server: { role: "server", gateway: true, replicas: [1] },
        "worker-1": { role: "worker", replicas: [0, 2] },
      },
    },
    ashburn: {
      cloud: "oci",
      place: "us-ashburn-1",
      role: "region",
      nodeCidr: "10.30.0.0/24",
      podCidr: "10.130.0.0/16",
      serviceCidr: "10.194.0.0/16",
      nodes: { server: { role: "server", gateway: true } },
    },
    london: {
      cloud: "civo",
      place: "LON1",
      role: "region",
      // Civo assigns it; it cannot be chosen.
      nodeCidr: "192.168.1.0/24",
      podCidr: "10.131.0.0/16",
      serviceCidr: "10.195.0.0/16",
      nodes: { server: { role: "server", gateway: true } },
    },
    tokyo: {
      cloud: "equinix-metal",
      place: "ty",
      role: "region",
      nodeCidr: "10.70.0.0/25",
      podCidr: "10.132.0.0/16",
      serviceCidr: "10.196.0.0/16",
      nodes: { server: { role: "server", gateway: true } },
    },
  },
};

/** The project's folder, where Pulumi.yaml lies: above this file, or beside main.cjs, which makes the program one text. */
export const PROJECT_FOLDER = fs.existsSync(path.join(__dirname, "Pulumi.yaml"))
  ? __dirname
  : path.resolve(__dirname, "..");

/**
 * The whole fleet, the same from whichever stack it is read: every stack's file counts, not only the selected one's.
 *
 * @param folder where Pulumi.yaml and Pulumi.<stack>.yaml lie.
 * @param overlay path of a JSON file laid over everything else; default: the environment's ARCHIPELAGO_OVERLAY. What it says
 *   under `adjust` of a cluster holds only while there is such a cluster.
 * @throws UserError with every finding at once.
 */
export function loadTopology(folder = PROJECT_FOLDER, overlay = process.env.ARCHIPELAGO_OVERLAY): Topology {
  let data: unknown = mergeData(DEFAULT_TOPOLOGY, readFleet(folder));
  for (const file of fs.readdirSync(folder).sort()) {
    const stack = /^Pulumi\.(.+)\.ya?ml$/.exec(file)?.[1];
    if (stack) assertEncrypted(path.join(folder, file), stack);
    const cluster = stack && readConfig(path.join(folder, file), "archipelago:cluster");
    if (stack && cluster) data = mergeData(data, { clusters: { [stack]: cluster } });
  }
  if (overlay) data = layOver(data, readOverlay(overlay));
  return assertTopology(data);
}

/** A kubeconfig is an administrator's key, and stack files are committed. The engine takes one in clear without a word. */
function assertEncrypted(file: string, stack: string): void {
  const kubeconfig = readConfig(file, "archipelago:kubeconfig");
  if (kubeconfig === undefined || isSecure(kubeconfig)) return;
  throw new UserError(
    `${file}: archipelago:kubeconfig stands there in clear.`,
    `Encrypt it: \`kubectl config view --raw --minify --flatten | pulumi config set --secret archipelago:kubeconfig -s ${stack}\`. ` +
      "If the file was ever committed, take that credential away in its cluster and make a new one (docs/existing-clusters.md).",
  );
}

/** Whether a value of a stack file is encrypted. */
export const isSecure = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).join() === "secure";

/** `adjust` speaks of clusters by name, as far as they are there; the rest may make new ones. */
function layOver(data: unknown, { adjust, ...rest }: Record<string, unknown>): unknown {
  const known = Object((data as { clusters?: unknown }).clusters) as object;
  const there = Object.entries(adjust ?? {}).filter(([name]) => Object.hasOwn(known, name));
  return mergeData(mergeData(data, { clusters: Object.fromEntries(there) }), rest);
}

function readFleet(folder: string): unknown {
  const entry = readConfig(path.join(folder, "Pulumi.yaml"), "archipelago:fleet");
  return (entry as { value?: unknown } | undefined)?.value;
}

function readConfig(file: string, key: string): unknown {
  const document = readFile(file, parse) as { config?: Record<string, unknown> } | null;
  return document?.config?.[key];
}

function readOverlay(file: string): Record<string, unknown> {
  const data = readFile(file, JSON.parse);
  if (typeof data === "object" && data !== null && !Array.isArray(data)) return data as Record<string, unknown>;
  throw new UserError(`${file}: not a JSON object.`, "Correct the file, or unset ARCHIPELAGO_OVERLAY.");
}

function readFile(file: string, parseText: (text: string) => unknown): unknown {
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new UserError(`Cannot read ${file}: ${code}.`, "Restore the file, or correct the variable that names it.");
  }
  try {
    return parseText(text);
  } catch (cause) {
    const [reason] = (cause as Error).message.split("\n");
    throw new UserError(`${file}: ${reason}`, "Correct the file's syntax.");
  }
}
