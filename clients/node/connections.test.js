// Connections: databases and federated ones, the clients that use them, their status.

import { test } from "node:test";
import { assert, database, everything, machine, management, person, refused, unique } from "./support.js";

test("a database connection is made, changed and deleted", async () => {
  const connection = await management.connections.create({
    name: unique("db"),
    strategy: "auth0",
    options: { passwordPolicy: "good", password_history: { enable: true, size: 3 } },
    metadata: { region: "north" },
  });
  assert.match(connection.id, /^con_[0-9A-Za-z]{16}$/);
  assert.equal(connection.strategy, "auth0");
  assert.deepEqual(connection.realms, [connection.name]);
  assert.equal(connection.is_domain_connection, false);
  assert.equal(connection.options.passwordPolicy, "good");
  assert.equal(connection.options.brute_force_protection, true);
  assert.deepEqual(connection.metadata, { region: "north" });

  const changed = await management.connections.update(connection.id, { display_name: "Staff", options: { passwordPolicy: "fair" } });
  assert.equal(changed.display_name, "Staff");
  assert.equal(changed.options.passwordPolicy, "fair");
  assert.equal(changed.name, connection.name);

  const { rawResponse } = await management.connections.delete(connection.id).withRawResponse();
  assert.equal(rawResponse.status, 202);
});

test("a connection that was never there is said not to exist", async () => {
  await refused(
    management.connections.get("con_0000000000000000"),
    404,
    "The connection does not exist",
    "inexistent_connection",
  );
});

test("a name is taken once, by any strategy", async () => {
  const { name } = await database();
  const again = "A connection with the same name already exists";
  await refused(management.connections.create({ name, strategy: "auth0" }), 409, again, "connection_conflict");
  await refused(management.connections.create({ name, strategy: "github" }), 409, again, "connection_conflict");
});

test("a strategy's own options are kept, its secrets too", async () => {
  const connection = await management.connections.create({
    name: unique("oidc"),
    strategy: "oidc",
    options: {
      type: "back_channel",
      client_id: "partner",
      client_secret: "partner-secret",
      issuer: "https://partner.example.com",
      authorization_endpoint: "https://partner.example.com/authorize",
      token_endpoint: "https://partner.example.com/token",
      jwks_uri: "https://partner.example.com/keys",
      scope: "openid profile",
    },
  });
  assert.equal(connection.options.client_id, "partner");
  const read = await management.connections.get(connection.id);
  assert.equal(read.options.token_endpoint, "https://partner.example.com/token");
});

test("connections are found by strategy and name, page by page", async () => {
  const [first, second] = [await database(), await database()];
  const databases = await everything(management.connections.list({ strategy: ["auth0"], take: 2 }));
  const ids = databases.map((connection) => connection.id);
  assert.ok(ids.includes(first.id) && ids.includes(second.id));
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(databases.every((connection) => connection.strategy === "auth0"));
  const named = await everything(management.connections.list({ name: second.name }));
  assert.deepEqual(named.map((connection) => connection.id), [second.id]);
});

test("clients are enabled and disabled one by one", async () => {
  const connection = await database();
  const [one, two] = [await machine(), await machine()];
  await management.connections.clients.update(connection.id, [
    { client_id: one.client_id, status: true },
    { client_id: two.client_id, status: true },
  ]);
  const enabled = async () =>
    (await everything(management.connections.clients.get(connection.id))).map((item) => item.client_id);
  const both = await enabled();
  assert.ok(both.includes(one.client_id) && both.includes(two.client_id));

  await management.connections.clients.update(connection.id, [{ client_id: one.client_id, status: false }]);
  const left = await enabled();
  assert.ok(!left.includes(one.client_id) && left.includes(two.client_id));
});

test("a database connection is online", async () => {
  const connection = await database();
  const { rawResponse } = await management.connections.checkStatus(connection.id).withRawResponse();
  assert.equal(rawResponse.status, 200);
});

test("identifier rules of a database are checked together", async () => {
  await refused(
    management.connections.create({
      name: unique("db"),
      strategy: "auth0",
      options: { requires_username: true, attributes: { username: { identifier: { active: true } } } },
    }),
    400,
    "Cannot set both options.attributes and options.requires_username",
    "invalid_body",
  );
  await refused(management.connections.create({ name: unique("x"), strategy: "carrier-pigeon" }), 400, /strategy/, "invalid_body");
});

test("a connection's users are deleted by e-mail, and all of them with it", async () => {
  const connection = await database();
  const client = await machine();
  await management.connections.clients.update(connection.id, [{ client_id: client.client_id, status: true }]);
  const gone = await person({ connection: connection.name });
  const stays = await person({ connection: connection.name });
  await management.connections.users.deleteByEmail(connection.id, { email: gone.email });
  await refused(management.users.get(gone.user_id), 404, "The user does not exist.", "inexistent_user");
  assert.equal((await management.users.get(stays.user_id)).email, stays.email);

  await management.connections.delete(connection.id);
  await refused(management.users.get(stays.user_id), 404, "The user does not exist.", "inexistent_user");
});
