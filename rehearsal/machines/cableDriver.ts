import { UserError } from "../../plan/errors";
import { command } from "./command";

export interface CableDriver {
  driver: "libreswan" | "vxlan";
  /** One sentence for the user. */
  why: string;
}

/**
 * Which tunnels between clusters this kernel can carry, tried in a namespace that is thrown away: libreswan where it has
 * ESP, else vxlan. WireGuard is never chosen: a kernel that has it has ESP as well.
 * @throws UserError when it can do neither.
 */
export async function probeCableDriver(): Promise<CableDriver> {
  const namespace = `archi-probe-${process.pid}`;
  await command("ip", ["netns", "add", namespace]);
  try {
    const esp = await trial(namespace, ESP_STATE);
    if (esp === undefined) return { driver: "libreswan", why: "the kernel has ESP: tunnels are encrypted by IPsec" };
    const vxlan = await trial(namespace, [
      "link",
      "add",
      "trial",
      "type",
      "vxlan",
      "id",
      "1",
      "dev",
      "lo",
      "dstport",
      "4500",
    ]);
    if (vxlan === undefined) {
      return { driver: "vxlan", why: `the kernel has no ESP (${esp}): tunnels are vxlan, not encrypted` };
    }
    throw new UserError(
      `This kernel can carry no tunnel between clusters: no ESP (${esp}), no vxlan (${vxlan}).`,
      "modprobe -a esp4 vxlan, or run on a kernel that has one of them.",
    );
  } finally {
    await command("ip", ["netns", "del", namespace]);
  }
}

/** A security association of a kind every IPsec kernel has, with UDP encapsulation; the keys are of no use to anybody. */
const ESP_STATE = [
  ...["xfrm", "state", "add", "src", "127.0.0.1", "dst", "127.0.0.2", "proto", "esp", "spi", "0x100", "mode", "tunnel"],
  ...["enc", "cbc(aes)", `0x${"00".repeat(16)}`, "auth", "hmac(sha256)", `0x${"00".repeat(32)}`],
  ...["encap", "espinudp", "4500", "4500", "0.0.0.0"],
];

/** undefined when the kernel did it, else its own words. */
async function trial(namespace: string, args: string[]): Promise<string | undefined> {
  try {
    await command("ip", ["-n", namespace, ...args]);
    return undefined;
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return words.split("Error: ").at(-1)?.trim().replace(/\.$/, "") ?? words;
  }
}
