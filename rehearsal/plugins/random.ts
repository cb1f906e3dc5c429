import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { Secret, type Failure, type Package, type Props, type ResourceKind } from "./contract";
import { isUnknown } from "./encoding";
import { text } from "./text";

const LOWER = "abcdefghijklmnopqrstuvwxyz";
const CLASSES = {
  lower: LOWER,
  upper: LOWER.toUpperCase(),
  numeric: "0123456789",
  special: "!@#$%&*()-_=+[]{}<>:?",
};
type Class = keyof typeof CLASSES;

const PETS = {
  adverbs: "barely calmly deeply early fairly gently hardly ideally jointly kindly lightly mildly neatly openly".split(
    " ",
  ),
  adjectives: "able brave calm daring eager fair glad hardy ideal jolly keen light merry noble open proud quick".split(
    " ",
  ),
  names: "ant bee cod doe elk fox gnu hen ibis jay kite lark mole newt owl pug quail ram seal toad wren yak".split(" "),
};

/**
 * Stand-in for the random plugin. Values live in the engine's state alone, as with the real one; any change of an input
 * makes a new value. Not there: `bcryptHash` of RandomPassword, and the same sequence for the same `seed`.
 */
export const randomPackage = (): Package => ({
  name: "random",
  version: "4.21.2",
  nature: "stand-in",
  resources: {
    "random:index/randomPassword:RandomPassword": textKind(true),
    "random:index/randomString:RandomString": textKind(false),
    "random:index/randomBytes:RandomBytes": kind(["length"], ["base64", "hex"], (inputs) => {
      const bytes = randomBytes(Number(inputs.length));
      return { id: "none", base64: new Secret(bytes.toString("base64")), hex: new Secret(bytes.toString("hex")) };
    }),
    "random:index/randomId:RandomId": kind(["byteLength"], ["b64Std", "b64Url", "dec", "hex"], createId),
    "random:index/randomUuid:RandomUuid": kind([], ["result"], () => {
      const result = randomUUID();
      return { id: result, result };
    }),
    "random:index/randomInteger:RandomInteger": kind(["min", "max"], ["result"], ({ min, max }) => {
      const result = randomInt(Number(min), Number(max) + 1);
      return { id: text(result), result };
    }),
    "random:index/randomPet:RandomPet": kind([], [], createPet),
  },
});

/** A value made once. `create` gives its id beside what it computes. */
function kind(
  required: string[],
  computed: string[],
  create: (inputs: Props) => Props & { id: string },
  check?: (inputs: Props) => Failure[],
): ResourceKind {
  return {
    required,
    computed,
    check: (_context, news) => ({ inputs: news, failures: check?.(news) ?? [] }),
    create: (_context, inputs) => {
      const { id, ...outputs } = create(inputs);
      return Promise.resolve({ id, outputs: { ...inputs, ...outputs } });
    },
    delete: () => Promise.resolve(),
  };
}

// passwords and strings

function textKind(secret: boolean): ResourceKind {
  const create = (inputs: Props): Props & { id: string } => {
    const result = createText(inputs);
    const defaults = {
      lower: true,
      upper: true,
      special: true,
      minLower: 0,
      minUpper: 0,
      minNumeric: 0,
      minSpecial: 0,
    };
    const numeric = isWanted(inputs, "numeric");
    const shown = secret ? new Secret(result) : result;
    return { ...defaults, number: numeric, numeric, ...inputs, id: secret ? "none" : result, result: shown };
  };
  return kind(["length"], ["result"], create, textFailures);
}

const isWanted = (inputs: Props, name: Class): boolean =>
  (name === "numeric" ? (inputs.numeric ?? inputs.number) : inputs[name]) !== false;

const leastOf = (inputs: Props, name: Class): number =>
  Number(inputs[`min${name[0]?.toUpperCase()}${name.slice(1)}`] ?? 0);

const charactersOf = (inputs: Props, name: Class): string =>
  name === "special" && inputs.overrideSpecial ? text(inputs.overrideSpecial) : CLASSES[name];

const names = Object.keys(CLASSES) as Class[];

function textFailures(inputs: Props): Failure[] {
  if (isUnknown(inputs.length)) return [];
  const least = names.reduce((sum, name) => sum + leastOf(inputs, name), 0);
  if (Number(inputs.length) < Math.max(1, least))
    return [
      {
        property: "length",
        reason: `Attribute length value must be at least ${Math.max(1, least)}, got: ${text(inputs.length)}`,
      },
    ];
  return names.some((name) => isWanted(inputs, name))
    ? []
    : [
        {
          property: "special",
          reason: "At least one attribute out of [special, upper, lower, numeric] must be specified as true",
        },
      ];
}

function createText(inputs: Props): string {
  const pick = (characters: string): string => characters[randomInt(characters.length)] ?? "";
  const all = names
    .filter((name) => isWanted(inputs, name))
    .map((name) => charactersOf(inputs, name))
    .join("");
  const letters = names.flatMap((name) =>
    Array.from({ length: leastOf(inputs, name) }, () => pick(charactersOf(inputs, name))),
  );
  while (letters.length < Number(inputs.length)) letters.push(pick(all));
  // What was demanded of each class must not always stand in front.
  for (let at = letters.length - 1; at > 0; at--) {
    const other = randomInt(at + 1);
    [letters[at], letters[other]] = [letters[other] ?? "", letters[at] ?? ""];
  }
  return letters.join("");
}

// ids and pets

function createId(inputs: Props): Props & { id: string } {
  const bytes = randomBytes(Number(inputs.byteLength));
  const prefix = text(inputs.prefix ?? "");
  const b64Url = bytes.toString("base64url");
  const forms = {
    b64Url,
    b64Std: bytes.toString("base64"),
    hex: bytes.toString("hex"),
    dec: BigInt(`0x${bytes.toString("hex")}`).toString(),
  };
  return { id: b64Url, ...Object.fromEntries(Object.entries(forms).map(([form, value]) => [form, prefix + value])) };
}

function createPet(inputs: Props): Props & { id: string } {
  const { prefix, separator = "-", length = 2 } = inputs;
  const pick = (words: string[]): string => words[randomInt(words.length)] ?? "";
  const before = Array.from({ length: Math.max(0, Number(length) - 2) }, () => pick(PETS.adverbs));
  const words = [...before, ...(Number(length) > 1 ? [pick(PETS.adjectives)] : []), pick(PETS.names)];
  const id = [...(prefix === undefined ? [] : [text(prefix)]), ...words].join(text(separator));
  return { id, separator, length };
}
