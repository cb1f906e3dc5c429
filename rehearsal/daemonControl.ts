import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../plan/errors";
import { daemonLogPath, daemonPidPath, readWorld } from "./world";

const START_DEADLINE_SECONDS = 60;
const STOP_DEADLINE_SECONDS = 10;

/** The daemon's process id, if that process lives and is ours. */
export function daemonPid(): number | undefined {
  if (!existsSync(daemonPidPath())) return undefined;
  const pid = Number(readFileSync(daemonPidPath(), "utf8"));
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("rehearsal/daemon") ? pid : undefined;
  } catch {
    return undefined;
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (ok: boolean): void => {
      socket.destroy();
      resolve(ok);
    };
    socket.once("connect", () => end(true)).once("error", () => end(false));
    socket.setTimeout(1000, () => end(false));
  });

/** Starts the daemon (emulated clouds and stand-ins) in the background unless it lives; resolves when every port answers. */
export async function startDaemon(): Promise<void> {
  let ended: number | null | undefined;
  if (daemonPid() === undefined) {
    const log = openSync(daemonLogPath(), "a", 0o600);
    const root = join(__dirname, "..");
    const child = spawn(
      process.execPath,
      ["--import", join(root, "node_modules/tsx/dist/loader.mjs"), join(__dirname, "daemon.ts")],
      {
        cwd: root,
        detached: true,
        stdio: ["ignore", log, log],
      },
    );
    child.once("exit", (code) => (ended = code ?? -1));
    child.unref();
  }
  const deadline = Date.now() + START_DEADLINE_SECONDS * 1000;
  while (Date.now() < deadline) {
    const ports = Object.values(readWorld()?.ports ?? {});
    if (daemonPid() !== undefined && ports.length > 0 && (await Promise.all(ports.map(answers))).every(Boolean)) return;
    if (ended !== undefined) break;
    await sleep(200);
  }
  throw new UserError(
    ended === undefined
      ? `the emulated clouds did not start within ${START_DEADLINE_SECONDS} s`
      : `the emulated clouds ended at once (exit code ${ended})`,
    `read ${daemonLogPath()}, then run it again`,
  );
}

/**
 * Ends the daemon by its process id and waits until it is gone.
 *
 * @throws UserError when not even SIGKILL ends it.
 */
export async function stopDaemon(): Promise<void> {
  const pid = daemonPid();
  if (pid !== undefined) {
    process.kill(pid, "SIGTERM");
    const deadline = Date.now() + STOP_DEADLINE_SECONDS * 1000;
    while (daemonPid() !== undefined) {
      if (Date.now() > deadline + STOP_DEADLINE_SECONDS * 1000) {
        throw new UserError(
          `the emulated clouds (process ${pid}) still run ${2 * STOP_DEADLINE_SECONDS} s after they were told to end`,
          `see what keeps them (cat /proc/${pid}/wchan /proc/${pid}/status), then run it again`,
        );
      }
      if (Date.now() > deadline) process.kill(pid, "SIGKILL");
      await sleep(100);
    }
  }
  rmSync(daemonPidPath(), { force: true });
}
