import { planEnvironment, readWorld } from "../../rehearsal/world";

const world = readWorld();
if (!world) throw new Error("no rehearsal lives on this host: test/run.ts puts one up first (make rehearsal)");
Object.assign(process.env, planEnvironment(world));
