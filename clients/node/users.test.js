// Users: their life, finding them, their identities, what they may do, where they belong.

import { test } from "node:test";
import {
  api, assert, database, everything, machine, management, PASSWORD, person, refused, unique,
} from "./support.js";

const DATABASE = "Username-Password-Authentication";

async function openDatabase(options) {
  const [connection, client] = [
    await management.connections.create({ name: unique("db"), strategy: "auth0", options }),
    await machine(),
  ];
  await management.connections.clients.update(connection.id, [{ client_id: client.client_id, status: true }]);
  return connection;
}

test("a user is made, read, changed and deleted", async () => {
  const email = `${unique("Ada")}@example.com`;
  const user = await management.users.create({
    connection: DATABASE,
    email,
    password: PASSWORD,
    given_name: "Ada",
    user_metadata: { colour: "green", size: { shoe: 38 } },
    app_metadata: { plan: "gold" },
  });
  assert.match(user.user_id, /^auth0\|[0-9a-f]{24}$/);
  assert.equal(user.email, email.toLowerCase());
  assert.equal(user.email_verified, false);
  assert.equal(user.name, email.toLowerCase());
  assert.equal(user.nickname, email.toLowerCase().split("@")[0]);
  assert.ok(user.picture.startsWith("https://"));
  assert.deepEqual(user.identities, [
    { connection: DATABASE, user_id: user.user_id.slice("auth0|".length), provider: "auth0", isSocial: false },
  ]);
  assert.equal(JSON.stringify(user).includes(PASSWORD), false);
  assert.deepEqual(await management.users.get(user.user_id), user);

  const changed = await management.users.update(user.user_id, {
    family_name: "Lovelace",
    user_metadata: { colour: null, size: { hat: 55 } },
  });
  assert.equal(changed.family_name, "Lovelace");
  assert.equal(changed.given_name, "Ada");
  assert.deepEqual(changed.user_metadata, { size: { hat: 55 } });
  assert.deepEqual(changed.app_metadata, { plan: "gold" });
  assert.ok(changed.updated_at > user.updated_at);

  await management.users.delete(user.user_id);
  await refused(management.users.get(user.user_id), 404, "The user does not exist.", "inexistent_user");
});

test("an e-mail belongs to one user of a connection", async () => {
  const user = await person();
  await refused(
    management.users.create({ connection: DATABASE, email: user.email.toUpperCase(), password: PASSWORD }),
    409,
    "The user already exists.",
  );
  const elsewhere = await openDatabase();
  const twin = await person({ connection: elsewhere.name, email: user.email });
  assert.notEqual(twin.user_id, user.user_id);
  const both = await management.users.listUsersByEmail({ email: user.email });
  assert.deepEqual(both.map((found) => found.user_id).sort(), [user.user_id, twin.user_id].sort());
});

test("a weak password, an unknown connection and an unknown field are refused", async () => {
  const email = `${unique("weak")}@example.com`;
  await refused(
    management.users.create({ connection: DATABASE, email, password: "weak" }),
    400,
    "PasswordStrengthError: Password is too weak",
  );
  await refused(management.users.create({ connection: "nowhere", email, password: PASSWORD }), 400, /connection does not exist/i);
  await refused(
    management.users.create({ connection: DATABASE, email, password: PASSWORD, shoe_size: 38 }),
    400,
    /^Payload validation error: 'Additional properties not allowed: shoe_size'/,
    "invalid_body",
  );
  await refused(management.users.create({ connection: DATABASE, email: "nobody", password: PASSWORD }), 400, /email/, "invalid_body");
  assert.deepEqual(await management.users.listUsersByEmail({ email }), []);
});

test("a password is not used again while the history remembers it", async () => {
  const connection = await openDatabase({ password_history: { enable: true, size: 2 } });
  const user = await person({ connection: connection.name });
  await refused(
    management.users.update(user.user_id, { password: PASSWORD, connection: connection.name }),
    400,
    /^PasswordHistoryError: /,
  );
  const changed = await management.users.update(user.user_id, { password: `${PASSWORD}-2`, connection: connection.name });
  assert.ok(changed.last_password_reset);
});

test("what cannot be changed together is said", async () => {
  const user = await person();
  await refused(
    management.users.update(user.user_id, { password: PASSWORD, email: `${unique("new")}@example.com` }),
    400,
    /^Cannot update password and email simultaneously/,
  );
});

test("a listing shows chosen fields and counts everybody", async () => {
  const user = await person();
  const page = await management.users.list({
    q: `email:"${user.email}"`,
    search_engine: "v3",
    fields: "user_id,email",
    include_fields: true,
  });
  assert.deepEqual(page.data, [{ user_id: user.user_id, email: user.email }]);
  assert.equal(page.response.total, 1);
  assert.equal(page.response.start, 0);
  assert.equal(page.response.length, 1);
});

