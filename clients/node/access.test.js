// How users prove who they are and what that left behind: factors, enrolments, sessions, tokens, connected accounts, groups.

import { test } from "node:test";
import { assert, database, everything, holds, machine, management, person, refused, unique } from "./support.js";

const { users } = management;
const methods = users.authenticationMethods;

test("a phone is enrolled, renamed and removed", async () => {
  const { user_id: id } = await person();
  const fields = { type: "phone", name: "mine", phone_number: "+15555550100", preferred_authentication_method: "sms" };
  const made = await methods.create(id, fields);
  holds(made, fields);
  const read = await methods.get(id, made.id);
  holds(read, { ...fields, confirmed: true });
  assert.deepEqual((await everything(methods.list(id))).map((method) => method.id), [made.id]);

  await methods.update(id, made.id, { name: "work", preferred_authentication_method: "voice" });
  holds(await methods.get(id, made.id), { name: "work", preferred_authentication_method: "voice", phone_number: "+15555550100" });
  const [enrolment] = await users.enrollments.get(id);
  assert.equal(enrolment.status, "confirmed");

  await methods.delete(id, made.id);
  await refused(methods.get(id, made.id), 404, "The authentication method could not be found.");
});

test("all factors are set together; a secret is not shown again", async () => {
  const { user_id: id, email } = await person();
  await methods.set(id, [
    { type: "email", name: "mail", email },
    { type: "totp", name: "app", totp_secret: "JBSWY3DPEHPK3PXP" },
    { type: "phone", name: "phone", phone_number: "+15555550101", preferred_authentication_method: "voice" },
  ]);
  const set = await everything(methods.list(id, { take: 2 }));
  assert.deepEqual(set.map((method) => method.type).sort(), ["email", "phone", "totp"]);
  assert.equal(JSON.stringify(set).includes("JBSWY3DPEHPK3PXP"), false);

  await methods.set(id, [{ type: "email", name: "only", email }]);
  assert.deepEqual((await everything(methods.list(id))).map((method) => method.name), ["only"]);
  await methods.deleteAll(id);
  assert.deepEqual(await everything(methods.list(id)), []);
});

test("a passkey is enrolled with its key", async () => {
  const { user_id: id } = await person();
  const passkey = {
    type: "passkey",
    name: "laptop",
    key_id: "a2V5LW9uZQ",
    public_key: "pQECAyYgASFYIA==",
    relying_party_identifier: "login.example.com",
  };
  const made = await methods.create(id, passkey);
  holds(await methods.get(id, made.id), { type: "passkey", name: "laptop", key_id: passkey.key_id });
});

test("what cannot be a factor is refused and nothing is enrolled", async () => {
  const { user_id: id } = await person();
  await refused(methods.create(id, { type: "carrier-pigeon", name: "coo" }), 400, /on property type/, "invalid_body");
  await refused(methods.set(id, [{ type: "totp", name: "a name that is longer than twenty" }]), 400, /name/, "invalid_body");
  await refused(methods.create("auth0|nobody", { type: "email", name: "mail", email: "no@example.com" }), 404, "The user does not exist.", "inexistent_user");
  assert.deepEqual(await everything(methods.list(id)), []);
});

test("a ticket invites to enrol; enrolments are read and taken back", async () => {
  const { user_id: id } = await person();
  const { enrollments } = management.guardian;
  const ticket = await enrollments.createTicket({ user_id: id, factor: "push-notification", allow_multiple_enrollments: true });
  assert.match(ticket.ticket_url, new RegExp(`\\?ticket=${ticket.ticket_id}$`));
  await refused(enrollments.createTicket({ user_id: "auth0|nobody" }), 404, "User not found.");

  const made = await methods.create(id, { type: "phone", name: "mine", phone_number: "+15555550102" });
  const enrolment = made.authentication_methods[0].id;
  holds(await enrollments.get(enrolment), { status: "confirmed" });
  await enrollments.delete(enrolment);
  await refused(enrollments.get(enrolment), 404, "Enrollment not found", "enrollment_not_found");
});

