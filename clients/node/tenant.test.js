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
  const entry = entries.find((candidate) => candidate.description === "Create a role" && candidate.details?.response?.body?.id === role.id);
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

test("the log is walked from a checkpoint", async () => {
  for (const _ of [1, 2, 3]) await management.roles.create({ name: unique("role") });
  const first = await management.logs.list({ sort: "date:1", per_page: 1, page: 0 });
  const after = await management.logs.list({ from: first.data[0].log_id, take: 2 });
  assert.equal(after.data.length, 2);
  assert.ok(after.data.every((entry) => entry.log_id > first.data[0].log_id));
});

test("an entry that is not there is not found", async () => {
  await refused(management.logs.get("90020200101000000000000000000000000001223372036854775807"), 404, "Log not found.");
});
