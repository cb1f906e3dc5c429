import type { Package } from "../plugins/contract";
import { Cloud, type CloudOptions } from "./cloud";
import type { Reach } from "./fleet";
import { linodeBalancerKinds, linodeBalancers } from "./linodeBalancer";
import { linodeFirewallKinds, linodeFirewallOf } from "./linodeFirewall";
import { linodeInstanceKind } from "./linodeInstance";
import { INSTANCE } from "./linodeNames";
import { linodeNetworkKinds } from "./linodeNetwork";
import type { CloudObject } from "./store";

/** Linode (Akamai) as far as the fleet uses it. */
export function linodePackage(options: CloudOptions): Package {
  const reach = (object: CloudObject): Reach => ({
    firewall: linodeFirewallOf(cloud, object),
    publicAddress: object.hidden.publicAddress as string | undefined,
  });
  const cloud: Cloud = new Cloud("linode", options, { type: INSTANCE, reach }, false, () => linodeBalancers(cloud));
  const kinds = {
    ...linodeNetworkKinds(cloud),
    ...linodeFirewallKinds(cloud),
    ...linodeBalancerKinds(cloud),
    [INSTANCE]: linodeInstanceKind(cloud, reach),
  };
  const images = ["linode/debian12", "linode/debian13", "linode/ubuntu22.04", "linode/ubuntu24.04"].map((id) => ({
    ...{ id, label: id.replace("linode/", ""), isPublic: true, deprecated: false, status: "available", type: "manual" },
    ...{ vendor: id.includes("ubuntu") ? "Ubuntu" : "Debian", size: 3300, capabilities: ["cloud-init"] },
  }));
  return cloud.package("5.1.1", kinds, {
    secretConfig: ["token", "objSecretKey"],
    functions: { "linode:index/getImages:getImages": (args) => Promise.resolve({ ...args, id: "images", images }) },
  });
}
