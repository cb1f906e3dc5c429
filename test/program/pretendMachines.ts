// x509 needs the metadata API before it is loaded
import "reflect-metadata";
import { createPrivateKey, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { Balancer, FirewallRule, Machines, MachineSpec, Segment } from "../../rehearsal/machines/contract";
import { PretendApi } from "./pretendApi";

x509.cryptoProvider.set(webcrypto);

interface Pretended {
  spec: MachineSpec;
  cluster: string;
  publicAddress?: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** The text between two PEM markers in a boot script. */
function pem(script: string, what: string): string | undefined {
  return new RegExp(`-----BEGIN (?:EC )?${what}-----[^-]+-----END (?:EC )?${what}-----`).exec(script)?.[0];
}

/**
 * Machines that never boot. A server's boot script is read for its CA, its name and its API name, and a pretend API server
 * answers at its public address; a worker's for its node name. Works only where that address is local (see test/run.ts).
 */
export class PretendMachines implements Machines {
  readonly machines = new Map<string, Pretended>();
  readonly segments = new Map<string, Segment>();
  readonly apis = new Map<string, PretendApi>();
  readonly created: string[] = [];
  /** Every boot script a machine was given, in the order of their creation. */
  readonly scripts: string[] = [];

  ensureSegment(segment: Segment): Promise<void> {
    this.segments.set(segment.name, segment);
    return Promise.resolve();
  }

  removeSegment(name: string): Promise<void> {
    this.segments.delete(name);
    return Promise.resolve();
  }

  async createMachine(spec: MachineSpec): Promise<void> {
    if (this.machines.has(spec.id)) return;
    const apiName = /api\.([a-z0-9-]+)\.[a-z0-9.-]+/.exec(spec.userData);
    if (!apiName) throw new Error(`user data of ${spec.name} names no API server`);
    this.created.push(spec.name);
    this.scripts.push(spec.userData);
    const cluster = apiName[1] as string;
    const api = this.apis.get(cluster) ?? new PretendApi(cluster);
    this.apis.set(cluster, api);
    api.registerNode(spec.name);
    this.machines.set(spec.id, { spec, cluster, publicAddress: spec.publicAddress });
    await this.answer(spec.id);
  }

  async removeMachine(id: string): Promise<void> {
    const machine = this.machines.get(id);
    this.machines.delete(id);
    if (!machine || ![...this.machines.values()].every((m) => m.cluster !== machine.cluster)) return;
    await this.apis.get(machine.cluster)?.close();
    this.apis.delete(machine.cluster);
  }

  setFirewall(id: string, rules: FirewallRule[] | undefined): Promise<void> {
    const machine = this.machines.get(id);
    if (machine) machine.spec = { ...machine.spec, firewall: rules };
    return Promise.resolve();
  }

  async setPublicAddress(id: string, address: string | undefined): Promise<void> {
    const machine = this.machines.get(id);
    if (machine) machine.publicAddress = address;
    await this.answer(id);
  }

  /** A balancer's address is one of the API's, too. */
  async setBalancers(_cloud: string, balancers: Balancer[]): Promise<void> {
    for (const { publicAddress, targets } of balancers) {
      const behind = [...this.machines.values()].find(({ spec }) => targets.includes(spec.privateAddress));
      if (behind) await this.answerAt(publicAddress, behind);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.apis.values()].map((api) => api.close()));
  }

  private async answer(id: string): Promise<void> {
    const machine = this.machines.get(id);
    if (machine?.publicAddress) await this.answerAt(machine.publicAddress, machine);
  }

  /** A server with a public address serves its API there, with a certificate of the CA it was given. */
  private async answerAt(address: string, machine: Pretended): Promise<void> {
    const script = machine.spec.userData;
    const [caPem, keyPem] = [pem(script, "CERTIFICATE"), pem(script, "PRIVATE KEY")];
    if (!caPem || !keyPem) return;
    const apiName = /api\.[a-z0-9-]+\.[a-z0-9.-]+/.exec(script)?.[0] as string;
    const ca = new x509.X509Certificate(caPem);
    const caKey = await importKey(keyPem);
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: "02",
      subject: "CN=kube-apiserver",
      issuer: ca.subject,
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 86_400_000),
      publicKey: keys.publicKey,
      signingKey: caKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.SubjectAlternativeNameExtension([
          { type: "dns", value: apiName },
          { type: "ip", value: address },
        ]),
      ],
    });
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
    const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/(.{64})/g, "$1\n")}\n-----END PRIVATE KEY-----\n`;
    await this.apis.get(machine.cluster)?.listen(address, 6443, { key, cert: certificate.toString("pem") });
  }
}

function importKey(keyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(keyPem).export({ type: "pkcs8", format: "der" });
  return webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
}
