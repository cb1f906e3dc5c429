/**
 * A Pulumi program that makes the machines of clusters by the program's own adapters, and nothing inside them. Which ones,
 * and of which topology, is told by a file: the tests change it between runs.
 */
import * as fs from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { cloudAdapter } from "../../components/cloud";
import { planFleet } from "../../plan/plan";
import type { Topology } from "../../plan/types";

export interface Told {
  topology: Topology;
  /** Names of the clusters to make, all in this stack. */
  clusters: string[];
}

const told = JSON.parse(fs.readFileSync(process.env.REFUSED_FLEET!, "utf8")) as Told;
const plan = planFleet(told.topology);
for (const name of told.clusters) {
  const cluster = plan.clusters[name]!;
  const parent = new pulumi.ComponentResource("archipelago:test:Cluster", name);
  const boot = () => pulumi.secret("#!/bin/bash\n");
  cloudAdapter(cluster.cloud)({ cluster, boot, protectData: false }, parent);
}
