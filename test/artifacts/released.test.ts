import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DATABASE_IMAGES, IMAGES } from "../../rehearsal/artifacts/images";
import { RELEASE_PLACES, download, probeSource } from "../../rehearsal/artifacts/released";

const CONTENT = "a released program";
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

let server: Server;
let place: string;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "archipelago-released-"));
  server = createServer((request, response) => {
    const answers: Record<string, [number, string]> = {
      "/program": [200, CONTENT],
      "/program.sha256": [200, `${SHA256}  program\n`],
      "/wrong.sha256": [200, "0".repeat(64)],
      "/registry": [401, ""],
    };
    const [status, text] = answers[request.url ?? ""] ?? [404, ""];
    response.writeHead(status).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  place = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

describe("download", () => {
  it("keeps a file whose digest is the published one", async () => {
    await download(`${place}/program`, join(folder, "program"), `${place}/program.sha256`);
    expect(readFileSync(join(folder, "program"), "utf8")).toBe(CONTENT);
  });

  it("refuses a file with another digest, and names both", async () => {
    const refused = download(`${place}/program`, join(folder, "wrong"), `${place}/wrong.sha256`);
    await expect(refused).rejects.toThrow(`has the SHA-256 ${SHA256}, published is ${"0".repeat(64)}`);
  });

  it("says what could not be had and how to do without it", async () => {
    const missing = download(`${place}/nothing`, join(folder, "nothing"), `${place}/nothing.sha256`);
    await expect(missing).rejects.toMatchObject({
      message: expect.stringContaining("/nothing.sha256 cannot be had: HTTP status 404") as string,
      remedy: expect.stringContaining("ARCHIPELAGO_SOURCE=modules") as string,
    });
  });
});

describe("probeSource", () => {
  it("takes releases when every place answers, a registry's 401 included", async () => {
    expect(await probeSource(undefined, [`${place}/program`, `${place}/registry`])).toBe("releases");
  });

  it("builds from modules when one place does not", async () => {
    expect(await probeSource(undefined, [`${place}/program`, `${place}/nothing`])).toBe("modules");
    expect(await probeSource(undefined, ["http://127.0.0.1:1/"])).toBe("modules");
    expect(await probeSource(undefined, [])).toBe("modules");
  });

  it("asks nobody when the source is named, and refuses a name it does not know", async () => {
    expect(await probeSource("releases", ["http://127.0.0.1:1/"])).toBe("releases");
    expect(await probeSource("modules", [`${place}/program`])).toBe("modules");
    await expect(probeSource("mirror", [])).rejects.toThrow("ARCHIPELAGO_SOURCE is mirror");
  });
});

describe("images", () => {
  it("come from places that are all asked beforehand", () => {
    const hosts = new Set(RELEASE_PLACES.map((url) => new URL(url).host.replace("registry-1.", "")));
    for (const image of [...Object.values(IMAGES), DATABASE_IMAGES.real]) {
      expect(hosts, image).toContain(image.split("/")[0]);
    }
  });

  it("never give the stand-in the real database's name", () => {
    expect(DATABASE_IMAGES.standIn).toContain("stand-in");
    expect(DATABASE_IMAGES.standIn.split("/").slice(0, -1)).not.toEqual(DATABASE_IMAGES.real.split("/").slice(0, -1));
  });
});
