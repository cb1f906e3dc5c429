import { text } from "../plugins/text";
export const FIREWALL = "linode:index/firewall:Firewall";
export const INSTANCE = "linode:index/instance:Instance";

/** The API's way to say which field is wrong. */
export const linodeError = (field: string, reason: string): Error => new Error(`[400] [${field}] ${reason}`);

/** Linode's ids are numbers. */
export const newNumber = (): string => text(10_000_000 + Math.floor(Math.random() * 80_000_000));
