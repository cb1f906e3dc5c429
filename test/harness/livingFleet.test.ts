import { rootCertificates } from "node:tls";
import { describe, expect, test } from "vitest";
import { NotReadyError } from "../../harness/failure";
import { LivingFleet } from "../../harness/livingFleet";
import { membersOf } from "../../harness/members";
import { planWith } from "../plan/fixtures";

const { topology } = planWith();
const AUTHORITY = Buffer.from(rootCertificates[0]!).toString("base64");
/** Nobody listens there. */
const SILENT = `
apiVersion: v1
kind: Config
current-context: london
clusters: [{ name: london, cluster: { server: "https://127.0.0.1:1", certificate-authority-data: ${AUTHORITY} } }]
users: [{ name: admin, user: { token: none } }]
contexts: [{ name: london, context: { cluster: london, user: admin } }]
`;

describe("the living fleet", () => {
  const fleetOf = (kubeconfigs: Record<string, string>) =>
    new LivingFleet(topology, { kubeconfigs, look: () => Promise.reject(new Error("not asked")) });
  const versions = (fleet: LivingFleet) => fleet.versions(membersOf(topology)).finally(() => fleet.close());

  test("says which cluster does not answer, and that it is not ready", async () => {
    const asked = versions(fleetOf({ london: SILENT }));
    await expect(asked).rejects.toThrow(NotReadyError);
    await expect(asked).rejects.toMatchObject({
      message: "london does not say what versions it has: connection refused.",
      remedy: "Look: ./archipelago status --stack london --detail",
    });
  });

  test("says so when none of them is up", async () => {
    await expect(versions(fleetOf({}))).rejects.toThrow("None of these clusters is up.");
  });
});
