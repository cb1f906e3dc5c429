/** Where a machine's kubeadm, kubelet and kubectl come from: the same for its first boot and for its upgrades. */

/** A machine image may bring versions here, each in `v<version>/`: they are linked into place and nothing is installed. */
export const BROUGHT_FOLDER = "/opt/archipelago/kubernetes";

/**
 * The bash function `kubernetes PROGRAM…`: has these programs in the version that the variable KUBERNETES names (as
 * 1.37.2). Wants the functions `await` (AWAIT_FUNCTION) and `fail`. Safe to call again; asks no network for what is there.
 */
export const KUBERNETES_FUNCTION = `
# is_there PROGRAM: in the version wanted
is_there() {
  local said
  # Not through a pipe: grep ends at the first match, and what a program has yet to say would kill it
  case $1 in
    kubelet) said=$(kubelet --version 2>/dev/null) ;;
    kubectl) said=$(kubectl version --client 2>/dev/null) ;;
    *) said=$("$1" version -o short 2>/dev/null) ;;
  esac
  grep -qwF "v$KUBERNETES" <<<"$said"
}
# kubernetes PROGRAM...: in the version wanted; out of the machine image if it brings them, else upstream's packages
kubernetes() {
  local program brought=${BROUGHT_FOLDER}/v$KUBERNETES missing=()
  if [ -d "$brought" ]; then
    for program; do ln -sfn "$brought/$program" "/usr/bin/$program"; done
    return 0
  fi
  for program; do is_there "$program" || missing+=("$program"); done
  [ \${#missing[@]} -gt 0 ] || return 0
  export DEBIAN_FRONTEND=noninteractive
  local keyring=/etc/apt/keyrings/kubernetes.gpg source=https://pkgs.k8s.io/core:/stable:/v\${KUBERNETES%.*}/deb/
  # Every minor version has a repository of its own
  mkdir -p /etc/apt/keyrings
  await 300 curl -fsSL -o /run/kubernetes.key "\${source}Release.key"
  gpg --dearmor --yes -o "$keyring" /run/kubernetes.key
  echo "deb [signed-by=$keyring] $source /" >/etc/apt/sources.list.d/kubernetes.list
  await 300 apt-get -q update
  await 600 apt-get -qy --allow-change-held-packages -o DPkg::Lock::Timeout=300 install "\${missing[@]/%/=$KUBERNETES-*}"
  apt-mark hold "\${missing[@]}"
}`;

/** The bash function `await SECONDS COMMAND…`; wants `fail`. */
export const AWAIT_FUNCTION = `# await SECONDS COMMAND...: until it succeeds; its last output is the error
await() {
  local deadline=$((SECONDS + $1)) out; shift
  until out=$("$@" 2>&1); do
    [ $SECONDS -lt $deadline ] || fail "gave up on: $*: $out"
    sleep 2
  done
}`;
