import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseEngine, renderEngine } from "../harness/engine";
import { runUp } from "../harness/fleet";
import { cacheFolder, stateFolder } from "../harness/folders";
import { writeKubeconfigs } from "../harness/kubeconfig";
import { prepareProject } from "../harness/project";
import { EXIT, renderReport, type ExitCode } from "../harness/report";
import { awaitReadiness, runKubeconfigs, runStatus } from "../harness/status";
import { renderSummary, type FleetSummary } from "../harness/summary";
import { loadTopology, planFleet, PROJECT_FOLDER } from "../harness/topology";
import { UserError } from "../plan/errors";
import { obtainArtifacts, planArtifacts, type ArtifactPart } from "./artifacts";
import { VERSIONS } from "./artifacts/versions";
import { startDaemon, stopDaemon } from "./daemonControl";
import { ensureHostPackages, hostPackages } from "./hostPackages";
import { probeCableDriver } from "./machines/cableDriver";
import { Guard } from "./machines/guard";
import { isEmpty, listLeftovers, removeEverything } from "./machines/inventory";
import { prepareHost } from "./machines/worldLife";
import { makeEngineFolders } from "./engineFolder";
import { readOwnOverlay, writeOverlay } from "./overlay";
import { choosePlugins } from "./pluginChoice";
import { freePorts } from "./ports";
import { podmanRunFolder } from "./podman";
import { checkHost, readHostFacts, renderFindings } from "./preflight";
import { renderStage, retarget, STAGES } from "./stages";
import * as world from "./world";

const READY_DEADLINE_SECONDS = 300;

/** Packages that exist only as emulated clouds in a rehearsal. */
const CLOUD_PACKAGES = ["aws", "oci", "vultr", "equinix-metal", "civo", "linode"];

/** The engine is named once, when it is chosen. */
const SILENT = { write: (): boolean => true };

const started = Date.now();

/** Progress goes to stderr, each line with the seconds since the command was given. */
function say(line: string): void {
  process.stderr.write(`${String(Math.round((Date.now() - started) / 1000)).padStart(5)} s  ${line}\n`);
}

async function assertHost(): Promise<void> {
  const findings = checkHost(readHostFacts(await isWarm()));
  if (findings.length === 0) return;
  throw new UserError(
    `this host is not fit for a rehearsal:\n${renderFindings(findings)}`,
    "mend these, then run it again; nothing was changed",
  );
}

