// Roles: named sets of permissions, and who holds them.

import { test } from "node:test";
import { api, assert, everything, management, person, refused, unique } from "./support.js";

test("a role is made, read, changed and deleted", async () => {
  const name = unique("role");
  const role = await management.roles.create({ name, description: "Readers" });
  assert.match(role.id, /^rol_[0-9A-Za-z]{16}$/);
  assert.deepEqual({ ...role }, { id: role.id, name, description: "Readers", type: "tenant" });
  assert.deepEqual(await management.roles.get(role.id), role);

  const changed = await management.roles.update(role.id, { description: "Careful readers" });
  assert.equal(changed.description, "Careful readers");
  assert.equal(changed.name, name);

  const { rawResponse } = await management.roles.delete(role.id).withRawResponse();
  assert.ok([200, 204].includes(rawResponse.status));
  await refused(management.roles.get(role.id), 404, /^Role not found/i);
});

test("a role name is taken once", async () => {
  const { name } = await management.roles.create({ name: unique("role") });
  await refused(management.roles.create({ name }), 409, "The role already exists.");
});

test("roles are found by a part of their name", async () => {
  const mark = unique("mark");
  const [one] = [await management.roles.create({ name: `${mark}-one` }), await management.roles.create({ name: unique("other") })];
  const found = await management.roles.list({ name_filter: mark });
  assert.deepEqual(found.data.map((role) => role.id), [one.id]);
  assert.equal(found.response.total, 1);
});

test("permissions are added once, listed with their API, and removed", async () => {
  const server = await api(["read:things", "write:things"]);
  const role = await management.roles.create({ name: unique("role") });
  const permissions = ["read:things", "write:things"].map((permission_name) => ({
    resource_server_identifier: server.identifier,
    permission_name,
  }));
  await management.roles.permissions.add(role.id, { permissions });
  await management.roles.permissions.add(role.id, { permissions: permissions.slice(0, 1) });
  const held = await everything(management.roles.permissions.list(role.id));
  assert.deepEqual(held.map((permission) => permission.permission_name).sort(), ["read:things", "write:things"]);
  assert.ok(held.every((permission) => permission.resource_server_name === server.name));

  await management.roles.permissions.delete(role.id, { permissions: permissions.slice(0, 1) });
  const left = await everything(management.roles.permissions.list(role.id));
  assert.deepEqual(left.map((permission) => permission.permission_name), ["write:things"]);

  await management.resourceServers.delete(server.id);
  assert.deepEqual(await everything(management.roles.permissions.list(role.id)), []);
});

test("a permission needs an API that exists", async () => {
  const role = await management.roles.create({ name: unique("role") });
  const nowhere = { resource_server_identifier: "https://nowhere.example.com", permission_name: "read:things" };
  await refused(management.roles.permissions.add(role.id, { permissions: [nowhere] }), 404, /resource server/i);
});

test("the users of a role are listed, and follow a deleted role out", async () => {
  const role = await management.roles.create({ name: unique("role") });
  const people = [await person(), await person(), await person()];
  await management.roles.users.assign(role.id, { users: people.map((user) => user.user_id) });
  const holders = await everything(management.roles.users.list(role.id, { take: 2 }));
  assert.deepEqual(holders.map((user) => user.user_id).sort(), people.map((user) => user.user_id).sort());
  assert.ok(holders.every((user) => user.email));
  await refused(management.roles.users.assign(role.id, { users: ["auth0|nobody"] }), 404, "One or more of the users do not exist.");

  await management.roles.delete(role.id);
  assert.deepEqual(await everything(management.users.roles.list(people[0].user_id)), []);
});

test("an unknown field changes nothing", async () => {
  const role = await management.roles.create({ name: unique("role"), description: "before" });
  await refused(
    management.roles.update(role.id, { description: "after", colour: "red" }),
    400,
    /^Payload validation error: 'Additional properties not allowed: colour'/,
    "invalid_body",
  );
  assert.equal((await management.roles.get(role.id)).description, "before");
});
