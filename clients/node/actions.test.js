// Actions: code at the points of a flow; how it is tried, deployed, bound and rolled back.

import { test } from "node:test";
import { AuthClient } from "@auth0/auth0-auth-js";
import { api, assert, decoded, domain, ends, everything, life, machine, management, refused, unique } from "./support.js";

const CLAIM = "https://example.com/tier";
const trigger = { id: "credentials-exchange", version: "v2" };
const code = (tier) =>
  `exports.onExecuteCredentialsExchange = async (event, api) => {
    console.log("for", event.client.name);
    api.accessToken.setCustomClaim("${CLAIM}", "${tier}" + event.secrets.SUFFIX);
  };`;

/** A new Action whose packages, if it has any, are there. */
async function built(fields = {}) {
  const secrets = [{ name: "SUFFIX", value: "!" }];
  const { id } = await management.actions.create({
    name: unique("action"),
    supported_triggers: [trigger],
    code: code("gold"),
    secrets,
    ...fields,
  });
  return settled(id);
}

async function settled(id) {
  for (;;) {
    const action = await management.actions.get(id);
    if (!["pending", "building"].includes(action.status)) return action;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const bind = (actions) =>
  management.actions.triggers.bindings.updateMany(trigger.id, {
    bindings: actions.map(({ id }) => ({ ref: { type: "action_id", value: id } })),
  });

/** A client with an API, and what its next token claims. */
async function exchanging() {
  const server = await api(["read:things"]);
  const client = await machine();
  await management.clientGrants.create({ client_id: client.client_id, audience: server.identifier, scope: ["read:things"] });
  const auth = new AuthClient({ domain, clientId: client.client_id, clientSecret: client.client_secret });
  return async () => {
    const { accessToken } = await auth.getTokenByClientCredentials({ audience: server.identifier });
    return decoded(accessToken).claims;
  };
}

test("an Action is made, listed, changed and deleted", async () => {
  const action = await built();
  assert.equal(action.status, "built");
  assert.deepEqual(action.secrets.map((secret) => Object.keys(secret).sort()), [["name", "updated_at"]]);
  const found = await everything(management.actions.list({ actionName: action.name }));
  assert.deepEqual(found.map(({ id }) => id), [action.id]);
  const changed = await management.actions.update(action.id, { code: "// nothing" });
  assert.equal(changed.code, "// nothing");
  await management.actions.delete(action.id);
  await refused(management.actions.get(action.id), 404, "That action does not exist.");
});

test("a draft is tried without being deployed", async () => {
  const action = await built();
  const { payload } = await management.actions.test(action.id, { payload: { event: { client: { name: "Job" } } } });
  assert.deepEqual(payload.commands, [{ name: "accessToken.setCustomClaim", arguments: [CLAIM, "gold!"] }]);
  assert.equal(payload.logs, "for Job");
  assert.ok(Number.isInteger(payload.stats.action_duration_ms));
  const failed = await management.actions.test(action.id, { payload: { event: {} } });
  assert.equal(failed.payload.error.name, "TypeError");
});

test("what is deployed and bound changes tokens; an older version can be brought back", async () => {
  const action = await built();
  const claims = await exchanging();
  await refused(bind([action]), 400, /deployed/);
  const first = await management.actions.deploy(action.id);
  assert.equal(first.number, 1);
  const { bindings } = await bind([action]);
  assert.deepEqual(bindings.map((binding) => binding.action.id), [action.id]);
  try {
    assert.equal((await claims())[CLAIM], "gold!");

    await management.actions.update(action.id, { code: code("silver") });
    await settled(action.id);
    await management.actions.deploy(action.id);
    assert.equal((await claims())[CLAIM], "silver!");
    const versions = await everything(management.actions.versions.list(action.id));
    assert.deepEqual(versions.map(({ number }) => number), [2, 1]);

    await management.actions.versions.deploy(action.id, first.id, { update_draft: true });
    assert.equal((await claims())[CLAIM], "gold!");
    assert.equal((await management.actions.get(action.id)).code, code("gold"));
    await refused(management.actions.delete(action.id), 409, "Unable to delete an action bound to a trigger.");

    const [entry] = await everything(management.logs.list({ q: "type:seccft", per_page: 1, sort: "date:-1" }));
    const execution = await management.actions.executions.get(entry.details.actions.executions[0]);
    assert.equal(execution.status, "final");
    assert.equal(execution.results[0].action_name, action.name);
  } finally {
    await management.actions.delete(action.id, { force: true });
  }
  assert.equal((await claims())[CLAIM], undefined);
});

test("a module has versions, and goes back to one; who uses it is told", async () => {
  const { modules } = management.actions;
  const fields = { name: unique("module"), code: "exports.one = 1;" };
  const module = await life(modules, { fields, change: { code: "exports.two = 2;" } });
  const first = await modules.versions.create(module.id);
  await modules.update(module.id, { code: "exports.three = 3;" });
  const second = await modules.versions.create(module.id);
  const versions = await everything(modules.versions.list(module.id));
  assert.deepEqual(versions.map(({ id }) => id), [second.id, first.id]);
  assert.equal((await modules.versions.get(module.id, first.id)).code, "exports.two = 2;");
  await modules.rollback(module.id, { module_version_id: first.id });
  assert.equal((await modules.get(module.id)).code, "exports.two = 2;");

  const action = await built({ modules: [{ module_id: module.id, module_version_id: first.id }] });
  const users = await everything(modules.listActions(module.id));
  assert.deepEqual(users.map((user) => user.action_id ?? user.id), [action.id]);
  await refused(modules.delete(module.id), 412, "The action module is used by actions and cannot be deleted.");
  await management.actions.delete(action.id);
  await ends(modules, module.id, "The action module does not exist.");
});

test("the points of a flow are told, with what is bound to them", async () => {
  const { triggers } = await management.actions.triggers.list();
  assert.ok(triggers.some(({ id, version }) => id === trigger.id && version === trigger.version));
  assert.deepEqual(await everything(management.actions.triggers.bindings.list(trigger.id)), []);
  await refused(management.actions.triggers.bindings.list("full-moon"), 400, /full-moon/, "invalid_uri");
});

test("a module is shared at the version that an Action names", async () => {
  const name = unique("module");
  const module = await management.actions.modules.create({ name, code: "exports.tier = () => 'bronze';", publish: true });
  const version = (await management.actions.modules.get(module.id)).latest_version;
  const action = await built({
    code: `exports.onExecuteCredentialsExchange = async (event, api) => {
      api.accessToken.setCustomClaim("${CLAIM}", require("actions:${name}").tier());
    };`,
    modules: [{ module_id: module.id, module_version_id: version.id }],
  });
  const { payload } = await management.actions.test(action.id, { payload: { event: {} } });
  assert.deepEqual(payload.commands?.[0]?.arguments, [CLAIM, "bronze"]);
  await management.actions.delete(action.id);
  await management.actions.modules.delete(module.id);
});