test("users are found by profile and metadata as soon as they are there", async () => {
  const team = unique("team").replace("-", "");
  const ada = await person({ name: `Ada ${team}`, user_metadata: { team }, app_metadata: { age: 36, plan: { tier: "gold" } } });
  const bob = await person({ name: `Bob ${team}`, user_metadata: { team }, app_metadata: { age: 52 }, blocked: true });
  const found = async (q, more = {}) =>
    (await everything(management.users.list({ q, search_engine: "v3", ...more }))).map((user) => user.user_id);

  const both = [ada.user_id, bob.user_id].sort();
  assert.deepEqual((await found(`user_metadata.team:"${team}"`)).sort(), both);
  assert.deepEqual(await found(`user_metadata.team:${team} AND app_metadata.age:[40 TO *]`), [bob.user_id]);
  assert.deepEqual(await found(`user_metadata.team:${team} AND NOT blocked:true`), [ada.user_id]);
  assert.deepEqual(await found(`app_metadata.plan.tier:gold AND user_metadata.team:${team}`), [ada.user_id]);
  assert.deepEqual(await found(`name:"Ada ${team}"`), [ada.user_id]);
  assert.deepEqual(await found(`email:${bob.email.split("@")[0]}*`), [bob.user_id]);
  assert.deepEqual(await found(`user_id:("${ada.user_id}" OR "${bob.user_id}")`, { sort: "name:-1" }), [bob.user_id, ada.user_id]);

  await management.users.update(ada.user_id, { user_metadata: { team: "elsewhere" } });
  assert.deepEqual(await found(`user_metadata.team:"${team}"`), [bob.user_id]);
  await refused(management.users.list({ q: "user_metadata.age:[40 TO *]" }), 400, /./, "invalid_query_string");
});

test("accounts are linked and taken apart", async () => {
  const [first, second] = [await person(), await person()];
  const [provider, id] = second.user_id.split("|");
  const identities = await management.users.identities.link(first.user_id, { provider, user_id: id });
  assert.deepEqual(identities.map((identity) => identity.user_id), [first.user_id.split("|")[1], id]);
  assert.equal(identities[1].profileData.email, second.email);
  await refused(management.users.get(second.user_id), 404, "The user does not exist.", "inexistent_user");

  const left = await management.users.identities.delete(first.user_id, provider, id);
  assert.equal(left.length, 1);
  assert.equal((await management.users.get(second.user_id)).email, second.email);
  await refused(
    management.users.identities.delete(first.user_id, "auth0", first.user_id.split("|")[1]),
    400,
    "Main identity cannot be removed.",
  );
});

test("a user is given roles and permissions, and loses them", async () => {
  const server = await api(["read:things", "write:things"]);
  const role = await management.roles.create({ name: unique("role"), description: "Readers" });
  const user = await person();
  const permission = { resource_server_identifier: server.identifier, permission_name: "write:things" };

  await management.users.roles.assign(user.user_id, { roles: [role.id] });
  const [held] = await everything(management.users.roles.list(user.user_id));
  assert.deepEqual([held.id, held.name, held.description], [role.id, role.name, "Readers"]);
  await management.users.permissions.create(user.user_id, { permissions: [permission] });
  const [allowed] = await everything(management.users.permissions.list(user.user_id));
  assert.equal(allowed.permission_name, "write:things");
  assert.equal(allowed.resource_server_identifier, server.identifier);
  assert.equal(allowed.resource_server_name, server.name);
  assert.equal(allowed.description, "May write:things");

  await management.users.roles.delete(user.user_id, { roles: [role.id] });
  await management.users.permissions.delete(user.user_id, { permissions: [permission] });
  assert.deepEqual(await everything(management.users.roles.list(user.user_id)), []);
  assert.deepEqual(await everything(management.users.permissions.list(user.user_id)), []);
  await refused(management.users.roles.assign(user.user_id, { roles: [] }), 400, /too short|minimum/, "invalid_body");
});

test("a user's organizations and logs are theirs", async () => {
  const user = await person();
  const organization = await management.organizations.create({ name: unique("org") });
  await management.organizations.members.create(organization.id, { members: [user.user_id] });
  const [member] = await everything(management.users.organizations.list(user.user_id));
  assert.equal(member.id, organization.id);
  assert.ok(Array.isArray(await everything(management.users.logs.list(user.user_id))));
});

test("a blocked user is shown as blocked until unblocked", async () => {
  const user = await person();
  assert.equal((await management.users.update(user.user_id, { blocked: true })).blocked, true);
  assert.equal((await management.users.update(user.user_id, { blocked: false })).blocked, false);
});

test("attempts that were blocked are listed and lifted by user and by identifier", async () => {
  const user = await person();
  assert.deepEqual((await management.userBlocks.list(user.user_id)).blocked_for, []);
  assert.deepEqual((await management.userBlocks.listByIdentifier({ identifier: user.email })).blocked_for, []);
  await management.userBlocks.delete(user.user_id);
  await management.userBlocks.deleteByIdentifier({ identifier: user.email });
});

test("a user without sign-ins has given no grants", async () => {
  const user = await person();
  assert.deepEqual(await everything(management.userGrants.list({ user_id: user.user_id })), []);
  await management.userGrants.deleteByUserId({ user_id: user.user_id });
  await management.userGrants.delete("abcdef0123456789abcdef01");
});

test("names that are e-mails of another kind are users too", async () => {
  const connection = await openDatabase({ requires_username: true });
  const username = unique("ada").replace("-", "_").slice(0, 15);
  const user = await person({ connection: connection.name, username });
  assert.equal(user.username, username);
  await refused(
    management.users.create({ connection: DATABASE, email: `${unique("x")}@example.com`, username, password: PASSWORD }),
    400,
    /^Cannot set username for connection without requires_username/,
  );
});
