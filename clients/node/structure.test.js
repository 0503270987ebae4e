// What a tenant is built of besides people and clients: domains, flows, forms, vault connections, exchange profiles, hooks, rules.

import { test } from "node:test";
import { randomInt } from "node:crypto";
import { assert, domain, ends, everything, holds, life, management, refused, unique, until } from "./support.js";

test("a custom domain waits for its proof, and is changed and deleted", async () => {
  const { customDomains } = management;
  const fields = { domain: `${unique("login")}.example.com`, type: "auth0_managed_certs", domain_metadata: { team: "shop" } };
  const made = await customDomains.create(fields);
  holds(made, { ...fields, status: "pending_verification" });
  assert.ok(made.verification.methods.length > 0);
  const id = made.custom_domain_id;
  holds(await customDomains.get(id), fields);
  assert.ok((await everything(customDomains.list({ take: 2 }))).some(({ custom_domain_id }) => custom_domain_id === id));
  await customDomains.update(id, { tls_policy: "recommended", domain_metadata: { team: null, floor: "2" } });
  holds(await customDomains.get(id), { tls_policy: "recommended", domain_metadata: { floor: "2" } });

  const looked = await customDomains.verify(id);
  assert.match(looked.status, /^pending/);
  await refused(customDomains.test(id), 409, "The custom domain is not ready.");
  assert.equal((await customDomains.getDefault()).domain, domain);
  await refused(customDomains.setDefault({ domain: "elsewhere.example.com" }), 404, "Custom domain not found.");
  await refused(customDomains.create(fields), 409, "The specified custom domain already exists.");
  await refused(customDomains.create({ domain: "no domain", type: "auth0_managed_certs" }), 400, /domain/, "invalid_body");
  await ends(customDomains, id, "Custom domain not found.");
});

const step = { id: "wait_1", type: "FLOW", action: "DELAY_FLOW", params: { number: 1, units: "SECONDS" } };

test("a flow is made of steps, changed and deleted; it has not run", async () => {
  const { flows } = management;
  const fields = { name: unique("flow"), actions: [step] };
  const flow = await life(flows, { fields, change: { name: unique("stream") }, list: { per_page: 2 } });
  assert.match(flow.id, /^af_/);
  assert.deepEqual(await everything(flows.executions.list(flow.id)), []);
  await refused(flows.executions.get(flow.id, "nothing"), 404, "Flow execution not found");
  await flows.executions.delete(flow.id, "nothing");
  await refused(flows.create({ name: "" }), 400, /name/, "invalid_body");
  await refused(flows.create({ name: unique("odd"), actions: [{ ...step, type: "PIGEON" }] }), 400, /actions/, "invalid_body");
  await ends(flows, flow.id, "Flow not found");
});

test("a form is made of nodes that name a flow, changed and deleted", async () => {
  const { flows, forms } = management;
  const flow = await flows.create({ name: unique("flow"), actions: [step] });
  const text = { id: "text_one", category: "BLOCK", type: "RICH_TEXT", config: { content: "<p>Hi</p>" } };
  const fields = {
    name: unique("form"),
    languages: { primary: "en" },
    nodes: [
      { id: "step_one", type: "STEP", config: { components: [text], next_node: "flow_one" } },
      { id: "flow_one", type: "FLOW", config: { flow_id: flow.id, next_node: "$ending" } },
    ],
    start: { next_node: "step_one" },
    ending: { resume_flow: true },
  };
  const change = { name: unique("shape"), style: { css: "body { margin: 0 }" } };
  const form = await life(forms, { fields, change, list: { per_page: 2 } });
  assert.match(form.id, /^ap_/);
  await refused(forms.create({ ...fields, nodes: [{ id: "x", type: "PIGEON" }] }), 400, /nodes/, "invalid_body");
  await ends(forms, form.id, "Form not found");
  await flows.delete(flow.id);
});

