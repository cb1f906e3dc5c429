import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import * as pb from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { afterEach, describe, expect, test } from "vitest";
import { UserError } from "../../plan/errors";
import {
  Secret,
  type Package,
  type Props,
  type ResourceContext,
  type ResourceKind,
} from "../../rehearsal/plugins/contract";
import { hasUnknown, PartialFailure, serve, UNKNOWN } from "../../rehearsal/plugins/server";
import { secret, Served } from "./client";

const THING = "probe:index/thing:Thing";
const UNKNOWN_NUMBER = "3eeb2bf0-c639-47a8-9e75-3b44932eb421";

let served: Served | undefined;
afterEach(async () => served?.close());

/** A package of one kind, whose calls are written down. */
async function start(kind: Partial<ResourceKind> = {}, rest: Partial<Package> = {}, config: Props = {}) {
  const seen: { context: ResourceContext; inputs: Props }[] = [];
  const thing: ResourceKind = {
    create: (context, inputs) => {
      seen.push({ context, inputs });
      return Promise.resolve({ id: "t-1", outputs: { ...inputs, address: "192.0.2.1", key: new Secret("hush") } });
    },
    update: (_context, _id, olds, news) => Promise.resolve({ ...olds.outputs, ...news }),
    delete: () => Promise.resolve(),
    ...kind,
  };
  served = await Served.start(
    { name: "probe", version: "9.9.9", nature: "emulated", resources: { [THING]: thing }, ...rest },
    config,
  );
  return { one: served, seen, urn: served.urn(THING, "a::b") };
}

