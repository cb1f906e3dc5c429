import { Command } from "commander";
import { UserError } from "../plan/errors";
import { previewOnly } from "./previewOnly";
import { obtain, doctor, down, environment, leaked, status, target, up } from "./verbs";

/** Exit codes as the harness has them: 1 an operation failed, 2 wrong input or host. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const HELP = `
Examples:
  ./rehearse doctor                    what is missing, how long it takes, how much disk it needs
  ./rehearse up                        put all five stacks up on this machine
  ./rehearse up --stack broker --stack oregon
  ./rehearse up --stack broker --stack oregon --overlay test/rehearsal/replicated.json
                                       the primary region with three servers behind a load balancer
  eval "$(./rehearse env)"             then: pulumi preview -s london, ./archipelago status, kubectl …
  ./rehearse up --earlier --stack broker --stack oregon --stack ashburn
  ./rehearse target v1.37.1            then ./archipelago upgrade
  ./rehearse down                      leave nothing behind`;

async function main(): Promise<void> {
  const program = new Command("rehearse")
    .description("The whole fleet on this machine: real engine, real Kubernetes, real Submariner, emulated clouds.")
    .addHelpText("after", HELP)
    .showHelpAfterError()
    .exitOverride();
  const collect = (value: string, all: string[]): string[] => [...all, value];

  program
    .command("up")
    .description("install what is missing, obtain every artifact, put the stacks up, summarise")
    .option("-s, --stack <name>", "only this stack (repeatable)", collect, [])
    .option("--overlay <file>", "JSON laid over the topology, kept for as long as this rehearsal lives")
    .option("--json", "one machine-readable document on stdout at the end")
    .option("--earlier", "begin with earlier versions, in order to rehearse upgrades; builds them once")
    .action(async (options: { stack: string[]; overlay?: string; json?: boolean; earlier?: boolean }) => {
      process.exitCode = await up(options);
    });
  program
    .command("target <version>")
    .description("after up --earlier: have the topology ask for this Kubernetes, and the versions that go with it")
    .action((version: string) => target(version));
  program
    .command("preview")
    .description("the whole fleet's preview on emulated clouds without machines, as a pull request's comment")
    .option("-s, --stack <name>", "only this stack (repeatable)", collect, [])
    .option("--touched <commit>", "only stacks that the change since this commit or branch touches")
    .option("--policy-pack <folder>", "check by this policy pack, too (repeatable)", collect, [])
    .option("--no-policies", "leave the project's own policy pack out")
    .action(async (options: { stack: string[]; touched?: string; policyPack: string[]; policies: boolean }) => {
      const { stack: stacks, touched, policyPack: policyPacks, policies } = options;
      process.exitCode = await previewOnly({ stacks, touched, policyPacks, policies });
    });
  program
    .command("status")
    .description("clusters, nodes, tunnels, database pods; packets that tried to leave")
    .option("--json", "machine-readable")
    .option("--detail", "every node, tunnel and pod")
    .action(async (options: { json?: boolean; detail?: boolean }) => {
      process.exitCode = await status(options);
    });
  program
    .command("down")
    .description("remove machines, networks, processes, mounts; put host settings back")
    .action(async () => {
      process.exitCode = await down();
    });
  program
    .command("doctor")
    .description("what is missing on this host, how long it takes, how much disk it needs; changes nothing")
    .option("--json", "machine-readable")
    .action(async (options: { json?: boolean }) => {
      process.exitCode = await doctor(options);
    });
  program
    .command("env")
    .description('shell text for eval "$(./rehearse env)"')
    .action(() => {
      process.stdout.write(environment());
    });
  program
    .command("artifacts")
    .description("obtain the artifacts without putting anything up")
    .option("--only <list>", "comma-separated: engine, manifests, machine, earlier")
    .action(async (options: { only?: string }) => {
      await obtain(options.only?.split(","));
    });
  program
    .command("leaked")
    .description("print how many packets for emulated addresses tried to leave this host (all were dropped)")
    .action(async () => {
      const packets = await leaked();
      console.log(packets);
      process.exitCode = packets === 0 ? 0 : EXIT_FAILED;
    });
  await program.parseAsync();
}

main().catch((error: unknown) => {
  if (error instanceof UserError) {
    console.error(`${error.message}\n  → ${error.remedy}`);
    process.exitCode = EXIT_USAGE;
  } else if (error instanceof Error && "code" in error && String(error.code).startsWith("commander.")) {
    process.exitCode =
      String(error.code) === "commander.helpDisplayed" || String(error.code) === "commander.help" ? 0 : EXIT_USAGE;
  } else {
    console.error(error);
    process.exitCode = EXIT_FAILED;
  }
});
