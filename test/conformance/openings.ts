import type { PortRule } from "../../plan/types";
import type { FirewallRule } from "../../rehearsal/machines/contract";

/** "tcp 6443-6443 from 10.0.0.0/24" for every source of every rule, in order. */
export const openings = (rules: (PortRule | FirewallRule)[]): string[] =>
  rules
    .flatMap(({ protocol, from, to, sources }) =>
      sources.map((source) =>
        protocol === "tcp" || protocol === "udp"
          ? `${protocol} ${from}-${to} from ${source}`
          : `${protocol} from ${source}`,
      ),
    )
    .sort();
