import { spawn } from "node:child_process";
import { UserError } from "../../plan/errors";

export interface CommandOptions {
  cwd?: string;
  /** Added to the environment of this process. */
  env?: Record<string, string>;
  input?: string;
  /** Default 30 minutes: nothing an artifact needs takes longer on two busy cores. */
  timeoutSeconds?: number;
}

const TAIL_LINES = 15;

/**
 * Runs a program and returns its standard output. A failure becomes a UserError with the command, the last lines it
 * said, and what to do next.
 */
export async function runCommand(program: string, args: string[], options: CommandOptions = {}): Promise<string> {
  const timeoutSeconds = options.timeoutSeconds ?? 1800;
  const command = [program, ...args].join(" ");
  const end = await run(program, args, options, timeoutSeconds);
  if (end.code === 0) return end.stdout;
  if (end.missing) throw new UserError(`${program} is not installed`, remedyForMissing(program));
  const said = `${end.stdout}\n${end.stderr}`.trim().split("\n").slice(-TAIL_LINES).join("\n");
  const why = end.timedOut ? `took longer than ${timeoutSeconds} s` : `failed (exit code ${end.code ?? "none"})`;
  throw new UserError(`${command}\n${why}:\n${said}`, "mend what the last lines say, then run the same command again");
}

interface End {
  code: number | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
  missing: boolean;
}

function run(program: string, args: string[], options: CommandOptions, timeoutSeconds: number): Promise<End> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    const end: End = { code: null, stdout: "", stderr: "", timedOut: false, missing: false };
    const timer = setTimeout(() => {
      end.timedOut = true;
      child.kill("SIGKILL");
    }, timeoutSeconds * 1000);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (end.stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (end.stderr += text));
    // a program that ends before it has read its input is not an error of its own: the exit code tells
    child.stdin?.on("error", () => undefined).end(options.input);
    child.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (error.code === "ENOENT") resolve({ ...end, missing: true });
      else reject(error);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ ...end, code });
    });
  });
}

function remedyForMissing(program: string): string {
  return program === "go"
    ? "install Go 1.24 or newer and put it on PATH"
    : `install it: apt-get install ${program}, then run the same command again`;
}
