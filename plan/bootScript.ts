/** The user data of every machine in every cloud: one bash script, a pure function of what is known before boot. */
import { file, quote } from "./bash";
import { UserError } from "./errors";
import { INTERFACES_MARK, renderHostFirewall } from "./hostFirewall";
import { kubeadmStep } from "./kubeadmStep";
import { AWAIT_FUNCTION, BROUGHT_FOLDER, KUBERNETES_FUNCTION } from "./kubernetesPrograms";
import { volumeFolder } from "./names";
import { digest } from "./servers";
import type { ClusterPlan, NodePlan, PortRule } from "./types";

/** The smallest limit among the clouds (AWS), before any compression. */
export const BOOT_SCRIPT_LIMIT_BYTES = 16_384;

interface CommonInput {
  cluster: Pick<ClusterPlan, "name" | "suffix" | "apiName" | "podCidr" | "serviceCidr" | "nodeCidr">;
  node: Pick<NodePlan, "name" | "replicas">;
  /** As v1.37.2. */
  kubernetesVersion: string;
  /** `<6>.<16>` characters of [a-z0-9]. */
  bootstrapToken: string;
  /** What the node opens where the cloud has no firewall of its own. */
  hostFirewall?: PortRule[];
}

export interface ServerBoot extends CommonInput {
  role: "server";
  /** The cluster CA, made before the machine so that everybody can know it. PEM. */
  caCert: string;
  caKey: string;
  /** Addresses known before boot, for the API server's certificate. */
  publicAddresses: string[];
  /** Where there are several servers. */
  together?: ServerGroup;
}

/** What makes several servers one control plane. */
export interface ServerGroup {
  /** Private addresses of the others, as far as they are known. */
  serverAddresses: string[];
  /** Makes the cluster unless another server's API answers already; all the others join. */
  founder: boolean;
  /** `sha256:<hex>` of the CA's public key. */
  caHash: string;
  credentials: SharedCredentials;
}

/** What all servers must have in common, made beforehand: so none has to hand it to another. PEM. */
export interface SharedCredentials {
  etcdCaCert: string;
  etcdCaKey: string;
  frontProxyCaCert: string;
  frontProxyCaKey: string;
  serviceAccountKey: string;
  serviceAccountPublicKey: string;
}

export interface WorkerBoot extends CommonInput {
  role: "worker";
  /** Private addresses of the servers, at least one. */
  serverAddresses: string[];
  /** `sha256:<hex>` of the CA's public key. */
  caHash: string;
}

export type BootInput = ServerBoot | WorkerBoot;

/**
 * Renders the script.
 *
 * It installs what is missing, finds the node's private address inside the node CIDR, and runs kubeadm. Safe to run again.
 * Log: /var/log/archipelago-boot.log; end: /var/lib/archipelago/boot.done, or boot.failed with the failing step.
 *
 * @throws UserError above BOOT_SCRIPT_LIMIT_BYTES; plan/checkBoot.ts finds that before anything is made.
 */
export function renderBootScript(input: BootInput): string {
  const script = [
    header(input),
    HELPERS,
    ADDRESS_STEP,
    KUBERNETES_FUNCTION,
    INSTALL_STEP,
    HOST_STEP,
    firewallStep(input),
    volumesStep(input),
    kubeadmStep(input),
    END,
  ].join("\n");
  const bytes = Buffer.byteLength(script);
  if (bytes > BOOT_SCRIPT_LIMIT_BYTES) {
    throw new UserError(
      `boot script of ${input.node.name}: ${bytes} bytes, at most ${BOOT_SCRIPT_LIMIT_BYTES}`,
      "shorten what stands in it: `adminCidrs`, `domain`, names of nodes",
    );
  }
  return script;
}

/** Private addresses of the servers beside this node, in the order in which it dials them. */
function peersOf(input: BootInput): string[] {
  if (input.role === "server") return input.together?.serverAddresses ?? [];
  // Each worker begins elsewhere: else all would hang on the first server, and notice together when it is gone.
  const first = digest(input.node.name);
  return input.serverAddresses.map((_, at, all) => all[(first + at) % all.length]!);
}

function header(input: BootInput): string {
  const { cluster, node, role, kubernetesVersion } = input;
  return `#!/bin/bash
# Makes this machine the Kubernetes node ${node.name}. Safe to run again.
NODE=${quote(node.name)}
NODE_CIDR=${quote(cluster.nodeCidr)}
API_NAME=${quote(cluster.apiName)}
KUBERNETES=${quote(kubernetesVersion.replace(/^v/, ""))}
# Private addresses of the other servers
PEERS=${quote(peersOf(input).join(" "))}
TOGETHER=${role === "server" && input.together ? "yes" : ""}`;
}

const HELPERS = `
STATE=/var/lib/archipelago
KUBEADM_FLAGS=
mkdir -p "$STATE" /etc/archipelago
[ -e "$STATE/boot.done" ] && exit 0
rm -f "$STATE/boot.failed"
exec >>/var/log/archipelago-boot.log 2>&1
set -Eeuo pipefail
STEP=start
step() { STEP=$1; echo "$(date -u +%FT%TZ) $NODE: $STEP"; }
fail() { trap - ERR; echo "$(date -u +%FT%TZ) $NODE: $STEP: $*" | tee "$STATE/boot.failed"; exit 1; }
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
${AWAIT_FUNCTION}
# write PATH MODE: standard input to a file, readable by nobody else while it is written
write() { mkdir -p "$(dirname "$1")"; (umask 077; cat >"$1.new"); chmod "$2" "$1.new"; mv "$1.new" "$1"; }
number() { local IFS=.; set -- $1; echo $((($1 << 24) + ($2 << 16) + ($3 << 8) + $4)); }
[ -r /etc/archipelago/image.env ] && . /etc/archipelago/image.env`;