test("second factors are reset in one go", async () => {
  const { user_id: id } = await person();
  await methods.create(id, { type: "totp", name: "app", totp_secret: "JBSWY3DPEHPK3PXP" });
  const { recovery_code: first } = await users.regenerateRecoveryCode(id);
  const { recovery_code: second } = await users.regenerateRecoveryCode(id);
  assert.match(first, /^[0-9A-Z]{24}$/);
  assert.notEqual(first, second);
  await users.multifactor.invalidateRememberBrowser(id);
  await users.multifactor.deleteProvider(id, "google-authenticator");
  await users.authenticators.deleteAll(id);
  assert.deepEqual((await everything(methods.list(id))).filter((method) => method.type === "totp"), []);
  await refused(users.multifactor.deleteProvider(id, "abacus"), 400, /provider/, "invalid_uri");
});

test("who never signed in has no sessions, tokens, connected accounts or groups, and keeps none", async () => {
  const { user_id: id } = await person();
  for (const kind of [users.sessions, users.refreshToken, users.connectedAccounts]) {
    assert.deepEqual(await everything(kind.list(id)), []);
  }
  assert.deepEqual(await everything(users.groups.get(id)), []);
  assert.deepEqual(await everything(management.refreshTokens.list({ user_id: id })), []);
  await users.sessions.delete(id);
  await users.refreshToken.delete(id);
  await users.revokeAccess(id);
  await management.refreshTokens.revoke({ user_id: id });
});

test("sessions and tokens that are not there are not found", async () => {
  const { sessions, refreshTokens } = management;
  await refused(sessions.get("nothing"), 404, "The session does not exist.");
  await refused(sessions.update("nothing", { session_metadata: { device: "kiosk" } }), 404, "The session does not exist.");
  await refused(sessions.revoke("nothing"), 404, "The session does not exist.");
  await refused(refreshTokens.get("nothing"), 404, "The refresh token does not exist.");
  await refused(refreshTokens.update("nothing", { refresh_token_metadata: { device: "kiosk" } }), 404, "The refresh token does not exist.");
  await refreshTokens.delete("nothing");
  await refused(refreshTokens.list({}), 400, /user_id/, "invalid_query_string");
  await refused(refreshTokens.revoke({ ids: ["one"], user_id: "auth0|one" }), 400, "Invalid combination of parameters.");
});

test("what was assessed about a user's devices is forgotten on demand", async () => {
  const { user_id: id } = await person();
  const connection = "Username-Password-Authentication";
  await users.riskAssessments.clear(id, { connection, assessors: ["new-device"] });
  await refused(users.riskAssessments.clear(id, { connection, assessors: ["moon-phase"] }), 400, /assessors/, "invalid_body");
});

test("groups come with directories alone: without one there are none", async () => {
  const connection = await database();
  assert.deepEqual(await everything(management.groups.list({ connection_id: connection.id })), []);
  const id = "grp_2eLaYLDhMwEHRcTWRzJo6X";
  await refused(management.groups.get(id), 404, "The group does not exist.");
  await refused(management.groups.members.get(id), 404, "The group does not exist.");
  await refused(management.groups.delete(id), 404, "The group does not exist.");
});

test("device credentials belong to users: a machine lists and removes them, but makes none", async () => {
  const { user_id } = await person();
  const { client_id } = await machine();
  const { deviceCredentials } = management;
  assert.deepEqual(await everything(deviceCredentials.list({ user_id, client_id, type: "refresh_token" })), []);
  const device = { device_name: "phone", type: "public_key", value: "key", device_id: "a1b2" };
  await refused(deviceCredentials.createPublicKey(device), 403, /^Insufficient scope/, "insufficient_scope");
  await deviceCredentials.delete("dcr_0123456789abcdef");
});
