import * as pb from "@pulumi/pulumi/proto/provider_pb";
import type { Difference, Props, ResourceKind } from "./contract";
import { listChanges, parsePath, renderPath, startsWith, touches } from "./diff";
import { decode, unwrapProps } from "./encoding";

const { ADD, ADD_REPLACE, DELETE, DELETE_REPLACE, UPDATE, UPDATE_REPLACE } = pb.PropertyDiff.Kind;
const KINDS = { add: [ADD, ADD_REPLACE], delete: [DELETE, DELETE_REPLACE], update: [UPDATE, UPDATE_REPLACE] } as const;

/** What a Diff or DiffConfig request compares, without secret marks. */
export function comparedOf(request: pb.DiffRequest): { olds: Props; outputs: Props; news: Props } {
  const outputs = unwrapProps(decode(request.getOlds()));
  // Outputs hold what the cloud filled in; comparing them with inputs would show changes that nobody made.
  const oldInputs = request.getOldInputs();
  return {
    olds: oldInputs ? unwrapProps(decode(oldInputs)) : outputs,
    outputs,
    news: unwrapProps(decode(request.getNews())),
  };
}

/** Changed inputs; with a kind, whether they replace a resource of it. */
export function listDifferences(olds: Props, news: Props, kind?: ResourceKind): Difference[] {
  const fixed = (kind?.replaceOn ?? []).map(parsePath);
  return listChanges(olds, news).map((change) => ({
    path: renderPath(change.path),
    kind: change.kind,
    // A kind without update cannot change in place.
    replace: (kind !== undefined && !kind.update) || fixed.some((path) => touches(change, path)),
  }));
}

/** Without what the program told the engine to ignore. */
export function dropIgnored(changes: Difference[], ignored: string[]): Difference[] {
  const prefixes = ignored.map(parsePath);
  return changes.filter(({ path }) => !prefixes.some((prefix) => startsWith(parsePath(path), prefix)));
}

/** The engine's form of it. */
export function diffResponse(changes: Difference[], deleteBeforeReplace: boolean): pb.DiffResponse {
  const response = new pb.DiffResponse();
  const top = (change: Difference): string => String(parsePath(change.path)[0]);
  const replaced = changes.filter((change) => change.replace);
  for (const change of changes) {
    const detail = new pb.PropertyDiff();
    detail.setInputdiff(true);
    detail.setKind(KINDS[change.kind][change.replace ? 1 : 0]);
    response.getDetaileddiffMap().set(change.path, detail);
  }
  const { DIFF_SOME, DIFF_NONE } = pb.DiffResponse.DiffChanges;
  response.setChanges(changes.length > 0 ? DIFF_SOME : DIFF_NONE);
  response.setDiffsList([...new Set(changes.map(top))]);
  response.setReplacesList([...new Set(replaced.map(top))]);
  response.setHasdetaileddiff(true);
  response.setDeletebeforereplace(deleteBeforeReplace && replaced.length > 0);
  return response;
}
