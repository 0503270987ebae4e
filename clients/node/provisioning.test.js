// What comes with connections: signing keys, SCIM, directories with their groups, and profiles for new ones.

import { test } from "node:test";
import { assert, ends, everything, holds, life, management, okta, refused, unique } from "./support.js";

const { keys, scimConfiguration: scim, directoryProvisioning: directory } = management.connections;

test("keys of a connection are made once, and rotate", async () => {
  const { id } = await okta({ token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: "RS256" });
  const before = await keys.get(id);
  const current = before.find((key) => key.current);
  const next = before.find((key) => key.next);
  assert.equal(current.key_use, "signing");
  assert.match(current.cert, /^-----BEGIN CERTIFICATE-----/);
  assert.match(current.fingerprint, /^([0-9A-F]{2}:){19}[0-9A-F]{2}$/);
  await refused(keys.create(id), 409, "Keys have already been created for this connection.");

  const fresh = await keys.rotate(id);
  assert.equal(fresh.next, true);
  const after = await keys.get(id);
  assert.equal(after.find((key) => key.current).kid, next.kid);
  assert.equal(after.find((key) => key.previous).kid, current.kid);
  assert.equal(after.find((key) => key.next).kid, fresh.kid);
});

test("a connection that shares a secret has no keys to rotate", async () => {
  const { id } = await okta();
  await refused(keys.rotate(id), 400, "Connection is not configured to use JWT Client Authentication");
});

test("SCIM is set up with the default mapping, changed, listed and removed", async () => {
  const connection = await okta();
  await refused(scim.get(connection.id), 404, "Not Found");
  const { mapping } = await scim.getDefaultMapping(connection.id);
  const made = await scim.create(connection.id);
  assert.equal(made.connection_name, connection.name);
  assert.equal(made.strategy, "okta");
  assert.deepEqual(made.mapping.map((entry) => entry.auth0), mapping.map((entry) => entry.auth0));
  await refused(scim.create(connection.id), 400, "SCIM configuration alreay exists for connection");

  const change = { user_id_attribute: "externalId", mapping: [{ scim: "displayName", auth0: "name" }] };
  await scim.update(connection.id, change);
  holds(await scim.get(connection.id), change);
  const listed = await everything(scim.list());
  assert.ok(listed.some((row) => row.connection_id === connection.id));

  await scim.delete(connection.id);
  await refused(scim.get(connection.id), 404, "Not Found");
});

test("SCIM needs a strategy that speaks it", async () => {
  const { id } = await management.connections.create({ name: unique("db"), strategy: "auth0" });
  await refused(scim.create(id), 404, /^This connection type does not support SCIM\./);
});

test("two SCIM tokens live side by side, and are shown once", async () => {
  const { id } = await okta();
  await scim.create(id);
  const first = await scim.tokens.create(id, { scopes: ["get:users", "post:users"], token_lifetime: 3600 });
  assert.ok(first.token.length > 20);
  assert.ok(first.valid_until > first.created_at);
  const second = await scim.tokens.create(id, { scopes: ["get:users"] });
  await refused(scim.tokens.create(id, {}), 409, "Maximum of 2 tokens already issued for this connection");

  const listed = await scim.tokens.get(id);
  assert.deepEqual(listed.map((row) => row.token_id).sort(), [first.token_id, second.token_id].sort());
  assert.ok(listed.every((row) => row.token === undefined));
  await scim.tokens.delete(id, first.token_id);
  assert.deepEqual((await scim.tokens.get(id)).map((row) => row.token_id), [second.token_id]);
  await refused(scim.tokens.create(id, { token_lifetime: 60 }), 400, /on property token_lifetime/, "invalid_body");
});

test("a directory is provisioned with chosen groups", async () => {
  const { id } = await management.connections.create({
    name: unique("google"),
    strategy: "google-apps",
    options: { client_id: "id", domain: "example.com", api_enable_users: true, api_enable_groups: true },
  });
  await refused(directory.get(id), 404, "Directory provisioning configuration not found");
  const { mapping } = await directory.getDefaultMapping(id);
  const made = await directory.create(id, { synchronize_groups: "selected" });
  assert.equal(made.synchronize_automatically, false);
  assert.equal(made.mapping.length, mapping.length);

  const change = { synchronize_automatically: true, mapping: [{ auth0: "email", idp: "primaryEmail" }] };
  await directory.update(id, change);
  holds(await directory.get(id), { ...change, synchronize_groups: "selected" });
  assert.ok((await everything(directory.list())).some((row) => row.connection_id === id));

  const groups = async () => (await everything(directory.listSynchronizedGroups(id))).map((group) => group.id);
  await directory.set(id, { groups: [{ id: "g2" }, { id: "g1" }] });
  assert.deepEqual(await groups(), ["g1", "g2"]);
  await directory.addSynchronizedGroupSelections(id, { groups: [{ id: "g3" }] });
  await directory.deleteSynchronizedGroupSelections(id, { groups: [{ id: "g1" }] });
  assert.deepEqual(await groups(), ["g2", "g3"]);
  await refused(directory.set(id, { groups: [{ id: "not an id" }] }), 400, /on property groups\[0\]\.id/, "invalid_body");

  const begun = await directory.synchronizations.create(id);
  assert.equal(begun.connection_id, id);
  await directory.delete(id);
  await refused(directory.get(id), 404, "Directory provisioning configuration not found");
});

test("a profile for connections is made from a template, changed and deleted", async () => {
  const profiles = management.connectionProfiles;
  const { connection_profile_templates: [first] } = await profiles.listTemplates();
  const { template } = await profiles.getTemplate(first.id);
  const fields = {
    name: unique("partners"),
    organization: { show_as_button: "required", assign_membership_on_login: "optional" },
    connection_name_prefix_template: "org-{org_name}",
    enabled_features: ["scim"],
    strategy_overrides: { okta: { enabled_features: ["universal_logout"] } },
  };
  assert.ok(template.organization, "a template says what organizations get");
  const profile = await life(profiles, { fields, change: { name: unique("friends"), enabled_features: [] } });
  await refused(profiles.create({ name: unique("odd"), enabled_features: ["flying"] }), 400, /flying/, "invalid_body");
  await refused(profiles.getTemplate("nothing"), 404, "Connection profile template not found.");
  await ends(profiles, profile.id, "Connection profile not found.");
});
