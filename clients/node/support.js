// What every test of this suite starts from: clients for the tenant that `aught run` made, names nobody else took, and how
// a refusal is expected.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { ManagementClient } from "auth0";

function setting(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: start this suite with \`aught run -- npm test\``);
  return value;
}

export const domain = setting("AUTH0_DOMAIN");
export const clientId = setting("AUTH0_CLIENT_ID");
export const clientSecret = setting("AUTH0_CLIENT_SECRET");
export const audience = `https://${domain}/api/v2/`;

export const management = new ManagementClient({ domain, clientId, clientSecret, maxRetries: 0 });

/** A name that no other test of this or an earlier run uses. */
export const unique = (prefix) => `${prefix}-${randomBytes(5).toString("hex")}`;

/** A password that satisfies every policy that the tests set. */
export const PASSWORD = "Correct-Horse-7-Battery";

/** Everything that a listing yields: a plain array, or page by page as the SDK's iterator walks it. */
export async function everything(page) {
  const items = [];
  for await (const item of await page) items.push(item);
  return items;
}

/** The call is refused with this status, in the service's own words, without the SDK trying again. */
export async function refused(call, status, message, errorCode) {
  const error = await call.then(
    () => assert.fail(`expected a refusal with ${status}`),
    (error) => error,
  );
  assert.equal(error.statusCode, status, `${error.message}`);
  assert.equal(error.body.statusCode, status);
  if (message instanceof RegExp) assert.match(error.body.message, message);
  else assert.equal(error.body.message, message);
  if (errorCode) assert.equal(error.body.errorCode, errorCode);
}

/** What came back holds all that is expected, whatever else it tells. */
export function holds(actual, expected, path = "answer") {
  if (Array.isArray(expected)) assert.equal(actual?.length, expected.length, `${path} has as many items`);
  if (expected === null || typeof expected !== "object") return assert.deepEqual(actual, expected, path);
  assert.equal(typeof actual, "object", `${path} is there`);
  for (const [key, value] of Object.entries(expected)) holds(actual[key], value, `${path}.${key}`);
}

/**
 * The life of a resource but for its end: made, read back, found in the listing, changed, and read again. `shown` is what is read
 * where that is not what was sent (`fields`). Gives what was made.
 */
export async function life(manager, { fields, shown = fields, change, changed = change, id = "id", list = {} }) {
  const made = await manager.create(fields);
  holds(made, shown);
  holds(await manager.get(made[id]), shown);
  const listed = await everything(manager.list(list));
  assert.equal(listed.filter((item) => item[id] === made[id]).length, 1, "the listing has it once");
  await manager.update(made[id], change);
  holds(await manager.get(made[id]), { ...shown, ...changed });
  return made;
}

/** The end of a resource: deleted, and then not found. */
export async function ends(manager, id, message, errorCode) {
  await manager.delete(id);
  await refused(manager.get(id), 404, message, errorCode);
}

/** What a read gives as soon as it satisfies; what works in the background is waited for so. */
export async function until(read, satisfies) {
  for (;;) {
    const found = await read();
    if (satisfies(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The claims and the header of a JSON Web Token, unverified. */
export function decoded(token) {
  const [header, claims] = token.split(".", 2).map((part) => JSON.parse(Buffer.from(part, "base64url")));
  return { header, claims };
}

export const database = () => management.connections.create({ name: unique("db"), strategy: "auth0" });

export async function person(fields = {}) {
  const { connection = "Username-Password-Authentication", ...rest } = fields;
  return management.users.create({ connection, email: `${unique("someone")}@example.com`, password: PASSWORD, ...rest });
}

export const okta = (options = {}) =>
  management.connections.create({
    name: unique("okta"),
    strategy: "okta",
    options: { client_id: "partner", client_secret: "partner-secret", ...options },
  });

export const api = (scopes = []) =>
  management.resourceServers.create({
    name: unique("api"),
    identifier: `https://${unique("api")}.example.com`,
    scopes: scopes.map((value) => ({ value, description: `May ${value}` })),
  });

export const machine = (fields = {}) =>
  management.clients.create({
    name: unique("machine"),
    app_type: "non_interactive",
    grant_types: ["client_credentials"],
    ...fields,
  });

export { assert };
