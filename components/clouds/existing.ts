/** An existing cluster: nothing is made; its machines are somebody else's, and stay. */
import * as pulumi from "@pulumi/pulumi";
import type { CloudArgs, CloudCluster } from "../cloud";

export const createExisting = ({ cluster }: CloudArgs): CloudCluster => ({
  machines: cluster.nodes.map((node) => ({ node, publicAddress: pulumi.output(node.publicAddress ?? "") })),
});

// network: theirs. Its ranges are stated in the topology and checked against the living cluster (../kubernetes/existing.ts).

// firewall: theirs. What it must let through is said by plan/existing.ts, renderOpenings.

// image: theirs.

// machines: theirs. No boot script: no CA key or join token of ours is made for them.

// addresses: those of the gateways, as stated.
