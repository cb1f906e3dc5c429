/** A kubeconfig computed from what was made before the machine. */
import { stringify } from "yaml";
import { API_PORT } from "../../plan/names";

export interface KubeconfigInput {
  cluster: string;
  /** Where the API is reached now. */
  address: string;
  /** The name in its certificate, so that the address may be any. */
  apiName: string;
  caCert: string;
  adminCert: string;
  adminKey: string;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

export function renderKubeconfig({ cluster, address, apiName, caCert, adminCert, adminKey }: KubeconfigInput): string {
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name: cluster,
          cluster: {
            server: `https://${address}:${API_PORT}`,
            "tls-server-name": apiName,
            "certificate-authority-data": base64(caCert),
          },
        },
      ],
      users: [
        { name: cluster, user: { "client-certificate-data": base64(adminCert), "client-key-data": base64(adminKey) } },
      ],
      contexts: [{ name: cluster, context: { cluster, user: cluster } }],
      "current-context": cluster,
    },
    { lineWidth: 0 },
  );
}