describe("the provider server", () => {
  test("tells a kind its type, name, stack and configuration, all without secret wrappers", async () => {
    const { one, seen, urn } = await start({}, {}, { token: secret("t0ken"), place: "here" });
    await one.create(urn, { password: secret("pw"), nested: { deep: [secret("x")] } });
    expect(seen[0]?.context).toMatchObject({
      type: THING,
      name: "a::b",
      stack: "stack",
      config: { token: "t0ken", place: "here" },
    });
    expect(seen[0]?.inputs).toEqual({ password: "pw", nested: { deep: ["x"] } });
  });

  test("keeps the configuration of every provider instance apart", async () => {
    const { one, seen, urn } = await start({}, {}, { place: "here" });
    const other = await one.another({ place: "there" });
    await one.create(urn, {});
    await other.create(urn, {});
    await one.create(urn, {});
    expect(seen.map(({ context }) => context.config.place)).toEqual(["here", "there", "here"]);
  });

  test("marks outputs secret where inputs were, lists as a whole, and what a kind calls secret", async () => {
    const { one, urn } = await start();
    const { outputs } = await one.create(urn, {
      password: secret("pw"),
      nested: { open: 1, shut: secret(2) },
      list: ["a", secret("b")],
    });
    expect(outputs).toEqual({
      ...{ password: secret("pw"), nested: { open: 1, shut: secret(2) }, list: secret(["a", "b"]) },
      ...{ address: "192.0.2.1", key: secret("hush") },
    });
  });

  test("keeps computed secrets secret through an update, and lets an input that is no secret any more be open", async () => {
    const { one, urn } = await start();
    const olds = {
      inputs: { password: secret("pw") },
      outputs: { password: secret("pw"), key: secret("hush"), address: "192.0.2.1" },
    };
    expect(await one.update(urn, "t-1", olds, { password: "open" })).toEqual({
      password: "open",
      key: secret("hush"),
      address: "192.0.2.1",
    });
  });

  test("shows computed outputs as unknown at preview, unless they were given, and creates nothing", async () => {
    const { one, seen, urn } = await start({ computed: ["address", "zone"] });
    const { id, outputs } = await one.create(urn, { zone: "b", from: UNKNOWN_NUMBER }, true);
    expect({ id, outputs }).toEqual({ id: "", outputs: { zone: "b", from: UNKNOWN, address: UNKNOWN } });
    expect(seen).toEqual([]);
  });

  test("lets a kind see unknown values of every type as the same one, at any depth", async () => {
    const checked: Props[] = [];
    const { one, urn } = await start({
      required: ["size"],
      check: (_context, news) => (checked.push(news), { inputs: news }),
    });
    const { failures } = await one.check(urn, { size: UNKNOWN_NUMBER, nested: { list: [{ it: UNKNOWN }] } });
    expect(failures).toEqual([]);
    expect(checked).toEqual([{ size: UNKNOWN, nested: { list: [{ it: UNKNOWN }] } }]);
    expect(hasUnknown(checked[0]?.nested)).toBe(true);
  });

  test("previews an update as the old outputs with the new inputs over them", async () => {
    const { one, urn } = await start();
    const olds = {
      inputs: { size: 1, tags: { a: "1", b: "2" } },
      outputs: { size: 1, tags: { a: "1", b: "2", own: "3" }, address: "192.0.2.1" },
    };
    expect(await one.update(urn, "t-1", olds, { size: UNKNOWN, tags: { a: "9" } }, true)).toEqual({
      ...{ size: UNKNOWN, tags: { a: "9", own: "3" }, address: "192.0.2.1" },
    });
  });

  test("names every missing required input", async () => {
    const { one, urn } = await start({ required: ["size", "zone"] });
    expect((await one.check(urn, { size: null })).failures).toEqual([
      "size: Missing required property 'size'",
      "zone: Missing required property 'zone'",
    ]);
  });

  test("finds no difference between the same inputs, whatever the cloud added to the outputs", async () => {
    const { one, urn } = await start();
    expect(
      await one.diff(urn, { tags: { a: "1" } }, { tags: { a: "1" } }, [], { tags: { a: "1" }, address: "192.0.2.1" }),
    ).toMatchObject({ changed: false, detailed: {} });
    expect(await one.diff(urn, { password: secret("pw") }, { password: "pw", none: null })).toMatchObject({
      changed: false,
    });
  });

  test("tells an update from a replacement, at the deepest place that differs", async () => {
    const { one, urn } = await start({
      replaceOn: ["zone", "disk.kind", "cards[*].network"],
      deleteBeforeReplace: true,
    });
    const olds = {
      zone: "a",
      disk: { kind: "ssd", size: 1 },
      cards: [{ network: "x", name: "1" }],
      labels: { "a.b/c": "1" },
    };
    expect(await one.diff(urn, olds, { ...olds, disk: { kind: "ssd", size: 2 }, labels: {} })).toEqual({
      ...{ changed: true, replaces: [], deleteFirst: false, detailed: { "disk.size": 4, 'labels["a.b/c"]': 2 } },
    });
    expect(await one.diff(urn, olds, { ...olds, zone: "b", disk: null, cards: [{ network: "y", name: "1" }] })).toEqual(
      {
        ...{ changed: true, replaces: ["cards", "disk", "zone"], deleteFirst: true },
        detailed: { zone: 5, disk: 3, "cards[0].network": 5 },
      },
    );
    // A disk that comes without a kind is no reason to replace.
    expect((await one.diff(urn, { zone: "a" }, { zone: "a", disk: { size: 1 } })).replaces).toEqual([]);
  });

  test("leaves out what is to be ignored, by name, by path and by wildcard", async () => {
    const { one, urn } = await start({ replaceOn: ["image"] });
    const [olds, news] = [
      { image: "1", tags: { a: "1", b: "1" }, list: [{ x: 1 }] },
      { image: "2", tags: { a: "2", b: "2" }, list: [{ x: 2 }] },
    ];
    const left = await one.diff(urn, olds, news, ["image", 'tags["a"]', "list[*].x"]);
    expect(left).toMatchObject({ changed: true, replaces: [], detailed: { "tags.b": 4 } });
    expect((await one.diff(urn, olds, news, ["image", "tags", "list"])).changed).toBe(false);
  });

  test("replaces on every change where a kind has no update", async () => {
    const { one, urn } = await start({ update: undefined });
    expect((await one.diff(urn, { a: 1 }, { a: 2 })).replaces).toEqual(["a"]);
  });

  test("reads back changed inputs, and says with an empty id that an object is gone", async () => {
    const { one, urn } = await start({
      read: (_context, id) =>
        Promise.resolve(
          id === "gone" ? undefined : { inputs: { size: 2, password: "pw" }, outputs: { size: 2, password: "pw" } },
        ),
    });
    const marked = { size: 1, password: secret("old") };
    expect(await one.read(urn, "t-1", marked, marked)).toEqual({
      id: "t-1",
      inputs: { size: 2, password: secret("pw") },
      outputs: { size: 2, password: secret("pw") },
    });
    expect((await one.read(urn, "gone", marked, marked)).id).toBe("");
  });

  test("refuses a type and a function it does not have, naming them and the package's nature", async () => {
    const { one } = await start();
    await expect(one.create(one.urn("probe:index/other:Other", "o"), {})).rejects.toThrow(
      "UNIMPLEMENTED: Resource type probe:index/other:Other is not among those of the emulated package probe.",
    );
    await expect(one.invoke("probe:index/find:find", {})).rejects.toThrow(
      "UNIMPLEMENTED: Function probe:index/find:find",
    );
  });

  test("passes errors on as one readable message, with the remedy where there is one", async () => {
    const { one, urn } = await start(
      { create: () => Promise.reject(new UserError("the disk is full", "free 2 GiB and run it again")) },
      { functions: { "probe:index/find:find": () => Promise.reject(new Error("no results")) } },
    );
    await expect(one.create(urn, {})).rejects.toMatchObject({
      details: "the disk is full. free 2 GiB and run it again",
    });
    await expect(one.invoke("probe:index/find:find", {})).rejects.toMatchObject({
      details: "probe:index/find:find: no results",
    });
  });

  test("hands over an object that exists but is not ready, its secrets still secret", async () => {
    const { one, urn } = await start({
      create: (_context, inputs) =>
        Promise.reject(
          new PartialFailure("not ready", { id: "t-9", outputs: { ...inputs, at: 1 }, reasons: ["pod pending"] }),
        ),
    });
    const error = (await one.create(urn, { password: secret("pw") }).catch((caught: unknown) => caught)) as {
      metadata: { get(name: string): Buffer[] };
    };
    const details = error.metadata.get("grpc-status-details-bin")[0] ?? Buffer.alloc(0);
    const failed = decodeInitFailed(details);
    expect(failed).toEqual({ id: "t-9", outputs: { password: secret("pw"), at: 1 }, reasons: ["pod pending"] });
  });

  test("sets the signal when the engine cancels", async () => {
    const { one, urn } = await start({
      create: (context) =>
        new Promise((_resolve, reject) => context.signal.addEventListener("abort", () => reject(new Error("stopped")))),
    });
    const stopped = expect(one.create(urn, {})).rejects.toThrow("stopped");
    await new Promise((resolve) => setTimeout(resolve, 50));
    await new Promise<void>((resolve) => one.client.cancel(new Empty(), () => resolve()));
    await stopped;
  });

  test("marks a provider's own secrets and replaces its resources only where the package says so", async () => {
    const { one } = await start(
      {},
      { secretConfig: ["token"], replaceConfig: (olds, news) => olds.cluster !== news.cluster },
    );
    const request = new pb.CheckRequest();
    request.setUrn("urn:pulumi:stack::project::pulumi:providers:probe::p");
    request.setNews(Struct.fromJavaScript({ token: "t", cluster: "a" }));
    const checked = await new Promise<pb.CheckResponse>((resolve, reject) =>
      one.client.checkConfig(request, (error, response) => (error ? reject(error) : resolve(response))),
    );
    expect(checked.getInputs()?.toJavaScript()).toEqual({ token: secret("t"), cluster: "a" });
    const replacesOn = (news: Record<string, string>): Promise<string[]> =>
      new Promise((resolve, reject) => {
        const diff = new pb.DiffRequest();
        diff.setOldInputs(Struct.fromJavaScript({ token: "t", cluster: "a" }));
        diff.setNews(Struct.fromJavaScript(news));
        one.client.diffConfig(diff, (error, response) => (error ? reject(error) : resolve(response.getReplacesList())));
      });
    expect(await replacesOn({ token: "other", cluster: "a" })).toEqual([]);
    expect(await replacesOn({ token: "t", cluster: "b" })).toEqual(["cluster"]);
  });

  test("serves on the ports it is given, and says which one is taken", async () => {
    const { one } = await start();
    const port = Number(one.debugProviders.split(":")[1]);
    const pkg: Package = { name: "again", version: "1.0.0", nature: "stand-in", resources: {} };
    await expect(serve([pkg], { ports: { again: port } })).rejects.toThrow(
      `Cannot serve package again on port ${port}`,
    );
    await one.close();
    const again = await serve([pkg], { ports: { again: port } });
    expect(again.debugProviders).toBe(`again:${port}`);
    await again.close();
  });
});

function decodeInitFailed(bytes: Buffer) {
  const any = Status.deserializeBinary(bytes).getDetailsList()[0];
  const failed = pb.ErrorResourceInitFailed.deserializeBinary(any?.getValue_asU8() ?? new Uint8Array());
  return { id: failed.getId(), outputs: failed.getProperties()?.toJavaScript(), reasons: failed.getReasonsList() };
}
