// Logins without passwords: codes by mail and text message, with the AuthenticationClient of auth0.

import { before, test } from "node:test";
import { AuthenticationClient, UserInfoClient } from "auth0/legacy";
import { assert, decoded, domain, management, unique } from "./support.js";

const OTP = "http://auth0.com/oauth/grant-type/passwordless/otp";
let auth, client;

/** The code that was sent to an address or a number. */
async function sent(to) {
  const answer = await fetch(`https://${domain}/_aught/outbox?${new URLSearchParams({ to, wait: "20" })}`);
  const { messages } = await answer.json();
  assert.ok(messages.length, `nothing was sent to ${to}`);
  return messages[0].codes[0];
}

before(async () => {
  const settings = { app_type: "regular_web", grant_types: [OTP, "refresh_token"], oidc_conformant: true };
  client = await management.clients.create({ name: unique("app"), ...settings });
  const mail = { from: "login@example.com", subject: "Your code", body: "{{ code }}", syntax: "liquid" };
  const shared = { brute_force_protection: true, disable_signup: false };
  for (const [strategy, options] of [
    ["email", { name: "email", email: mail, ...shared }],
    ["sms", { name: "sms", template: "@@password@@", syntax: "md_with_macros", ...shared }],
  ]) {
    const connection = await management.connections.create({ name: strategy, strategy, options });
    await management.connections.clients.update(connection.id, [{ client_id: client.client_id, status: true }]);
  }
  auth = new AuthenticationClient({ domain, clientId: client.client_id, clientSecret: client.client_secret });
});

test("whoever reads a mail is its user", async () => {
  const email = `${unique("ada")}@example.com`;
  const { data: asked } = await auth.passwordless.sendEmail({ email, send: "code" });
  assert.equal(asked, undefined);
  const code = await sent(email);
  await assert.rejects(auth.passwordless.loginWithEmail({ email, code: code === "000000" ? "000001" : "000000" }), {
    statusCode: 403,
    error: "invalid_grant",
    error_description: "Wrong email or verification code.",
  });
  const { data: tokens } = await auth.passwordless.loginWithEmail({ email, code, scope: "openid email offline_access" });
  assert.equal(decoded(tokens.id_token).claims.email, email);
  assert.equal(decoded(tokens.id_token).claims.email_verified, true);
  const { data: info } = await new UserInfoClient({ domain }).getUserInfo(tokens.access_token);
  assert.match(info.sub, /^email\|[0-9a-f]{24}$/);
  const { data: renewed } = await auth.oauth.refreshTokenGrant({ refresh_token: tokens.refresh_token });
  assert.ok(renewed.access_token);
});

test("whoever reads a text message is its user", async () => {
  const phone_number = "+4915112345678";
  await auth.passwordless.sendSMS({ phone_number });
  const { data: tokens } = await auth.passwordless.loginWithSMS({ phone_number, code: await sent(phone_number), scope: "openid phone" });
  assert.equal(decoded(tokens.id_token).claims.phone_number, phone_number);
});
