// Applications: what a new one has, changing it, its secret, its credentials, its connections.

import { test } from "node:test";
import { generateKeyPairSync } from "node:crypto";
import { AuthenticationClient } from "auth0/legacy";
import { assert, audience, clientId, database, domain, everything, machine, management, refused, unique } from "./support.js";

const publicKey = () =>
  generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ type: "spki", format: "pem" });

test("a new client has the defaults of the service", async () => {
  const name = unique("app");
  const client = await management.clients.create({ name });

  assert.equal(client.name, name);
  assert.match(client.client_id, /^[0-9A-Za-z]{32}$/);
  assert.match(client.client_secret, /^[0-9A-Za-z_-]{64}$/);
  assert.equal(client.is_first_party, true);
  assert.equal(client.global, false);
  assert.deepEqual({ ...client.jwt_configuration }, { lifetime_in_seconds: 36_000, secret_encoded: false });
  assert.ok(client.grant_types.includes("authorization_code"));
  assert.equal(client.signing_keys.length > 0, true);
  assert.deepEqual(await management.clients.get(client.client_id), client);
});

test("a client is changed, keeps what was not named, and is deleted", async () => {
  const client = await management.clients.create({
    name: unique("app"),
    app_type: "regular_web",
    callbacks: ["https://app.example.com/callback"],
    client_metadata: { team: "blue", floor: "2" },
  });
  const changed = await management.clients.update(client.client_id, {
    description: "The shop",
    client_metadata: { floor: "3", team: null },
  });
  assert.equal(changed.description, "The shop");
  assert.deepEqual(changed.callbacks, ["https://app.example.com/callback"]);
  assert.deepEqual(changed.client_metadata, { floor: "3" });

  const { rawResponse } = await management.clients.delete(client.client_id).withRawResponse();
  assert.equal(rawResponse.status, 204);
  await refused(management.clients.get(client.client_id), 404, "The client does not exist", "inexistent_client");
});

test("a listing shows the fields that were asked for", async () => {
  const client = await machine();
  const found = await everything(
    management.clients.list({ app_type: "non_interactive", fields: "client_id,name", include_fields: true }),
  );
  assert.deepEqual(
    found.find((item) => item.client_id === client.client_id),
    { client_id: client.client_id, name: client.name },
  );
});

test("pages of clients follow one another without gap or repetition", async () => {
  await Promise.all([machine(), machine(), machine()]);
  const ids = (await everything(management.clients.list({ per_page: 2 }))).map((client) => client.client_id);
  assert.equal(new Set(ids).size, ids.length);
  const page = await management.clients.list({ per_page: 2, page: 1 });
  assert.equal(page.response.start, 2);
  assert.equal(page.response.limit, 2);
  assert.ok(page.response.total >= 5);
  assert.equal(page.data.length, 2);
});

test("the global client is there and stays", async () => {
  const { data } = await management.clients.list({ is_global: true });
  assert.equal(data.length, 1);
  assert.equal(data[0].name, "All Applications");
  await refused(management.clients.delete(data[0].client_id), 400, "Global client cannot be deleted.");
});

test("what the contract forbids is refused in the service's words", async () => {
  await refused(
    management.clients.create({}),
    400,
    /^Payload validation error: 'Missing required property: name'/,
    "invalid_body",
  );
  await refused(
    management.clients.create({ name: unique("app"), colour: "red" }),
    400,
    /^Payload validation error: 'Additional properties not allowed: colour'/,
    "invalid_body",
  );
  await refused(
    management.clients.create({ name: unique("app"), app_type: "toaster" }),
    400,
    /on property app_type/,
    "invalid_body",
  );
  await refused(management.clients.list({ per_page: 1000 }), 400, /^Query validation error: /, "invalid_query_string");
});

test("a rotated secret replaces the old one at once", async () => {
  const client = await machine();
  await management.clientGrants.create({ client_id: client.client_id, audience, scope: ["read:roles"] });
  const signIn = (clientSecret) =>
    new AuthenticationClient({ domain, clientId: client.client_id, clientSecret }).oauth.clientCredentialsGrant({ audience });
  await signIn(client.client_secret);

  const rotated = await management.clients.rotateSecret(client.client_id);
  assert.notEqual(rotated.client_secret, client.client_secret);
  await signIn(rotated.client_secret);
  await assert.rejects(signIn(client.client_secret), { statusCode: 401 });
  await refused(management.clients.rotateSecret("nobody"), 404, "The client does not exist", "inexistent_client");
});

test("credentials are added, named in authentication methods, given an end, and removed", async () => {
  const client = await machine();
  const credential = await management.clients.credentials.create(client.client_id, {
    credential_type: "public_key",
    name: "spare",
    alg: "RS256",
    pem: publicKey(),
  });
  assert.match(credential.id, /^cred_/);
  assert.ok(credential.kid);
  assert.equal(credential.pem, undefined);

  const listed = await management.clients.credentials.list(client.client_id);
  assert.deepEqual(listed.map((item) => item.id), [credential.id]);

  const until = new Date(Date.now() + 86_400_000).toISOString();
  const ending = await management.clients.credentials.update(client.client_id, credential.id, { expires_at: until });
  assert.equal(new Date(ending.expires_at).getTime(), new Date(until).getTime());

  const named = await management.clients.update(client.client_id, {
    token_endpoint_auth_method: null,
    client_authentication_methods: { private_key_jwt: { credentials: [{ id: credential.id }] } },
  });
  assert.deepEqual(named.client_authentication_methods, { private_key_jwt: { credentials: [{ id: credential.id }] } });

  await management.clients.update(client.client_id, {
    client_authentication_methods: null,
    token_endpoint_auth_method: "client_secret_post",
  });
  await management.clients.credentials.delete(client.client_id, credential.id);
  await refused(
    management.clients.credentials.get(client.client_id, credential.id),
    404,
    /^Credential (does not exist|not found)/i,
  );
});

test("a client lists the connections that serve it", async () => {
  const client = await management.clients.create({ name: unique("app") });
  const connection = await database();
  await management.connections.clients.update(connection.id, [{ client_id: client.client_id, status: true }]);
  const served = await everything(management.clients.connections.get(client.client_id));
  assert.ok(served.some((item) => item.id === connection.id && item.name === connection.name));

  await management.connections.clients.update(connection.id, [{ client_id: client.client_id, status: false }]);
  const left = await everything(management.clients.connections.get(client.client_id));
  assert.ok(!left.some((item) => item.id === connection.id));
});

test("the client that calls is one of the tenant's clients", async () => {
  const self = await management.clients.get(clientId);
  assert.equal(self.client_id, clientId);
  assert.ok(self.grant_types.includes("client_credentials"));
});

test("a client that describes itself elsewhere is looked at before it is taken", async () => {
  const external_client_id = "https://client.invalid/metadata.json";
  const seen = await management.clients.previewCimdMetadata({ external_client_id });
  assert.ok(seen.errors.length > 0, "nobody answers there");
  await refused(management.clients.registerCimdClient({ external_client_id }), 400, /./);
  await refused(management.clients.previewCimdMetadata({ external_client_id: "nowhere" }), 400, /external_client_id/, "invalid_body");
});
