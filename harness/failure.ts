import { isCloud } from "../plan/clouds";
import { UserError } from "../plan/errors";
import { cloudOfType, faultKindOf, renderRefusal, renderRefusalRemedy, type Refusal } from "../plan/faults";
import { oneLine, renderDiagnostic, type Diagnostic } from "./diagnostics";
import type { Member } from "./members";

/** A `UserError` for things that are right but come too early; the shell sees exit code 3. */
export class NotReadyError extends UserError {
  constructor(message: string, remedy: string) {
    super(message, remedy);
    this.name = "NotReadyError";
  }
}

const REMEDIES: [RegExp, string][] = [
  [/engine was ended by SIG/, "Nothing to mend: the next run clears what the ended engine left."],
  [
    /incorrect passphrase|passphrase must be set|unable to find either `?PULUMI_CONFIG_PASSPHRASE/i,
    "Set PULUMI_CONFIG_PASSPHRASE (or PULUMI_CONFIG_PASSPHRASE_FILE) to the passphrase this stack was made with.",
  ],
  [
    /PULUMI_ACCESS_TOKEN must be set|pulumi login/i,
    'Log in first: "pulumi login", or set PULUMI_BACKEND_URL to where the state is kept.',
  ],
  [
    /no resource plugin|could not (?:find|load) plugin|plugin .* not found|automatic plugin acquisition/i,
    'Install the provider plugins with "pulumi install"; for the rehearsal use make rehearsal, which attaches its own.',
  ],
  [
    /protect(?:ed)? (?:resource|=)|cannot be deleted because it is protected|as it is currently marked for protection/i,
    "What holds data is protected. If it may go: pulumi state unprotect --all -s <stack>, then again.",
  ],
  [
    /ECONNREFUSED|connection refused|UNAVAILABLE|transport is closing/i,
    "A server did not answer. In a rehearsal: see that its machines and emulated clouds still run (make rehearsal starts them).",
  ],
];

/** What a failed operation's errors mean, one line each, and what to do about all of them. */
export interface Failure {
  errors: string[];
  remedy: string;
}

/**
 * Tells the errors that the engine's events have told, clouds' refusals in the program's words first.
 *
 * @param triedZones how many availability domains a machine was tried in, where more than one.
 */
export function failureOfDiagnostics(
  told: Diagnostic[],
  member: Pick<Member, "name" | "cloud" | "place">,
  triedZones: (node: string) => number | undefined = () => undefined,
): Failure {
  const remedies = new Set<string>();
  const unforeseen: string[] = [];
  const errors = told.map((diagnostic) => {
    const seen = refusalOf(diagnostic, member);
    if (!seen) {
      unforeseen.push(renderDiagnostic(diagnostic));
      return renderDiagnostic(diagnostic);
    }
    const refusal = { ...seen, tried: triedZones(diagnostic.resource) };
    remedies.add(renderRefusalRemedy(refusal));
    return `${renderRefusal(refusal)}; its words: ${diagnostic.message}`;
  });
  if (unforeseen.length > 0) remedies.add(remedyFor(unforeseen, member.name));
  return { errors, remedy: [...remedies].join("\n") };
}

/** The cloud's refusal behind an error; undefined when it is something else. */
export function refusalOf(
  { severity, resource, type, words }: Diagnostic,
  { name: stack, cloud: own, place }: Pick<Member, "name" | "cloud" | "place">,
): Refusal | undefined {
  if (severity !== "error") return undefined;
  // What the program itself was refused (look-ups) has no type; it asks its own cloud only.
  const cloud = type === "" ? (isCloud(own) ? own : undefined) : cloudOfType(type);
  const kind = cloud && faultKindOf(cloud, words);
  if (!kind) return undefined;
  const name = type.startsWith("pulumi:providers:") ? undefined : resource;
  return { kind, cloud, stack, name, place: cloud === own ? place : undefined };
}

/** What to do about an error message nobody has foreseen in particular. */
export function remedyFor(messages: string[], stack: string): string {
  const text = messages.join("\n");
  const found = REMEDIES.find(([pattern]) => pattern.test(text));
  return found ? found[1].replaceAll("<stack>", stack) : `Mend what the error of ${stack} names.`;
}

/** The sentences worth showing of an error thrown by the Automation API, whose message is a whole transcript. */
export function errorLines(error: unknown): string[] {
  if (error instanceof UserError) return [error.message];
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.split("\n").map((line) => line.trim());
  const told = lines.filter((line) => /^error:/i.test(line)).map((line) => oneLine(line.replace(/^error:\s*/i, "")));
  const useful = [...new Set(told)].filter(
    (line) => line && !/^(update|preview|destroy|refresh) (failed|canceled)$/.test(line),
  );
  if (useful.length > 0) return useful;
  const killed = /was killed with (SIG[A-Z]+)/.exec(text);
  if (killed) return [`the engine was ended by ${killed[1]} before it was done`];
  return [oneLine(lines.find((line) => line && !/^(code|stdout|stderr):/.test(line)) ?? "no reason given")];
}
