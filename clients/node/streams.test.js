// What leaves the tenant: streams of its log and of its events, and its numbers.

import { test } from "node:test";
import { assert, ends, everything, holds, life, management, person, refused, unique, until } from "./support.js";

const { logStreams, eventStreams } = management;

test("a log stream is made, changed, paused and deleted", async () => {
  const sink = { httpEndpoint: "https://logs.example.com/in", httpContentType: "application/json", httpContentFormat: "JSONLINES" };
  const fields = {
    name: unique("archive"),
    type: "http",
    sink,
    filters: [{ type: "category", name: "auth.login.fail" }],
    pii_config: { log_fields: ["email"], method: "mask" },
  };
  const stream = await life(logStreams, { fields, change: { status: "paused", filters: [{ type: "category", name: "user.fail" }] } });
  assert.match(stream.id, /^lst_\d{16}$/);
  await refused(logStreams.create({ ...fields, type: "telegraph" }), 400, /telegraph/, "invalid_body");
  await refused(logStreams.update(stream.id, { filters: [{ type: "category", name: "gossip" }] }), 400, /filters/, "invalid_body");
  await ends(logStreams, stream.id, "The log stream does not exist.");
});

test("secrets of a log stream are kept as its kind keeps them", async () => {
  const sinkOf = async (type, sink) => {
    const { id } = await logStreams.create({ name: unique(type), type, sink });
    const stream = await logStreams.get(id);
    await logStreams.delete(id);
    return stream.sink;
  };
  const datadog = { datadogApiKey: "a".repeat(32), datadogRegion: "eu" };
  assert.deepEqual(await sinkOf("datadog", datadog), datadog);
  const bridge = await sinkOf("eventbridge", { awsAccountId: "123456789012", awsRegion: "eu-west-1" });
  assert.match(bridge.awsPartnerEventSource, /^aws\.partner\/auth0\.com\//);
});

const webhook = (name, token) => ({
  name,
  subscriptions: [{ event_type: "user.created" }, { event_type: "organization.created" }],
  destination: {
    type: "webhook",
    configuration: { webhook_endpoint: "https://hooks.example.com/in", webhook_authorization: { method: "bearer", token } },
  },
});

test("an event stream is made, changed, disabled and deleted; its token stays in", async () => {
  const fields = webhook(unique("warehouse"), "hook-secret");
  const shown = structuredClone(fields);
  delete shown.destination.configuration.webhook_authorization.token;
  const change = { status: "disabled", subscriptions: [{ event_type: "user.deleted" }] };
  const stream = await life(eventStreams, { fields, shown, change });
  assert.equal(JSON.stringify(await eventStreams.get(stream.id)).includes("hook-secret"), false);
  await refused(eventStreams.update(stream.id, { name: "" }), 400, /name/, "invalid_body");
  await ends(eventStreams, stream.id, "The event stream does not exist.");
});

test("what could not be delivered is listed, looked at and sent again", async () => {
  const { id } = await eventStreams.create({
    name: unique("bridge"),
    subscriptions: [{ event_type: "user.created" }],
    destination: { type: "eventbridge", configuration: { aws_account_id: "123456789012", aws_region: "us-east-1" } },
  });
  const tried = await eventStreams.test(id, { event_type: "user.created" });
  assert.equal(tried.status, "pending");
  assert.equal(tried.event.type, "user.created");
  const failed = await until(
    () => eventStreams.deliveries.getHistory(id, tried.id).catch(() => ({})),
    ({ status }) => status === "failed",
  );
  assert.ok(failed.attempts.length >= 1);
  const listed = await everything(eventStreams.deliveries.list(id, { statuses: "failed", take: 1 }));
  assert.deepEqual(listed.map((delivery) => delivery.id), [tried.id]);
  await eventStreams.redeliveries.createById(id, tried.id);
  await eventStreams.redeliveries.create(id, { statuses: ["failed"] });
  await refused(eventStreams.deliveries.getHistory(id, "evt_0000000000000000000000"), 404, "The event delivery does not exist.");
  await eventStreams.delete(id);
});

/** The first event of a subscription that is wanted. `during` happens once the subscription stands. */
async function followed(request, wanted, during = () => {}) {
  const stop = new AbortController();
  const stream = await management.events.subscribe(request, { abortSignal: stop.signal, timeoutInSeconds: 30 });
  await during();
  try {
    for await (const message of stream) if (message.event && wanted(message.event)) return message;
  } finally {
    stop.abort();
  }
}

test("events are followed as they happen, and from where one left off", async () => {
  const people = [];
  const come = async () => people.push(await person(), await person());
  const of = (index) => (event) => event.data.object.user_id === people[index].user_id;
  const first = await followed({ event_type: ["user.created"] }, () => true, come);
  assert.equal(first.event.type, "user.created");
  assert.ok(of(0)(first.event), "what came first is told first");
  const second = await followed({ from: first.offset }, (event) => event.type === "user.created");
  assert.ok(of(1)(second.event), "what was told is not told again");
  await refused(management.events.subscribe({ from: "nowhere" }), 400, "Invalid cursor format.");
});

test("the tenant's numbers are told by day", async () => {
  assert.equal(typeof (await management.stats.getActiveUsersCount()), "number");
  const days = await management.stats.getDaily({ from: "20260101", to: "20260103" });
  assert.ok(Array.isArray(days));
  await refused(management.stats.getDaily({ from: "20260103", to: "20260101" }), 400, "'from' date cannot be greater than 'to' date.");
  await refused(management.stats.getDaily({ from: "yesterday" }), 400, /from/, "invalid_query_string");
});
