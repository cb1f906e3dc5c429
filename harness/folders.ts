import { homedir } from "node:os";
import { join } from "node:path";

/** Where artifacts are cached by content; survives `make down`. */
export function cacheFolder(): string {
  return process.env.ARCHIPELAGO_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "archipelago");
}

/** Where the living rehearsal keeps its Pulumi backend, world and logs; removed by `make down`. */
export function stateFolder(): string {
  return (
    process.env.ARCHIPELAGO_STATE ??
    join(process.env.XDG_STATE_HOME ?? join(homedir(), ".local", "state"), "archipelago")
  );
}