const ADDRESS_STEP = `
step "private address in $NODE_CIDR"
find_address() {
  local bits=$((32 - \${NODE_CIDR#*/})) net device address
  net=$(($(number "\${NODE_CIDR%/*}") >> bits))
  while read -r _ device _ address _; do
    if [ $(($(number "\${address%/*}") >> bits)) -eq "$net" ]; then echo "$device \${address%/*}" >"$STATE/address"; return 0; fi
  done < <(ip -4 -o addr show scope global)
  ip -4 -br addr; return 1
}
await 180 find_address
read -r DEVICE ADDRESS <"$STATE/address"
echo "$ADDRESS on $DEVICE"`;

const INSTALL_STEP = `
step "programs"
missing() {
  local name; for name in containerd nft; do command -v $name >/dev/null || return 0; done
  [ ! -d ${BROUGHT_FOLDER} ] && ! command -v kubeadm >/dev/null
}
if missing; then
  export DEBIAN_FRONTEND=noninteractive
  await 600 apt-get -q update
  await 600 apt-get -qy -o DPkg::Lock::Timeout=300 install ca-certificates curl gpg containerd nftables iptables conntrack socat ethtool chrony
  mkdir -p /etc/containerd
  containerd config default | sed -E 's/SystemdCgroup = false/SystemdCgroup = true/; s#registry.k8s.io/pause:[0-9.]+#registry.k8s.io/pause:3.10.2#; s#/usr/lib/cni#/opt/cni/bin#' >/etc/containerd/config.toml
  systemctl restart containerd
  # One clock source in all clouds: leap seconds are smeared differently elsewhere.
  sed -i -E 's/^(pool|server) /#\\1 /' /etc/chrony/chrony.conf
  mkdir -p /etc/chrony/sources.d
  echo 'server time.google.com iburst' >/etc/chrony/sources.d/archipelago.sources
  systemctl restart chrony
fi
kubernetes kubeadm kubelet kubectl
systemctl enable containerd kubelet
systemctl start containerd
await 120 test -S /run/containerd/containerd.sock`;

const HOST_STEP = `
step "kernel"
printf '%s\\n' overlay br_netfilter >/etc/modules-load.d/archipelago.conf
modprobe -a overlay br_netfilter || echo "modules not loadable here"
# Strict reverse path filtering (1) would drop what comes out of a tunnel; the larger of "all" and the interface's counts
write /etc/sysctl.d/90-archipelago.conf 644 <<'ARCHIPELAGO'
net.ipv4.ip_forward=1
net.bridge.bridge-nf-call-iptables=1
net.ipv4.conf.all.rp_filter=2
ARCHIPELAGO
while read -r setting; do sysctl -qw "$setting" || echo "not settable here: $setting"; done </etc/sysctl.d/90-archipelago.conf
[ -e /etc/resolv.conf ] || touch /etc/resolv.conf
# Oracle's images reject input and forwarded packets, whatever its firewall says
if [ -e /etc/iptables/rules.v4 ]; then
  sed -i '/-j REJECT --reject-with icmp-host-prohibited/d' /etc/iptables/rules.v4
  for chain in INPUT FORWARD; do
    while iptables -D $chain -j REJECT --reject-with icmp-host-prohibited 2>/dev/null; do :; done
  done
fi`;

function firewallStep({ hostFirewall, role }: BootInput): string {
  return `
step "API name and packet filter"
${file("/etc/archipelago/firewall.nft", "644", renderHostFirewall(hostFirewall))}
OUTSIDE=$({ ip -o -4 route show default | sed -E 's/.* dev ([^ ]+).*/\\1/'; echo "$DEVICE"; } | sort -u | sed 's/.*/"&"/' | paste -sd,)
sed -i "s/${INTERFACES_MARK}/$OUTSIDE/" /etc/archipelago/firewall.nft
# Where the API is dialled, in this order
servers() { echo "$*" >/etc/archipelago/servers; }
servers ${role === "server" ? "$ADDRESS " : ""}$PEERS
# At every start: some images write /etc/hosts anew, and the kernel's tables begin empty
write /etc/archipelago/start 755 <<ARCHIPELAGO
#!/bin/sh
grep -v " $API_NAME\\$" /etc/hosts >/run/archipelago-hosts
for address in \\$(cat /etc/archipelago/servers); do echo "\\$address $API_NAME"; done >>/run/archipelago-hosts
cat /run/archipelago-hosts >/etc/hosts
$(command -v nft) -f /etc/archipelago/firewall.nft || exit 1
${hostFirewall ? IPSEC_RULE : "exit 0"}
ARCHIPELAGO
write /etc/systemd/system/archipelago.service 644 <<'ARCHIPELAGO'
[Unit]
Description=archipelago: API name and packet filter
Before=kubelet.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/etc/archipelago/start
[Install]
WantedBy=multi-user.target
ARCHIPELAGO
systemctl daemon-reload
systemctl enable archipelago
/etc/archipelago/start`;
}

/** Packets that IPsec has decrypted come in on the same interface; kernels without IPsec do not know the word. */
const IPSEC_RULE =
  "$(command -v nft) insert rule inet archipelago input meta ipsec exists accept 2>/dev/null || exit 0";

function volumesStep({ node }: BootInput): string {
  if (node.replicas.length === 0) return "";
  const folders = node.replicas.map(volumeFolder).join(" ");
  return `
step "database volumes"
mkdir -p ${folders}
chown 1000:1000 ${folders}
chmod 750 ${folders}`;
}

const END = `
step "done"
touch "$STATE/boot.done"
`;
