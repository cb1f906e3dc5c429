/** Names on which several components must agree. */

export const DATABASE = {
  namespace: "cockroachdb",
  statefulSet: "cockroachdb",
  /** Name of the StatefulSet's volume claim template; pod i claims `<claim>-<statefulSet>-<i>`. */
  claim: "datadir",
  /** Static local volumes, made per replica ordinal; the same number of GiB as topology.database.storageGib. */
  storageClass: "archipelago-local",
  /** Job of the primary region that initialises the database. */
  initJob: "cockroachdb-init",
} as const;

/** The folder a replica's volume has on its node. */
export const volumeFolder = (ordinal: number): string =>
  `/var/lib/archipelago/volumes/${DATABASE.statefulSet}-${ordinal}`;

/** Claim that the replica's volume is kept for. */
export const volumeClaim = (ordinal: number): string => `${DATABASE.claim}-${DATABASE.statefulSet}-${ordinal}`;

export const API_PORT = 6443;
