/**
 * A Pulumi program that is a fleet in small: components, one slow and fallible resource a stack, and the broker's outputs
 * read by the regions. Dynamic resources are the only ones an engine can make without any provider plugin.
 */
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";

interface Inputs {
  name: string;
  stack: string;
  folder: string;
}

const SLOW_SECONDS = 120;

const stack = pulumi.getStack();
const folder = process.env.SMALL_FLEET_FOLDER!;

/** Files named after the stack make its machine slow or fail; every create is noted in one. */
const provider: pulumi.dynamic.ResourceProvider<Inputs, Inputs> = {
  async create(inputs) {
    fs.appendFileSync(`${inputs.folder}/creates`, `${inputs.name}\n`);
    if (fs.existsSync(`${inputs.folder}/fail-${inputs.stack}`)) {
      throw new Error("out of host capacity, token: abcdef.0123456789abcdef");
    }
    if (fs.existsSync(`${inputs.folder}/slow-${inputs.stack}`)) await sleep(SLOW_SECONDS * 1000);
    return { id: inputs.name, outs: inputs };
  },
  diff: () => Promise.resolve({ changes: false }),
  delete: () => Promise.resolve(),
};

class Part extends pulumi.ComponentResource {
  constructor(type: string, name: string, opts?: pulumi.ComponentResourceOptions) {
    super(type, name, {}, opts);
    this.registerOutputs({});
  }
}
class Machine extends pulumi.dynamic.Resource {
  constructor(name: string, opts: pulumi.CustomResourceOptions) {
    super(provider, name, { name, stack, folder }, opts);
  }
}

fs.appendFileSync(`${folder}/runs`, `${stack}\n`);
const region = new Part("archipelago:test:Region", stack);
const machines = new Part("archipelago:test:Machines", `${stack}-machines`, { parent: region });
const machine = new Machine(`${stack}-server`, { parent: machines });
new Part("archipelago:submariner:Gateway", `${stack}-gateway`, { parent: region, dependsOn: machine });

const joins = ["oregon", "ashburn", "london", "tokyo"].map((name) => [`join-${name}`, pulumi.secret({ psk: name })]);
const fromBroker = (): pulumi.Output<unknown> =>
  new pulumi.StackReference("organization/archipelago/broker").requireOutput(`join-${stack}`);

export = {
  kept: pulumi.secret("nobody may read this"),
  ...(stack === "broker" ? (Object.fromEntries(joins) as object) : { join: fromBroker() }),
};