/** Finds what is wrong with the topology before anything is installed or built for it. */
export function assertRehearsable(own?: object): void {
  const folder = mkdtempSync(join(tmpdir(), "archipelago-"));
  try {
    const overlay = join(folder, "overlay.json");
    writeOverlay(overlay, { cableDriver: "vxlan", databaseImage: "any:1", databaseStandIn: true }, own);
    const { kubernetes } = loadTopology(PROJECT_FOLDER, overlay);
    if (kubernetes.version === `v${VERSIONS.kubernetes}`) return;
    throw new UserError(
      `kubernetes.version: ${kubernetes.version}; a rehearsal has images of v${VERSIONS.kubernetes} alone`,
      "rehearse with that version; others are for clouds, and for ./rehearse up --earlier, which chooses them itself",
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const isWarm = async (): Promise<boolean> => (await planArtifacts()).every((artifact) => artifact.cached);

/** Whatever the topology uses must not be in use on this host. */
const rangesInUse = (): { cidr: string; use: string }[] =>
  Object.values(planFleet(loadTopology()).clusters).flatMap((cluster) => [
    { cidr: cluster.podCidr, use: `pods of ${cluster.name}` },
    { cidr: cluster.serviceCidr, use: `services of ${cluster.name}` },
    { cidr: cluster.nodeCidr, use: `machines of ${cluster.name}` },
  ]);

/** Obtains artifacts (all, or the parts named) and says each one's source, time and size. */
export async function obtain(only?: string[]): Promise<void> {
  const known: ArtifactPart[] = ["engine", "manifests", "machine", "earlier"];
  const wrong = (only ?? []).filter((part) => !(known as string[]).includes(part));
  if (wrong.length > 0) throw new UserError(`unknown artifact ${wrong.join(", ")}`, `choose of ${known.join(", ")}`);
  await ensureHostPackages(say);
  await obtainArtifacts({ only: only as ArtifactPart[] | undefined, onProgress: say });
}

/** Where the released engine cannot be had it is built. */
const obtainEngine = async (): Promise<string> =>
  join((await obtainArtifacts({ only: ["engine"], onProgress: say })).binFolder, "pulumi");

/** Makes or resumes the world below the clouds: artifacts, guard, internet, daemon; leaves process.env ready for pulumi. */
async function ensureWorld(own: object | undefined, earlier: boolean): Promise<world.WorldFile> {
  const known = world.readWorld();
  if (earlier && known && !known.stage)
    throw new UserError("a rehearsal lives on this host that did not begin with earlier versions", "make down first");
  const stage = known ? known.stage : earlier ? STAGES[0] : undefined;
  await ensureHostPackages(say);
  const artifacts = await obtainArtifacts({ only: ["manifests", stage ? "earlier" : "machine"], onProgress: say });
  if (stage) renderStage(stage).forEach(say);
  const engine = await chooseEngine({ obtainEngine, download: artifacts.source === "releases" });
  say(renderEngine(engine));
  const cable = await probeCableDriver();
  say(`cable driver ${cable.driver}: ${cable.why}`);

  const standIns = known?.standIns ?? (await choosePlugins(engine.path, artifacts.source === "releases", say));
  const file: world.WorldFile = {
    machineImage: stage ? artifacts.earlierMachineImage : artifacts.machineImage,
    binFolder: artifacts.binFolder,
    manifestsFolder: artifacts.manifestsFolder,
    cableDriver: cable.driver,
    cableDriverWhy: cable.why,
    databaseImage: stage?.databaseImage ?? artifacts.database.image,
    databaseStandIn: stage ? true : artifacts.database.standIn,
    stage,
    passphrase: known?.passphrase ?? world.createPassphrase(),
    standIns,
    ports: known?.ports ?? (await freePorts([...CLOUD_PACKAGES, ...standIns])),
    overlay: own,
    engine: renderEngine(engine),
  };
  world.writeWorld(file);
  makeEngineFolders(world.engineFolder());
  writeOverlay(world.overlayPath(), file, own);
  enter(file);
  // the daemon alone owns the machines; here only the host is made safe for them
  const { changes } = await prepareHost(rangesInUse(), { stateFolder: stateFolder() });
  changes.forEach(say);
  await startDaemon();
  return file;
}

/** Makes this process (and what it starts) meet the rehearsal's world. */
function enter(file: world.WorldFile): void {
  Object.assign(process.env, world.planEnvironment(file));
  prepareProject(PROJECT_FOLDER, world.projectPath());
}

function livingWorld(): world.WorldFile {
  const file = world.readWorld();
  if (!file) throw new UserError("no rehearsal lives on this host", "put one up: make rehearsal");
  enter(file);
  return file;
}

/** The whole of `make rehearsal`. Repeating it changes nothing, or mends what is missing. */
export async function up(options: {
  stack: string[];
  overlay?: string;
  json?: boolean;
  earlier?: boolean;
}): Promise<ExitCode> {
  await assertHost();
  const own = options.overlay === undefined ? world.readWorld()?.overlay : readOwnOverlay(options.overlay);
  assertRehearsable(own);
  await ensureWorld(own, options.earlier ?? false);
  const report = await runUp({ stacks: options.stack });
  writeKubeconfigs(world.kubeconfigFolder(), await runKubeconfigs({ screen: SILENT }));
  if (report.exitCode !== EXIT.ok) {
    process.stdout.write(options.json ? JSON.stringify(report, null, 2) : `${renderReport(report).join("\n")}\n`);
    return report.exitCode;
  }
  const { summary, exitCode } = await awaitReadiness({
    stacks: options.stack,
    screen: SILENT,
    deadlineSeconds: READY_DEADLINE_SECONDS,
    onWait: (missing) => say(`waiting: ${missing.map((m) => `${m.cluster}: ${m.problem}`).join("; ")}`),
  });
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ report, summary, exitCode }, null, 2)}\n`
      : `${[...renderReport(report), "", ...(await renderWorldSummary(summary))].join("\n")}\n`,
  );
  return exitCode;
}

/** Moves the topology of a rehearsal of upgrades to another step. */
export function target(kubernetesVersion: string): void {
  const lines = retarget(livingWorld(), kubernetesVersion);
  const next = 'now: eval "$(./rehearse env)"; ./archipelago upgrade';
  process.stdout.write(`${["the topology asks for:", ...lines.map((line) => `  ${line}`), next].join("\n")}\n`);
}

async function renderWorldSummary(summary: FleetSummary): Promise<string[]> {
  const packets = await leaked();
  return [
    ...renderSummary({
      ...summary,
      lookAround: [
        `look around: ./rehearse status --detail; kubectl --kubeconfig ${world.kubeconfigFolder()}/oregon.yaml get pods -A`,
        'plain pulumi: eval "$(./rehearse env)"; pulumi preview -s london',
      ],
      takeDown: "take it down: make down",
    }),
    `packets for emulated addresses that tried to leave this host: ${packets} (dropped and counted)`,
  ];
}

/** One glance at the living rehearsal. */
export async function status(options: { json?: boolean; detail?: boolean }): Promise<ExitCode> {
  livingWorld();
  const { summary, exitCode } = await runStatus();
  const packets = await leaked();
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ...summary, leakedPackets: packets, exitCode }, null, 2)}\n`
      : `${[...renderSummary(summary, options.detail), `packets that tried to leave: ${packets}`].join("\n")}\n`,
  );
  return packets > 0 ? EXIT.failed : exitCode;
}

