/** The command lines of the database's containers: pure. The same flags serve the real image and the stand-in. */
import { type ClusterPlan, EXISTING, type Plan } from "../../plan/types";
import { HTTP_PORT, planJoinList, replicaAddress, serviceName, SQL_PORT } from "./names";

export const BINARY = "/cockroach/cockroach";
export const CERTIFICATE_FOLDER = "/cockroach/cockroach-certs";
export const STORE_FOLDER = "/cockroach/cockroach-data";

/** Said by `start` and `init` alike; a replica refuses to talk to a cluster of another name. */
export const CLUSTER_NAME = "archipelago";

/** Tries of one run of the init container, five minutes at least; then it ends with an error and is started anew. */
const INIT_ATTEMPTS = 150;
const INIT_PAUSE_SECONDS = 2;

/**
 * Arguments of `start`. `$(POD_NAME)` and `$(NODE_NAME)` are expanded by Kubernetes from the container's environment,
 * so no shell stands between it and the database and SIGTERM reaches it.
 */
export function planStartArguments(plan: Plan, cluster: ClusterPlan): string[] {
  return [
    "start",
    // From the plan, never `hostname -f`: the peers must resolve it, not this pod.
    `--advertise-addr=$(POD_NAME).${serviceName(cluster)}:${SQL_PORT}`,
    `--join=${planJoinList(plan).join(",")}`,
    `--locality=${planLocality(cluster)}`,
    `--cluster-name=${CLUSTER_NAME}`,
    `--certs-dir=${CERTIFICATE_FOLDER}`,
    // Below the default 500 ms: commits of GLOBAL tables wait this long. The clouds' clocks share one source.
    "--max-offset=250ms",
    "--cache=.25",
    "--max-sql-memory=.25",
    `--store=${STORE_FOLDER}`,
    `--listen-addr=:${SQL_PORT}`,
    `--http-addr=:${HTTP_PORT}`,
    "--logtostderr=INFO",
  ];
}

/**
 * Failure domains from the widest to the smallest, the same keys in every cloud. The region is the cluster's name, not
 * the cloud's word for the place: a database's regions must not change when a cluster moves to another cloud. The zone
 * is the machine: the smallest thing that fails as a whole, and a replica never leaves it, for its volume is there.
 */
export const planLocality = ({ cloud, place, name }: Pick<ClusterPlan, "cloud" | "place" | "name">): string =>
  `cloud=${cloud === EXISTING ? place : cloud},region=${name},zone=$(NODE_NAME)`;

/**
 * Script of the init Job. `init` must be tried until the first replica answers, and a database that is initialised
 * already is what was wanted, though `init` then ends with an error. Plain sh: bash is not in every image.
 */
export function renderInitScript(cluster: ClusterPlan): string {
  const command = [
    BINARY,
    "init",
    `--certs-dir=${CERTIFICATE_FOLDER}`,
    `--host=${replicaAddress(cluster, 0)}`,
    `--cluster-name=${CLUSTER_NAME}`,
  ].join(" ");
  return `attempt=0
while [ "$attempt" -lt ${INIT_ATTEMPTS} ]; do
  attempt=$((attempt + 1))
  if answer=$(${command} 2>&1); then
    echo "initialised: $answer"
    exit 0
  fi
  case "$answer" in
    *"already"*"initialized"*)
      echo "nothing to do: $answer"
      exit 0
      ;;
  esac
  echo "attempt $attempt: $answer"
  sleep ${INIT_PAUSE_SECONDS}
done
echo "gave up after $attempt attempts; is ${replicaAddress(cluster, 0)} running?"
exit 1
`;
}