test("what a flow connects to keeps its secrets", async () => {
  const { connections } = management.flows.vault;
  const fields = { name: unique("web"), app_id: "HTTP", setup: { type: "BEARER", token: "vault-secret" } };
  const { setup, ...shown } = fields;
  const made = await life(connections, { fields, shown, change: { name: unique("net") } });
  assert.equal(JSON.stringify([made, await connections.get(made.id)]).includes(setup.token), false);
  await refused(connections.create({ ...fields, app_id: "PIGEON" }), 400, /oneOf/, "invalid_body");
  await ends(connections, made.id, "Vault connection not found");
});

test("tokens of another issuer are exchanged by an Action's profile", async () => {
  const { actions, tokenExchangeProfiles: profiles } = management;
  const action = await actions.create({
    name: unique("exchange"),
    supported_triggers: [{ id: "custom-token-exchange", version: "v1" }],
    code: "exports.onExecuteCustomTokenExchange = async () => {};",
  });
  const fields = {
    name: unique("exchange"),
    subject_token_type: `urn:acme:${unique("legacy")}`,
    action_id: action.id,
    type: "custom_authentication",
  };
  await refused(profiles.create(fields), 400, "Action is not deployed");
  await until(() => actions.get(action.id), ({ status }) => status === "built");
  await actions.deploy(action.id);
  const profile = await life(profiles, { fields, change: { name: unique("swap") } });
  await refused(profiles.create({ ...fields, action_id: "00000000-0000-4000-8000-000000000000" }), 400, "Action not found");
  await ends(profiles, profile.id, "Token exchange profile not found.");
  await actions.delete(action.id, { force: true });
});

test("a hook has a script and secrets that are not shown", async () => {
  const { hooks } = management;
  const script = "module.exports = function (user, context, callback) { callback(null, { user }); };";
  const hook = await life(hooks, {
    fields: { name: `hook-${randomInt(1e9)}`, script, triggerId: "pre-user-registration", dependencies: { lodash: "4.17.21" } },
    change: { enabled: true },
    list: { triggerId: "pre-user-registration" },
  });
  await hooks.secrets.create(hook.id, { KEY: "hook-secret", OTHER: "more" });
  await refused(hooks.secrets.create(hook.id, { KEY: "again" }), 409, "Secret with the same name already exists.");
  await hooks.secrets.update(hook.id, { KEY: "changed" });
  assert.deepEqual(await hooks.secrets.get(hook.id), { KEY: "_VALUE_NOT_SHOWN_", OTHER: "_VALUE_NOT_SHOWN_" });
  await hooks.secrets.delete(hook.id, ["KEY"]);
  assert.deepEqual(await hooks.secrets.get(hook.id), { OTHER: "_VALUE_NOT_SHOWN_" });
  await refused(hooks.create({ name: unique("odd"), script, triggerId: "full-moon" }), 400, /triggerId/, "invalid_body");
  await ends(hooks, hook.id, "Error: Hook does not exist", "HookDoesNotExist");
});

test("rules have an order and settings whose values are not shown", async () => {
  const { rules, rulesConfigs } = management;
  const script = "function (user, context, callback) { callback(null, user, context); }";
  const rule = await life(rules, {
    fields: { name: unique("rule"), script, enabled: false, order: 7 },
    change: { name: unique("law"), order: 9 },
    list: { per_page: 2, enabled: false },
  });
  await refused(rules.create({ name: unique("other"), script, order: 9 }), 409, "A rule with the same order already exists.");
  await refused(rules.create({ name: "not!a!name", script }), 400, /name/, "invalid_body");
  await ends(rules, rule.id, "Rule not found.");

  const key = unique("KEY");
  assert.deepEqual(await rulesConfigs.set(key, { value: "rule-secret" }), { key, value: "rule-secret" });
  assert.deepEqual((await rulesConfigs.list()).filter((row) => row.key === key), [{ key }]);
  await rulesConfigs.delete(key);
  assert.deepEqual((await rulesConfigs.list()).filter((row) => row.key === key), []);
});
