// What keeps attackers out: protection settings, blocked addresses, risk, signals, rules for networks, limits of rate.

import { test } from "node:test";
import { assert, ends, everything, holds, life, machine, management, refused, unique } from "./support.js";

/** Settings take a change, keep what it does not name, and refuse what has no meaning without changing. */
async function settings({ get, update }, change, bad, property) {
  const before = await get();
  holds(await update(change), change);
  const { updated_at: _, ...after } = await get();
  holds(after, { ...before, ...change, ...(before.stage && { stage: after.stage }) });
  await refused(update(bad), 400, property, "invalid_body");
  holds(await get(), change);
}

const bound = (manager) => ({
  get: () => manager.get(),
  update: (change) => (manager.update ? manager.update(change) : manager.patch(change)),
});

test("attempts by force are counted", () =>
  settings(bound(management.attackProtection.bruteForceProtection),
    { max_attempts: 7, mode: "count_per_identifier", shields: ["block"], allowlist: ["192.0.2.1", "198.51.100.0/24"] },
    { max_attempts: 0 }, /max_attempts/));

test("addresses with many attempts are slowed, each stage for itself", async () => {
  const manager = management.attackProtection.suspiciousIpThrottling;
  const rate = (await manager.get()).stage["pre-login"].rate;
  const change = { enabled: true, stage: { "pre-login": { max_attempts: 50 } } };
  await settings(bound(manager), change, { allowlist: ["nowhere"] }, /allowlist/);
  assert.equal((await manager.get()).stage["pre-login"].rate, rate);
});

test("leaked passwords are refused where that is asked for", () =>
  settings(bound(management.attackProtection.breachedPasswordDetection),
    { enabled: true, shields: ["block"], stage: { "pre-user-registration": { shields: ["block"] } } },
    { method: "guess" }, /method/));

test("bots are challenged", () =>
  settings(bound(management.attackProtection.botDetection),
    { bot_detection_level: "high", challenge_password_policy: "when_risky", monitoring_mode_enabled: true },
    { challenge_password_policy: "sometimes" }, /challenge_password_policy/));

test("a captcha's secret goes in and never comes out", async () => {
  const { captcha } = management.attackProtection;
  const changed = await captcha.update({ active_provider_id: "hcaptcha", hcaptcha: { site_key: "site", secret: "captcha-secret" } });
  const read = await captcha.get();
  for (const shown of [changed, read]) holds(shown, { active_provider_id: "hcaptcha", hcaptcha: { site_key: "site" } });
  assert.equal(JSON.stringify([changed, read]).includes("captcha-secret"), false);
  await refused(captcha.update({ active_provider_id: "riddle" }), 400, /active_provider_id/, "invalid_body");
});

test("an address without a block has none to lift", async () => {
  const { blocks } = management.anomaly;
  await refused(blocks.checkIp("192.0.2.7"), 404, "Not Found");
  await blocks.unblockIp("192.0.2.7");
  await refused(blocks.checkIp("somewhere"), 400, /id/, "invalid_uri");
});

test("risk is assessed with a memory for devices", async () => {
  const risk = management.riskAssessments.settings;
  await settings(bound(risk), { enabled: true }, {}, /enabled/);
  await settings(bound(risk.newDevice), { remember_for: 60 }, { remember_for: 0 }, /remember_for/);
});

test("signals of the network's edge are taken or not", () =>
  settings(bound(management.supplementalSignals), { akamai_enabled: true }, { akamai_enabled: "perhaps" }, /akamai_enabled/));

test("a rule for networks is made, changed, replaced and deleted", async () => {
  const { networkAcls } = management;
  const rule = { action: { block: true }, scope: "tenant", match: { ipv4_cidrs: ["198.51.100.0/24"], asns: [64500] } };
  const fields = { description: unique("no robots"), active: true, priority: 3, rule };
  await networkAcls.create(fields);
  const found = (await everything(networkAcls.list())).filter(({ description }) => description === fields.description);
  const [acl] = found;
  assert.equal(found.length, 1);
  holds(await networkAcls.get(acl.id), fields);
  await networkAcls.update(acl.id, { active: false });
  holds(await networkAcls.get(acl.id), { ...fields, active: false });

  const action = { redirect: true, redirect_uri: "https://example.com/away" };
  const other = { action, scope: "management", not_match: { geo_country_codes: ["DE"] } };
  await networkAcls.set(acl.id, { description: "elsewhere", active: true, priority: 4, rule: other });
  const replaced = await networkAcls.get(acl.id);
  holds(replaced, { description: "elsewhere", rule: other, created_at: acl.created_at });
  assert.equal(replaced.rule.match, undefined);

  const ruled = (part) => networkAcls.create({ ...fields, rule: { ...rule, ...part } });
  await refused(ruled({ match: { ipv4_cidrs: ["300.1.1.1"] } }), 400, /ipv4_cidrs/, "invalid_body");
  await refused(ruled({ scope: "everywhere" }), 400, /scope/, "invalid_body");
  await ends(networkAcls, acl.id, "NetworkACL with this ID was not found");
});

test("a client is held to a rate, until the policy ends", async () => {
  const { client_id } = await machine();
  const { rateLimitPolicies } = management;
  const policy = await life(rateLimitPolicies, {
    fields: {
      resource: "oauth_authentication_api",
      consumer: "client",
      consumer_selector: `client_id:${client_id}`,
      configuration: { action: "block", limit: 10 },
    },
    change: { configuration: { action: "block", limit: 20 } },
  });
  await ends(rateLimitPolicies, policy.id, "The rate limit policy does not exist.");
  assert.ok(!(await everything(rateLimitPolicies.list())).some(({ id }) => id === policy.id));
});
