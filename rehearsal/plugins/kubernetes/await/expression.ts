import { UserError } from "../../../../plan/errors";
import { conditionOf, textAt, valueAt, type KubeObject } from "../objects";
import { ready, waiting, type Judge } from "./verdict";

/** Reads `.status.connections[0].name`, the part of JSONPath that one value needs. */
function parsePath(text: string): (string | number)[] | undefined {
  const inner = /^\{?\s*(\.[^{}]*?)\s*\}?$/.exec(text)?.[1];
  if (inner === undefined || !/^(\.[A-Za-z0-9_-]+(\[\d+\])*)+$/.test(inner)) return undefined;
  return [...inner.matchAll(/\.([A-Za-z0-9_-]+)|\[(\d+)\]/g)].map(([, key, index]) => key ?? Number(index));
}

function planExpression(expression: string): Judge {
  const condition = /^condition=([^=]+)(?:=(.+))?$/.exec(expression);
  if (condition) {
    const [, type = "", wanted = "True"] = condition;
    return (object) => {
      const found = conditionOf(object, type);
      if (String(found?.status).toLowerCase() === wanted.toLowerCase()) return ready;
      return waiting(
        found
          ? `${type}=${textAt(found, "status") ?? ""} [${textAt(found, "reason") ?? ""}] ${textAt(found, "message") ?? ""}`
          : `no condition ${type}`,
      );
    };
  }
  const [, path, wanted] = /^jsonpath=(\{[^}]*\}|[^=]+)(?:==?(.*))?$/.exec(expression) ?? [];
  const keys = path === undefined ? undefined : parsePath(path);
  if (!keys)
    throw new UserError(
      `The kubernetes stand-in cannot wait for "${expression}".`,
      "Use `condition=Type[=Status]` or `jsonpath={.a.b[0].c}[=value]`.",
    );
  return (object) => {
    const value = valueAt(object, ...keys);
    const reached = wanted === undefined ? value !== undefined : String(value) === wanted;
    return reached ? ready : waiting(`${path} is ${value === undefined ? "not there" : JSON.stringify(value)}`);
  };
}

/** The annotation `pulumi.com/waitFor`: one expression or a JSON list of them, all of which must hold. Throws UserError. */
export function planWaitFor(text: string): Judge {
  let expressions = [text];
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) expressions = parsed.map(String);
  } catch {
    // Not a list: one expression.
  }
  const judges = expressions.map(planExpression);
  return (object: KubeObject, around) => {
    if (textAt(object, "metadata", "deletionTimestamp")) return waiting("it is being deleted");
    return judges.map((judge) => judge(object, around)).find((verdict) => !verdict.ready) ?? ready;
  };
}
