// APIs (resource servers) and the grants that let clients call them.

import { test } from "node:test";
import { api, assert, audience, everything, machine, management, refused, unique } from "./support.js";

test("an API is made with its defaults, read by id and by identifier, changed and deleted", async () => {
  const server = await api(["read:things"]);
  assert.match(server.id, /^[0-9a-f]{24}$/);
  assert.equal(server.signing_alg, "RS256");
  assert.equal(server.token_lifetime, 86_400);
  assert.equal(server.allow_offline_access, false);
  assert.ok(!server.is_system);
  assert.deepEqual(server.scopes, [{ value: "read:things", description: "May read:things" }]);

  const byIdentifier = await management.resourceServers.get(server.identifier);
  assert.equal(byIdentifier.id, server.id);

  const changed = await management.resourceServers.update(server.id, { token_lifetime: 3600, allow_offline_access: true });
  assert.equal(changed.token_lifetime, 3600);
  assert.equal(changed.allow_offline_access, true);
  assert.equal(changed.name, server.name);

  await management.resourceServers.delete(server.id);
  await refused(
    management.resourceServers.get(server.id),
    404,
    "The resource server does not exist",
    "inexistent_resource_server",
  );
  await management.resourceServers.delete(server.id);
});

test("an identifier belongs to one API, and is its for ever", async () => {
  const { id, identifier } = await api();
  await refused(
    management.resourceServers.create({ name: unique("api"), identifier }),
    409,
    "A resource server with the same identifier already exists.",
  );
  await refused(management.resourceServers.update(id, { identifier: "https://other.example.com" }), 400, /identifier/, "invalid_body");
});

test("the management API is a system API", async () => {
  const server = await management.resourceServers.get(audience);
  assert.equal(server.is_system, true);
  assert.ok(server.scopes.some((scope) => scope.value === "read:users"));
  await refused(management.resourceServers.delete(server.id), 400, "System resource servers cannot be deleted.");
});

test("APIs are listed and found by identifier", async () => {
  const [first, second] = [await api(), await api()];
  const all = await everything(management.resourceServers.list());
  assert.ok(all.some((server) => server.id === first.id) && all.some((server) => server.id === second.id));
  const found = await everything(management.resourceServers.list({ identifiers: [second.identifier] }));
  assert.deepEqual(found.map((server) => server.id), [second.id]);
});

test("a client is granted an API once; the grant is changed, listed and removed", async () => {
  const server = await api(["read:things", "write:things"]);
  const client = await machine();
  const of = { client_id: client.client_id, audience: server.identifier };
  const grant = await management.clientGrants.create({ ...of, scope: ["read:things"] });
  assert.match(grant.id, /^cgr_/);
  assert.deepEqual(grant.scope, ["read:things"]);
  assert.equal(grant.subject_type, "client");

  await refused(management.clientGrants.create({ ...of, scope: [] }), 409, /./);

  const changed = await management.clientGrants.update(grant.id, { scope: ["read:things", "write:things"] });
  assert.deepEqual(changed.scope, ["read:things", "write:things"]);
  assert.deepEqual((await management.clientGrants.get(grant.id)).scope, changed.scope);

  const listed = await everything(management.clientGrants.list({ client_id: client.client_id }));
  assert.deepEqual(listed.map((item) => item.id), [grant.id]);

  await management.clientGrants.delete(grant.id);
  assert.deepEqual(await everything(management.clientGrants.list({ client_id: client.client_id })), []);
  await refused(management.clientGrants.get(grant.id), 404, "The grant does not exist.");
});

test("APIs and clients of a grant must exist; its scopes are not judged", async () => {
  const server = await api(["read:things"]);
  const client = await machine();
  const grant = (fields) =>
    management.clientGrants.create({ client_id: client.client_id, audience: server.identifier, scope: [], ...fields });
  await refused(grant({ audience: "https://nowhere.example.com" }), 404, /resource server/i);
  await refused(grant({ client_id: "nobody" }), 404, /client/i);
  assert.deepEqual((await grant({ scope: ["fly:planes"] })).scope, ["fly:planes"]);
});

test("deleting a client or an API takes their grants along", async () => {
  const server = await api(["read:things"]);
  const client = await machine();
  const grant = await management.clientGrants.create({
    client_id: client.client_id,
    audience: server.identifier,
    scope: ["read:things"],
  });
  await management.clients.delete(client.client_id);
  await refused(management.clientGrants.get(grant.id), 404, /./);
});
