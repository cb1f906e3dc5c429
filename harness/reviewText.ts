/** Text of others made safe for a comment: no markup, no mention, no link, no secret comes out of it. */
import { hideSecrets, stripColours } from "./diagnostics";

/** What is looked at of one text; secrets are searched in it, and the search must end. */
const INPUT_LIMIT = 32_768;
/** Secrets shorter than this are words of the language as well; masking them would eat the document. */
const SHORTEST_SECRET = 8;
const MASK = "[secret]";

/** Names of environment variables whose values must never be shown. */
const SECRET_VARIABLE = /TOKEN|SECRET|PASSWORD|PASSPHRASE|PASSWD|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|AUTH(?!OR)/i;
/** Ends of property names whose values are secrets, whatever the program says of them. */
const SECRET_PROPERTY =
  /(password|passphrase|passwd|secret|token|psk|privatekey|keydata|apikey|accesskey|kubeconfig|credentials?|userdata(base64)?|script|cloudinit|pem|keypem|material)$/i;
/** Resource types that exist to hold secrets. */
const SECRET_TYPE = /^kubernetes:core\/v1:Secret$|^random:|^tls:|^pulumi:providers:/;

/** The environment's own secrets, longest first: whatever else fails, these are masked by value. */
export function secretsOf(environment: NodeJS.ProcessEnv): string[] {
  const values = Object.entries(environment)
    .filter(([name]) => SECRET_VARIABLE.test(name))
    .flatMap(([, value]) => (value ? [value, ...value.split(/\r?\n/)] : []))
    .map((value) => value.trim())
    .filter(
      (value) => value.length >= SHORTEST_SECRET && !/^([\\/~.][^\s]*|https?:\/\/[^@\s]*|true|false)$/.test(value),
    );
  const coded = values.flatMap((value) => [value, Buffer.from(value).toString("base64"), encodeURIComponent(value)]);
  return [...new Set(coded)].sort((left, right) => right.length - left.length);
}

/**
 * Text fit to be kept: without colours, control signs and signs that turn the direction of writing (line ends stay), known
 * secrets masked by value, and everything that looks like one. Long texts are cut, never in the middle of a word.
 */
export function cleanText(text: string, known: string[] = []): string {
  // First the signs nobody sees: a secret with one in its middle would be whole again after the search.
  const visible = stripColours(text)
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]+/g, " ")
    .replace(/[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, "");
  return maskPatterns(cutAtWord(maskKnown(visible, known)));
}

/** Masks the given secrets wherever they stand. */
export function maskKnown(text: string, known: string[]): string {
  return known.reduce((rest, secret) => rest.replaceAll(secret, MASK), text);
}

/** The half of a key is a secret too, and is not found as one: the word that would be cut goes. */
function cutAtWord(text: string): string {
  if (text.length <= INPUT_LIMIT) return text;
  let end = INPUT_LIMIT;
  while (end > 0 && !/\s/.test(text[end - 1]!)) end--;
  return `${text.slice(0, end)}…`;
}

function maskPatterns(text: string): string {
  return hideSecrets(text)
    .replace(/-----(BEGIN|END) [A-Z ]{0,40}PRIVATE KEY-----/g, MASK)
    .replace(/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@:]{1,200}:[^\s/@]{1,400}@/gi, `$1${MASK}@`)
    .replace(/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${MASK}`)
    .replace(/\b(AKIA|ASIA)[A-Z0-9]{16}\b/g, MASK)
    .replace(/\b(gh[a-z]_|github_pat_|glpat-|pul-|xox[a-z]-|sk-)[\w-]{16,}/g, MASK)
    .replace(/[A-Za-z0-9+/_=-]{24,}/g, (run) => (isRandom(run) ? MASK : run));
}

/** Whether a run of signs looks drawn by lot rather than written by someone. */
function isRandom(run: string): boolean {
  if (run.split(/[^0-9a-zA-Z]+/).some((part) => part.length >= 32 && /^[0-9a-f]+$/i.test(part))) return true;
  if (!/[A-Z]/.test(run)) return false;
  // Capitals and digits alone are a key in base32; in mixed case, names are made of words, keys are not.
  if (!/[a-z]/.test(run)) return run.replace(/\D/g, "").length >= 2;
  const readable = (run.match(/[A-Z]?[a-z]{3,}/g) ?? []).join("").length;
  return readable < run.replace(/[^0-9a-zA-Z]/g, "").length / 2;
}

/** Whether a property's value may never be shown, by its path, its resource's type or its own look. */
export function isSecretProperty(type: string, path: string): boolean {
  if (SECRET_TYPE.test(type)) return true;
  return path.split(/[.[\]"]+/).some((part) => SECRET_PROPERTY.test(part.replace(/[-_]/g, "")));
}

/** At most `limit` signs of a text on one line; half a pair of surrogates becomes a replacement sign. */
export function oneShortLine(text: string, limit: number): string {
  const signs = [
    ...text
      .slice(0, limit * 8)
      .replace(/\s+/g, " ")
      .trim(),
  ];
  const short = signs.length > limit ? [...signs.slice(0, limit - 1), "…"] : signs;
  return Buffer.from(short.join("")).toString();
}

/** A code span: markup, HTML, mentions and links inside it are letters. Not for tables, where `|` would end a cell. */
export function code(text: string, limit = 160): string {
  const line = oneShortLine(text, limit);
  const fence = fenceFor(line, "`");
  return line === "" ? "` `" : line.includes("`") ? `${fence} ${line} ${fence}` : `\`${line}\``;
}

/** A fenced block: nothing inside it is markup. At most `limit` characters, cut at a line's end. */
export function block(text: string, limit = 4_000): string {
  const lines: string[] = [];
  let length = 0;
  for (const line of text.split("\n")) {
    // Indentation carries meaning in lists of findings.
    const shown = /^ {0,8}/.exec(line)![0] + oneShortLine(line, 1_000);
    length += shown.length + 1;
    if (length > limit) {
      lines.push("…");
      break;
    }
    lines.push(shown);
  }
  const body = lines.join("\n");
  const fence = fenceFor(body, "```");
  return `${fence}text\n${body}\n${fence}`;
}

/** A word of the topology (stack, cloud, place) outside code: letters, digits and a few signs; everything else becomes `?`. */
export function word(text: string, limit = 63): string {
  return text.slice(0, limit).replace(/[^A-Za-z0-9 .-]/g, "?");
}

/** One backtick more than the longest run inside. */
function fenceFor(text: string, least: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  return "`".repeat(Math.max(least.length, longest + 1));
}
