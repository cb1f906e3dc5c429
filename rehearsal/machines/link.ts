import { firstAddress, prefixOf } from "./addresses";
import { command, ipBatch, ipJson, namespaces, writeSysctls } from "./command";
import type { Segment } from "./contract";
import { type Host, renderPublicInterface, renderPublicRoutes } from "./internetRules";
import { bridgeName, machineName, publicLink, segmentLink, type WorldNames } from "./names";

/** Name of the machine's interface in its segment: eth0, unless eth0 carries the public address. */
const privateInterface = (host: Host): string => (host.publicMode === "interface" ? "eth1" : "eth0");

/** Whether a machine's namespace and its link into the router both stand. */
export async function linkStands(names: WorldNames, id: string): Promise<boolean> {
  if (!(await namespaces()).includes(machineName(names, id))) return false;
  const links = await ipJson(names.router, ["link", "show", segmentLink(id)], true);
  return links.length > 0;
}

/** Creates a machine's namespace with its interfaces and private address; the public one is given afterwards. */
export async function createLink(names: WorldNames, segment: Segment, host: Host): Promise<void> {
  const machine = machineName(names, host.id);
  const inner = privateInterface(host);
  await command("ip", ["netns", "add", machine]);
  await writeSysctls(machine, {
    // as systemd sets them on a real machine; a new namespace takes over whatever the host has
    "net/ipv4/conf/all/rp_filter": 0,
    "net/ipv4/conf/default/rp_filter": 2,
    "net/ipv4/ip_forward": 0,
  });
  const link = segmentLink(host.id);
  const lines = [
    `link add ${link} type veth peer name ${inner} netns ${machine}`,
    `link set ${link} alias machine:${host.id}`,
    `link set ${link} master ${bridgeName(segment.name)} up`,
  ];
  if (host.publicMode === "interface") {
    const outer = publicLink(host.id);
    lines.push(`link add ${outer} type veth peer name eth0 netns ${machine}`);
    lines.push(`link set ${outer} alias public:${host.id}`, `link set ${outer} up`);
  }
  await ipBatch(names.router, lines);
  // The emulated clouds speak IPv4; the machine keeps IPv6 on its loopback, where programs expect it.
  await writeSysctls(machine, {
    "net/ipv6/conf/eth0/disable_ipv6": 1,
    "net/ipv6/conf/eth1/disable_ipv6": 1,
  });
  const inside = [
    "link set lo up",
    `addr add ${host.privateAddress}/${prefixOf(segment.cidr)} dev ${inner}`,
    `link set ${inner} up`,
  ];
  if (host.publicMode === "interface") inside.push("link set eth0 up");
  else inside.push(`route add default via ${firstAddress(segment.cidr)} dev eth0`);
  await ipBatch(machine, inside);
  // A checksum left to the "hardware" of a veth is still open inside a tunnel's packet when the router translates its
  // addresses, and the kernel then spoils the outer one: pings pass, TCP through a vxlan cable does not.
  await command("ethtool", ["-K", "eth0", "tx", "off"], { namespace: machine });
}

/** Gives a machine on whose own interface public addresses lie the one it has now; translated ones are the router's. */
export async function givePublicAddress(names: WorldNames, host: Host, before: string | undefined): Promise<void> {
  if (host.publicMode !== "interface" || (before !== undefined && before === host.publicAddress)) return;
  await ipBatch(names.router, renderPublicRoutes(host, before));
  await ipBatch(machineName(names, host.id), renderPublicInterface(host.publicAddress));
}

/** Removes a machine's namespace and links, whatever of them there is. */
export async function removeLink(names: WorldNames, id: string): Promise<void> {
  await command("ip", ["netns", "del", machineName(names, id)], { mayFail: true });
  // A process that still runs in the namespace keeps it alive; cut off, it reaches nobody.
  for (const link of [segmentLink(id), publicLink(id)]) {
    await command("ip", ["-n", names.router, "link", "del", link], { mayFail: true });
  }
}
