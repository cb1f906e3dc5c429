/** What the engine's state says of a machine, and the protection on it. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Stack } from "@pulumi/pulumi/automation";
import { isCloud } from "../plan/clouds";
import { UserError } from "../plan/errors";
import { MACHINE_TYPES } from "../plan/machineTypes";
import { nameOf } from "./phases";

export interface MachineState {
  urn: string;
  /** The cloud's; a new machine has another one. */
  id: string;
  /** Deleted already, by a replacement that has not made its successor yet. */
  isGone: boolean;
  isProtected: boolean;
}

interface StateResource {
  urn: string;
  type: string;
  id?: string;
  protect?: boolean;
  delete?: boolean;
  pendingReplacement?: boolean;
}

/**
 * The machine of a node in its stack's state.
 *
 * @throws UserError when the state has none.
 */
export async function findMachine(stack: Stack, cloud: string, node: string): Promise<MachineState> {
  const { deployment } = (await stack.exportStack()) as { deployment?: { resources?: StateResource[] } };
  const type = isCloud(cloud) ? MACHINE_TYPES[cloud] : undefined;
  const found = deployment?.resources?.find(
    (one) => one.type === type && nameOf(one.urn) === node && one.delete !== true,
  );
  if (found) {
    const { urn, id = "", protect, pendingReplacement } = found;
    return { urn, id, isGone: pendingReplacement === true, isProtected: protect === true };
  }
  throw new UserError(
    `The state of ${stack.name} has no machine ${node}.`,
    `Put it up first: ./archipelago up --stack ${stack.name}`,
  );
}

/** Takes the protection off one resource, or puts it back; the program's next registration puts it back as well. */
export async function setProtection(stack: Stack, urn: string, isProtected: boolean): Promise<void> {
  const verb = isProtected ? "protect" : "unprotect";
  const { workDir, envVars } = stack.workspace;
  const words = ["state", verb, urn, "--yes", "--stack", stack.name, "--non-interactive"];
  // The Automation API has no word for it; `chooseEngine` has put the engine first on PATH.
  await promisify(execFile)("pulumi", words, { cwd: workDir, env: { ...process.env, ...envVars } });
}
