/** Which resources hold state: losing one of them loses data, trust or an address that others know. */
const STATEFUL: [RegExp, string][] = [
  [/:(Instance|Device|EquinixInstance)$/, "a machine: etcd and database volumes lie on it"],
  [/^kubernetes:core\/v1:PersistentVolume(Claim)?$/, "a database volume"],
  [/^kubernetes:apps\/v1:StatefulSet$/, "the database's replicas"],
  [/^kubernetes:core\/v1:Namespace$/, "a namespace: everything in it goes with it"],
  [/^kubernetes:apiextensions\.k8s\.io\/v1:CustomResourceDefinition$/, "a kind: all its objects go with it"],
  [/:(Volume|BlockStorage|EbsVolume|VolumeAttachment|Disk)$/, "a disk"],
  [/^tls:index\/(privateKey:PrivateKey|selfSignedCert:SelfSignedCert)$/, "a key: what it signed is trusted no more"],
  [/^random:/, "a secret that running clusters were given"],
  [/:(Eip|PublicIp|ReservedIp|ReservedIP)$/, "a static address: peers and kubeconfigs name it"],
];

/** Why losing it hurts; `undefined` for what can be made again as it was. */
export function stateOf(type: string, isProtected: boolean): string | undefined {
  return (
    STATEFUL.find(([pattern]) => pattern.test(type))?.[1] ?? (isProtected ? "protected by the program" : undefined)
  );
}
