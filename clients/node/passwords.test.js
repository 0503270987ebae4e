// Users without pages: sign-up, tokens by password, and a forgotten password, with the AuthenticationClient of auth0.

import { after, before, test } from "node:test";
import { AuthenticationClient, UserInfoClient } from "auth0/legacy";
import { assert, decoded, domain, management, PASSWORD, unique } from "./support.js";

const DATABASE = "Username-Password-Authentication";
let auth, client;

before(async () => {
  client = await management.clients.create({
    name: unique("app"),
    app_type: "regular_web",
    grant_types: ["password", "http://auth0.com/oauth/grant-type/password-realm", "refresh_token"],
    oidc_conformant: true,
  });
  const { data: [connection] } = await management.connections.list({ name: DATABASE });
  await management.connections.clients.update(connection.id, [{ client_id: client.client_id, status: true }]);
  await management.tenants.settings.update({ default_directory: DATABASE });
  auth = new AuthenticationClient({ domain, clientId: client.client_id, clientSecret: client.client_secret });
});

after(() => management.tenants.settings.update({ default_directory: "" }));

test("somebody signs up, logs in with the password, and is told apart from a stranger", async () => {
  const email = `${unique("ada")}@example.com`;
  const { data: signed } = await auth.database.signUp({ email, password: PASSWORD, connection: DATABASE, user_metadata: { plan: "pro" } });
  assert.equal(signed.email, email);
  assert.equal(signed.email_verified, false);
  await assert.rejects(auth.database.signUp({ email, password: PASSWORD, connection: DATABASE }), { statusCode: 400, error: "invalid_signup" });

  const wanted = { username: email, password: PASSWORD, scope: "openid email offline_access" };
  const { data: tokens } = await auth.oauth.passwordGrant(wanted);
  assert.equal(decoded(tokens.id_token).claims.email, email);
  const { data: info } = await new UserInfoClient({ domain }).getUserInfo(tokens.access_token);
  assert.equal(info.email, email);
  const { data: renewed } = await auth.oauth.refreshTokenGrant({ refresh_token: tokens.refresh_token });
  assert.ok(renewed.access_token);
  const { data: realm } = await auth.oauth.passwordGrant({ ...wanted, realm: DATABASE });
  assert.ok(realm.id_token);

  const [found] = await management.users.listUsersByEmail({ email });
  assert.equal(found.logins_count, 2);
  assert.deepEqual(found.user_metadata, { plan: "pro" });
  await assert.rejects(auth.oauth.passwordGrant({ ...wanted, password: "wrong" }), {
    statusCode: 403,
    error: "invalid_grant",
    error_description: "Wrong email or password.",
  });
});

test("a weak password is refused, and a forgotten one is asked for anew, whoever asks", async () => {
  const email = `${unique("ada")}@example.com`;
  await assert.rejects(auth.database.signUp({ email, password: "short", connection: DATABASE }), { statusCode: 400, error: "invalid_password" });
  for (const address of [email, `${unique("nobody")}@example.com`]) {
    const { data } = await auth.database.changePassword({ email: address, connection: DATABASE });
    assert.match(data, /just sent you an email/);
  }
});
