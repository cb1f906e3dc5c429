/**
 * What a cloud's refusal means and what to do about it. Pure: the harness and the program both read it, and
 * docs/operating.md lists it.
 */
import { CLOUD_FACTS } from "./clouds";
import { availabilityDomainsOf } from "./networks";
import { CLOUDS, type CloudName } from "./types";

export const FAULT_KINDS = [
  "capacity",
  "quota",
  "rate limit",
  "credentials",
  "permission",
  "unknown size",
  "unknown image",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** A refusal, and where it happened as far as that is known. */
export interface Refusal {
  kind: FaultKind;
  cloud: CloudName;
  stack: string;
  place?: string;
  /** The machine or other object that was to be made; empty for the provider and for look-ups. */
  name?: string;
  /** How many of the place's availability domains were tried, where more than the first. */
  tried?: number;
}

interface Fault {
  /** Told of the cloud's label and the place. */
  means: (label: string, where: string) => string;
  act: string;
  /** What `act` means at each cloud. */
  details?: Partial<Record<CloudName, string>>;
  /** Whether the same `up` may succeed with nothing changed. */
  waits: boolean;
}

export const FAULTS: Record<FaultKind, Fault> = {
  capacity: {
    means: (label, where) => `${label} has no free machine of that size${where} now`,
    act: "Wait and run it again, or choose another `size` or place in the topology",
    details: { oci: "or another `zone`" },
    waits: true,
  },
  quota: {
    means: (label) => `the account has reached a limit at ${label}`,
    act: "Have the limit raised, or delete what is not used",
    details: {
      aws: "Service Quotas, Amazon EC2, in that place; vCPUs are counted by family",
      oci: "Governance, Limits, Quotas and Usage; some limits are counted by availability domain",
      vultr: "a support ticket; the limit is on the monthly fee",
      civo: "the account's quota page",
      linode: "a support ticket",
      "equinix-metal": "the project's settings",
    },
    waits: false,
  },
  "rate limit": {
    means: (label) => `${label} was asked too often in a short time, and its provider has given up waiting`,
    act: "Wait some minutes and run it again; `pulumi up --parallel 4` asks for fewer things at a time",
    waits: true,
  },
  credentials: {
    means: (label) => `${label} does not take the credentials: they are missing, wrong or have expired`,
    act: "Renew them",
    details: {
      aws: "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or `aws sso login`",
      oci: "user, fingerprint, key_file and tenancy in ~/.oci/config; `oci session refresh` for a session's token",
      vultr: "VULTR_API_KEY",
      civo: "CIVO_TOKEN",
      linode: "LINODE_TOKEN",
      "equinix-metal": "METAL_AUTH_TOKEN",
    },
    waits: false,
  },
  permission: {
    means: (label) => `${label} knows who asks, and does not allow it`,
    act: "Have it allowed",
    details: {
      aws: "the action that AWS names, in the policy of that user or role",
      oci: "`account` is the right compartment, and a policy lets your group manage instance-family and virtual-network-family in it",
      vultr: "this machine's address, under Account, API, Access Control",
      civo: "a token of the account that owns the network",
      linode:
        "a new token that may read and write Linodes, Firewalls, IPs, VPCs, Events and, for three servers, NodeBalancers: scopes cannot be added",
      "equinix-metal": "a token that may write to the project named by `account`",
    },
    waits: false,
  },
  "unknown size": {
    means: (label, where) => `${label} does not offer that size${where}, or not in that zone`,
    act: "Choose another `size` in the topology; plan/prices lists those that are known",
    waits: false,
  },
  "unknown image": {
    means: (label, where) => `${label} has no such image${where}, or none that fits the size`,
    act: "Run it again, the image is looked up anew; then choose another place or `size`",
    waits: true,
  },
};

/**
 * The clouds' own words, by what they mean; the first that matches counts. Where they come from stands beside the whole
 * texts in rehearsal/clouds/faults.ts.
 */
const WORDS: Record<CloudName, [FaultKind, RegExp][]> = {
  aws: [
    ["rate limit", /RequestLimitExceeded|\bThrottling(Exception)?\b|TooManyRequestsException/],
    ["capacity", /Insufficient(Instance|Host|Address)Capacity/],
    ["quota", /LimitExceeded\b|MaxIOPSLimitExceeded|PendingVerification/],
    [
      "credentials",
      /ExpiredToken|RequestExpired|AuthFailure|InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|No valid credential sources|failed to refresh cached (SSO token|credentials)/,
    ],
    ["permission", /UnauthorizedOperation|AccessDenied|OptInRequired/],
    ["unknown size", /api error Unsupported: .*instance type|InvalidParameterValue: .*InstanceType/],
    ["unknown image", /InvalidAMIID\.|Your query returned no results/],
  ],
  oci: [
    ["rate limit", /429-TooManyRequests/],
    ["capacity", /Out of (host )?capacity/i],
    ["quota", /-LimitExceeded|-QuotaExceeded|reached your service limit/],
    ["credentials", /401-NotAuthenticated|did not find a proper configuration|can not create client/],
    ["unknown size", /shape \S+ not found/i],
    ["unknown image", /is not valid for image|no image of .* was found/],
    ["permission", /-NotAuthorizedOrNotFound|403-/],
  ],
  vultr: [
    ["rate limit", /rate limit/i],
    ["capacity", /plan is not available in the selected/i],
    ["quota", /maximum monthly fee limit|reached the maximum/i],
    ["permission", /Unauthorized IP address/],
    ["credentials", /Invalid API token/i],
    ["unknown size", /Invalid plan/],
    ["unknown image", /Invalid OS|no results were found/],
  ],
  civo: [
    ["rate limit", /code: 429|too many requests/i],
    ["capacity", /OutOFCapacityError/i],
    ["quota", /QuotaLimitReachedError/],
    ["permission", /AccessDeniedError|DisabledServiceError|AccountNotEnabled/],
    ["credentials", /AuthenticationFailedError|AuthenticationError|AuthenticationInvalidKeyError|NoAPIKeySupplied/],
    ["unknown size", /SizeNotFoundError/],
    ["unknown image", /failed to get the template|TemplateNotFoundError|DiskImageNotFoundError/],
  ],
  linode: [
    ["rate limit", /\[429\]/],
    ["capacity", /limited deployment|at capacity|No open slots/i],
    ["quota", /Account Limit reached/i],
    ["permission", /not authorized to use this endpoint|\[403\]/i],
    ["credentials", /\[401\]/],
    ["unknown size", /A valid plan type by that ID was not found/],
    ["unknown image", /\[image\]/],
  ],
  "equinix-metal": [
    ["rate limit", /: 429 |HTTP 429/],
    ["capacity", /available servers|no provisionable/i],
    ["quota", /maximum number|exceed\w* .*(quota|limit)/i],
    ["permission", /: 403 |HTTP 403/],
    ["credentials", /: 401 |HTTP 401/],
    ["unknown size", /Plan \S+ is not valid|not a valid plan/i],
    ["unknown image", /Operating system \S+ is not valid|not a valid operating system/i],
  ],
};

/** What the cloud's words mean; undefined when nobody has foreseen them. */
export function faultKindOf(cloud: CloudName, words: string): FaultKind | undefined {
  return WORDS[cloud].find(([, pattern]) => pattern.test(words))?.[0];
}

/** The cloud a resource's or a provider's type token belongs to: `aws:ec2/instance:Instance`, `pulumi:providers:aws`. */
export function cloudOfType(type: string): CloudName | undefined {
  const name = type.startsWith("pulumi:providers:") ? type.slice("pulumi:providers:".length) : type.split(":")[0];
  return CLOUDS.find((cloud) => cloud === name);
}

/** In the program's words: what was refused, by whom, and what that means. */
export function renderRefusal({ kind, cloud, stack, place, name, tried }: Refusal): string {
  const { label } = CLOUD_FACTS[cloud];
  const where = place ? ` in ${place}` : "";
  const zones = kind === "capacity" && tried ? `, in none of ${tried} availability domains` : "";
  return `${name || stack}: ${kind}: ${FAULTS[kind].means(label, where)}${zones}`;
}

/** What to do, and whether the next run goes on. */
export function renderRefusalRemedy({ kind, cloud, stack, place, name, tried }: Refusal): string {
  const { act, details, waits } = FAULTS[kind];
  const detail = details?.[cloud];
  const domains = cloud === "oci" && kind === "capacity" && place && !tried ? ` ${renderDomains(place)}` : "";
  const goesOn = waits ? "the next up may already succeed" : "then up goes on";
  const what = `${act}${detail ? ` (${detail})` : ""}.`;
  return `${name || stack} (${CLOUD_FACTS[cloud].label}, ${kind}): ${what}${domains} What was made stays; ${goesOn}.`;
}

/** Fault domains are no way out: a machine that names none, as ours, may already be put into any of them. */
function renderDomains(place: string): string {
  const count = availabilityDomainsOf(place);
  if (count === 1) return `${place} has one availability domain only, so there is no other \`zone\`.`;
  return `${place} has ${count} availability domains: ./archipelago up tries them all where no \`zone\` is named, plain pulumi the first.`;
}