/** Packets for emulated addresses that the guard dropped on the host's uplinks since `up`. */
export function leaked(): Promise<number> {
  return new Guard([]).leakedPackets();
}

/** Leaves nothing behind but the cache. Works in whatever state the world is, also without a state folder. */
export async function down(): Promise<ExitCode> {
  const options = { stateFolder: stateFolder() };
  const packets = await leaked().catch(() => undefined);
  await stopDaemon();
  say("emulated clouds stopped");
  (await removeEverything(options)).forEach(say);
  for (const folder of [stateFolder(), podmanRunFolder()]) rmSync(folder, { recursive: true, force: true });
  const left = await listLeftovers(options);
  if (!isEmpty(left)) {
    const found = Object.entries(left).filter(([, names]) => (names as string[]).length > 0);
    process.stdout.write(
      `left over: ${found.map(([kind, names]) => `${kind} ${(names as string[]).join(" ")}`).join("; ")}\n`,
    );
    return EXIT.failed;
  }
  say("machines, networks, mounts and guard removed; host settings put back");
  const counted = packets === undefined ? "" : `; ${packets} packets had tried to leave this host`;
  process.stdout.write(`nothing is left but the cache (${cacheFolder()})${counted}\n`);
  return packets ? EXIT.failed : EXIT.ok;
}

/** Shell text with which plain pulumi meets the living rehearsal. */
export function environment(): string {
  return world.renderEnvironment(world.planEnvironment(livingWorld()));
}

/** Looks, changes nothing. */
export async function doctor(options: { json?: boolean }): Promise<ExitCode> {
  const artifacts = await planArtifacts();
  const findings = checkHost(readHostFacts(artifacts.every((artifact) => artifact.cached)));
  const packages = (await hostPackages()).filter((one) => !one.installed);
  const missing = artifacts.filter((artifact) => !artifact.cached);
  const seconds = missing.reduce((sum, artifact) => sum + artifact.estimatedSeconds, 0);
  const bytes = missing.reduce((sum, artifact) => sum + artifact.estimatedBytes, 0);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ findings, packages, artifacts, seconds, bytes }, null, 2)}\n`);
  } else {
    const lines = [
      findings.length === 0 ? "host: fit" : `host: not fit\n${renderFindings(findings)}`,
      packages.length === 0
        ? "Debian packages: all there"
        : `Debian packages to install: ${packages.map((p) => p.name).join(" ")}`,
      ...missing.map(
        (a) =>
          `to obtain: ${a.name} (about ${Math.round(a.estimatedSeconds)} s, ${Math.round(a.estimatedBytes / 1e6)} MB)`,
      ),
      missing.length === 0
        ? "artifacts: all in the cache"
        : `in all about ${Math.ceil(seconds / 60)} minutes on two idle cores, ${(bytes / 1e9).toFixed(1)} GB in ${cacheFolder()}`,
      existsSync(world.worldPath())
        ? "a rehearsal lives on this host (make status)"
        : "no rehearsal lives on this host",
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  return findings.length === 0 ? EXIT.ok : EXIT.usage;
}
