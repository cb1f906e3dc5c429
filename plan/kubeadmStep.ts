/** The step of the boot script that makes a machine a node: kubeadm init or join, and what must lie there before. */
import { file } from "./bash";
import type { BootInput } from "./bootScript";
import { ADDRESS_MARK, PATCHES_FOLDER, renderInit, renderJoin } from "./kubeadm";
import { API_PORT } from "./names";

const CONFIG = "/etc/archipelago/kubeadm.yaml";

export function kubeadmStep(input: BootInput): string {
  return `
step "kubeadm"
if [ ! -e "$STATE/kubeadm.done" ]; then
  # What an interrupted attempt has left would stop the next one
  if [ -e /etc/kubernetes/kubelet.conf ] || [ -e /etc/kubernetes/bootstrap-kubelet.conf ] || [ -e /etc/kubernetes/manifests/etcd.yaml ]; then kubeadm reset -f; fi
${[...pkiOf(input), configure(input)].join("\n")}
  sed -i "s/${ADDRESS_MARK}/$ADDRESS/" ${CONFIG}
  [ -d ${PATCHES_FOLDER} ] || sed -i '/^patches:/,/directory:/d' ${CONFIG}
  # A server that joins must not ask itself; later it asks itself first
  if [ -n "$TOGETHER" ] && [ "$VERB" = join ]; then servers $PEERS $ADDRESS; /etc/archipelago/start; fi
  kubeadm $VERB --config ${CONFIG} $KUBEADM_FLAGS
  touch "$STATE/kubeadm.done"
  if [ -n "$TOGETHER" ]; then servers $ADDRESS $PEERS; /etc/archipelago/start; fi
  # It holds the join token and is needed no more
  rm -f ${CONFIG}
fi`;
}

/** Settles VERB and writes kubeadm's configuration for it. */
function configure(input: BootInput): string {
  const join = (caHash: string) =>
    file(CONFIG, "600", renderJoin({ ...input, caHash, server: input.role === "server" }));
  if (input.role === "worker") return `  VERB=join\n${join(input.caHash)}`;
  const { together } = input;
  if (together && !together.founder) return `  VERB=join\n${join(together.caHash)}`;
  const init = `  VERB="init --skip-token-print"`;
  const initConfig = file(CONFIG, "600", renderInit(input));
  if (!together) return `${init}\n${initConfig}`;
  return `${init}\n${FOUNDER}\n  if [ "$VERB" = join ]; then\n${join(together.caHash)}\n  else\n${initConfig}\n  fi`;
}

/** The cluster that a founder would make may be there already, when its machine is a new one: then it joins. */
const FOUNDER = `  for peer in $PEERS; do
    if kubectl --server "https://$peer:${API_PORT}" --certificate-authority /etc/kubernetes/pki/ca.crt --tls-server-name "$API_NAME" --request-timeout 5s get --raw /livez; then echo " says $peer"; VERB=join; break; fi
  done`;

function pkiOf(input: BootInput): string[] {
  if (input.role === "worker") return [];
  const { caCert, caKey, together } = input;
  const pair = (name: string, open: [extension: string, text: string], key: string) => [
    file(`/etc/kubernetes/pki/${name}.${open[0]}`, "644", open[1]),
    file(`/etc/kubernetes/pki/${name}.key`, "600", key),
  ];
  const own = pair("ca", ["crt", caCert], caKey);
  if (!together) return own;
  const shared = together.credentials;
  return [
    ...own,
    ...pair("etcd/ca", ["crt", shared.etcdCaCert], shared.etcdCaKey),
    ...pair("front-proxy-ca", ["crt", shared.frontProxyCaCert], shared.frontProxyCaKey),
    ...pair("sa", ["pub", shared.serviceAccountPublicKey], shared.serviceAccountKey),
  ];
}
