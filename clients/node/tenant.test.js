// The tenant itself: its settings, and its log.

import { test } from "node:test";
import { assert, clientId, everything, management, refused, unique } from "./support.js";

test("settings are read, changed, and kept where they were not named", async () => {
  const before = await management.tenants.settings.get();
  assert.deepEqual(before.enabled_locales, ["en"]);
  assert.equal(before.session_lifetime, 168);

  const friendly = unique("Friends");
  const changed = await management.tenants.settings.update({ friendly_name: friendly, flags: { enable_apis_section: true } });
  assert.equal(changed.friendly_name, friendly);
  const after = await management.tenants.settings.get();
  assert.equal(after.friendly_name, friendly);
  assert.equal(after.flags.enable_apis_section, true);
  assert.deepEqual(after.flags.enable_sso, before.flags.enable_sso, "flags that were not named stay");
  assert.equal(after.session_lifetime, before.session_lifetime);
});

test("lifetimes are also taken in minutes", async () => {
  const changed = await management.tenants.settings.update({ idle_session_lifetime_in_minutes: 90 });
  assert.equal(changed.idle_session_lifetime, 1.5);
  await management.tenants.settings.update({ idle_session_lifetime: 72 });
});

test("chosen settings are shown alone", async () => {
  const shown = await management.tenants.settings.get({ fields: "enabled_locales", include_fields: true });
  assert.deepEqual(Object.keys(shown), ["enabled_locales"]);
});

test("a setting out of its bounds changes nothing", async () => {
  await refused(
    management.tenants.settings.update({ session_lifetime: "long" }),
    400,
    /^Payload validation error: .* on property session_lifetime/,
    "invalid_body",
  );
  assert.equal((await management.tenants.settings.get()).session_lifetime, 168);
});

test("what the API changes stands in the log", async () => {
  const role = await management.roles.create({ name: unique("role") });
  const { data: entries } = await management.logs.list({ search: "type:sapi", sort: "date:-1", per_page: 50, page: 0 });
  const entry = entries.find((candidate) => candidate.description === "Create a Role" && candidate.details?.response?.body?.id === role.id);
  assert.ok(entry, "the creation of the role is logged");
  assert.equal(entry.type, "sapi");
  assert.equal(entry.client_id, clientId);
  assert.equal(entry.details.request.method, "post");
  assert.equal(entry.details.request.path, "/api/v2/roles");
  assert.ok(entry.user_agent);

  const read = await management.logs.get(entry.log_id ?? entry._id);
  assert.equal(read.description, entry.description);
  assert.equal(read.date, entry.date);
});

test("the log is paged in the order that was asked for", async () => {
  for (const _ of [1, 2, 3]) await management.roles.create({ name: unique("role") });
  const page = async (number, sort) => (await management.logs.list({ sort, per_page: 2, page: number })).data;
  const [first, second] = [await page(0, "date:1"), await page(1, "date:1")];
  const ids = [...first, ...second].map((entry) => entry.log_id);
  assert.deepEqual(ids, ids.toSorted(), "identifiers grow with time");
  assert.equal(new Set(ids).size, 4);
  const [latest] = await page(0, "date:-1");
  assert.ok(latest.log_id > ids[3]);
});

test("an entry that is not there is not found", async () => {
  await refused(management.logs.get("90020200101000000000000000000000000001223372036854775807"), 404, "Log not found.");
});
