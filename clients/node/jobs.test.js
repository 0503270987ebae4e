// Jobs: users brought in and taken out, mails that verify, and what became of them.

import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { assert, database, machine, management, person, refused, unique, until } from "./support.js";

const { jobs } = management;

/** An enabled database, as imports need one. */
async function openDatabase() {
  const [connection, client] = [await database(), await machine()];
  await management.connections.clients.update(connection.id, [{ client_id: client.client_id, status: true }]);
  return connection;
}

const ended = ({ id }) => until(() => jobs.get(id), ({ status }) => ["completed", "failed"].includes(status));

const bringIn = (connection, users, more = {}) =>
  jobs.usersImports.create({
    connection_id: connection.id,
    users: new File([typeof users === "string" ? users : JSON.stringify(users)], "users.json", { type: "application/json" }),
    ...more,
  });

test("users are imported; those who could not be are told with their reason", async () => {
  const connection = await openDatabase();
  const mark = unique("import");
  const users = ["one", "two"].map((name) => ({
    email: `${mark}-${name}@example.com`,
    email_verified: true,
    name,
    user_metadata: { mark },
    password_hash: "$2b$10$CwTycUXWue0Thq9StjUM0uJ8l1v9yZ5Xr3rM0m5y6cIu1sH8R0aZu",
  }));
  const begun = await bringIn(connection, [...users, { email: "nowhere" }, users[0]], { external_id: mark });
  assert.equal(begun.type, "users_import");
  assert.equal(begun.external_id, mark);
  const done = await ended(begun);
  assert.equal(done.status, "completed");
  assert.deepEqual(done.summary, { failed: 2, updated: 0, inserted: 2, total: 4 });

  const errors = await jobs.errors.get(begun.id);
  assert.equal(errors.length, 2);
  assert.ok(errors.every((row) => row.user.email && row.errors[0].code && row.errors[0].message));
  const found = await management.users.listUsersByEmail({ email: users[1].email });
  assert.equal(found[0].user_metadata.mark, mark);
  assert.equal(found[0].email_verified, true);
});

test("an import that may update does, and one that may not says whom it met", async () => {
  const connection = await openDatabase();
  const { user_id, email } = await person({ connection: connection.name, name: "Before", user_metadata: { a: 1 } });
  const refusedRows = await ended(await bringIn(connection, [{ email, name: "After" }]));
  assert.equal(refusedRows.summary.failed, 1);
  const changed = await ended(await bringIn(connection, [{ email, name: "After", user_metadata: { b: 2 } }], { upsert: true }));
  assert.deepEqual(changed.summary, { failed: 0, updated: 1, inserted: 0, total: 1 });
  const user = await management.users.get(user_id);
  assert.deepEqual([user.name, user.user_metadata], ["After", { b: 2 }]);
  const { rawResponse } = await jobs.errors.get(changed.id).withRawResponse();
  assert.equal(rawResponse.status, 204);
});

test("a file that is no list of users fails as a whole", async () => {
  const failed = await ended(await bringIn(await openDatabase(), "{not json"));
  assert.equal(failed.status, "failed");
  await refused(bringIn({ id: "con_0000000000000000" }, []), 400, "The connection does not exist.");
});

test("users are exported in both forms with the fields that were asked for", async () => {
  const connection = await openDatabase();
  const people = [await person({ connection: connection.name, name: "Ada" }), await person({ connection: connection.name, name: "Bob" })];
  const taken = async (format, fields) => {
    const done = await ended(await jobs.usersExports.create({ connection_id: connection.id, format, fields }));
    assert.equal(done.status, "completed");
    assert.equal(done.connection, connection.name);
    const file = await fetch(done.location);
    assert.equal(file.status, 200);
    return gunzipSync(Buffer.from(await file.arrayBuffer())).toString().trim().split("\n");
  };
  const lines = await taken("json", [{ name: "email" }, { name: "name", export_as: "called" }]);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)).toSorted((a, b) => a.called.localeCompare(b.called)),
    people.map(({ email, name }) => ({ email, called: name })),
  );
  const [header, ...rows] = await taken("csv", [{ name: "email" }, { name: "name", export_as: "called" }]);
  assert.deepEqual(header.replaceAll("\"", "").trim().split(","), ["email", "called"]);
  assert.equal(rows.length, 2);
  await refused(jobs.usersExports.create({ connection_id: "con_0000000000000000" }), 400, "The connection does not exist.");
});

test("a mail that verifies is a job too", async () => {
  const { user_id } = await person();
  const job = await jobs.verificationEmail.create({ user_id });
  assert.equal(job.type, "verification_email");
  assert.match(job.id, /^job_[0-9A-Za-z]{16}$/);
  assert.equal((await jobs.get(job.id)).id, job.id);
  await refused(jobs.verificationEmail.create({ user_id: "auth0|nobody" }), 404, "The user does not exist.", "inexistent_user");
});

test("a job that never was is not found", async () => {
  await refused(jobs.get("job_0000000000000000"), 404, "Job not found.");
  await refused(jobs.errors.get("job_0000000000000000"), 404, "The job does not exist");
  await refused(jobs.get("nothing"), 400, /id/, "invalid_uri");
});
