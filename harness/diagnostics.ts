import type { EngineEvent } from "@pulumi/pulumi/automation";
import { nameOf, typeOf } from "./phases";

/** Something the engine, a provider or the program said about a stack, fit to be shown: one line, no secrets. */
export interface Diagnostic {
  severity: "error" | "warning";
  /** Logical name of the resource it is about; empty for the program. */
  resource: string;
  /** Type token of that resource; empty for the program. */
  type: string;
  message: string;
  /** The whole text, to be recognised by; never shown. */
  words: string;
}

const LINE_LIMIT = 400;

/** What a human should see of an event's diagnostic; `undefined` for noise. */
export function diagnosticOf(event: EngineEvent): Diagnostic | undefined {
  if (event.policyEvent) {
    const { message, policyName, enforcementLevel, resourceUrn } = event.policyEvent;
    const severity = enforcementLevel === "mandatory" ? "error" : "warning";
    // A policy's words are no cloud's.
    return { severity, ...resourceOf(resourceUrn), message: oneLine(`policy ${policyName}: ${message}`), words: "" };
  }
  const said = event.diagnosticEvent;
  if (!said || said.ephemeral) return undefined;
  if (said.severity !== "error" && said.severity !== "warning") return undefined;
  const message = oneLine(said.message);
  return message && !isNoise(message)
    ? { severity: said.severity, ...resourceOf(said.urn), message, words: said.message }
    : undefined;
}

/** Drops colour codes, stack traces and line ends; hides what looks like a secret. */
export function oneLine(text: string): string {
  const lines = hideSecrets(stripColours(text))
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line && !isTrace(line));
  const whole = lines.join(" ").replace(/\s+/g, " ");
  return whole.length > LINE_LIMIT ? `${whole.slice(0, LINE_LIMIT - 1)}…` : whole;
}

/** Removes terminal escapes and the engine's own `<{%…%}>` colour marks. */
export function stripColours(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replace(/<\{%[^%]*%\}>/g, "");
}

/** Last defence: the engine masks the secrets it knows; keys and tokens that slip into messages are masked here. */
export function hideSecrets(text: string): string {
  return text
    .replace(/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(-----END \1-----|$)/g, "[secret]")
    .replace(/\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*/g, "[secret]")
    .replace(/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g, "[secret]")
    .replace(
      /\b(client-key-data|token|password|passphrase|psk|secret[_-]?key)("?\s*[:=]\s*"?)[^\s",}]+/gi,
      "$1$2[secret]",
    )
    .replace(/[A-Za-z0-9+/]{120,}={0,2}/g, "[secret]");
}

/** `name: message`, or the message alone. */
export function renderDiagnostic({ resource, message }: Diagnostic): string {
  return resource && !message.includes(resource) ? `${resource}: ${message}` : message;
}

function resourceOf(urn: string | undefined): Pick<Diagnostic, "resource" | "type"> {
  if (!urn || urn.includes("::pulumi:pulumi:Stack::")) return { resource: "", type: "" };
  return { resource: nameOf(urn), type: typeOf(urn) };
}

function isTrace(line: string): boolean {
  return /^at .+[:(]/.test(line) || /^node:internal|^\^+$|^Node\.js v\d/.test(line) || /^\[?promise/i.test(line);
}

function isNoise(message: string): boolean {
  // Only says that something failed; the failure itself has its own diagnostic.
  if (/^(preview|update|destroy|refresh|resource operation) failed$|^(update|preview) canceled$/i.test(message))
    return true;
  // True of every rehearsal and of every engine that was built.
  return /^using pulumi-\S+ from \$PATH/.test(message);
}
