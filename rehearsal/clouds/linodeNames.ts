import { text } from "../plugins/text";
import type { Failure, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";

export const FIREWALL = "linode:index/firewall:Firewall";
export const INSTANCE = "linode:index/instance:Instance";
export const VPC = "linode:index/vpc:Vpc";
export const SUBNET = "linode:index/vpcSubnet:VpcSubnet";
export const NODE_BALANCER = "linode:index/nodeBalancer:NodeBalancer";
export const NETWORKING_IP = "linode:index/networkingIp:NetworkingIp";

/** How regions are written. */
export const REGION = /^[a-z]{2}-[a-z]{3,}(-\d+)?$/;

/** The API's way to say which field is wrong. */
export const linodeError = (field: string, reason: string): Error => new Error(`[400] [${field}] ${reason}`);

/** Linode's ids are numbers. */
export const newNumber = (): string => text(10_000_000 + Math.floor(Math.random() * 80_000_000));

/** The provider's own refusal of a label that is too short or too long. */
export function labelFailures(inputs: Props, shortest: number, longest: number): Failure[] {
  const { label } = inputs;
  if (typeof label !== "string" || isUnknown(label)) return [];
  const fits = label.length >= shortest && label.length <= longest;
  const reason = `expected length of label to be in the range (${shortest} - ${longest}), got ${label}`;
  return fits ? [] : [{ property: "label", reason }];
}
