// Applications sign their users in: openid-client, oauth4webapi, @auth0/auth0-auth-js, and the AuthenticationClient of auth0.

import { after, before, test } from "node:test";
import { AuthClient } from "@auth0/auth0-auth-js";
import { AuthenticationClient, UserInfoClient } from "auth0/legacy";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { Browser } from "./browser.js";
import { assert, decoded, domain, management, PASSWORD, unique } from "./support.js";

const DATABASE = "Username-Password-Authentication";
const REDIRECT_URI = "https://app.example.com/callback";
const issuer = new URL(`https://${domain}/`);
let client, api, ada;

/** A client of the tenant whose users come from the database. */
async function application(settings) {
  const made = await management.clients.create({
    name: unique("app"),
    app_type: "regular_web",
    callbacks: [REDIRECT_URI],
    allowed_logout_urls: ["https://app.example.com/"],
    grant_types: ["authorization_code", "refresh_token", "implicit", "password", "http://auth0.com/oauth/grant-type/password-realm"],
    oidc_conformant: true,
    ...settings,
  });
  const { data: [connection] } = await management.connections.list({ name: DATABASE });
  await management.connections.clients.update(connection.id, [{ client_id: made.client_id, status: true }]);
  return made;
}

before(async () => {
  await management.tenants.settings.update({ pushed_authorization_requests_supported: true });
  client = await application({ refresh_token: { rotation_type: "rotating", expiration_type: "expiring" } });
  api = await management.resourceServers.create({
    identifier: `https://${unique("notes")}.example.com`,
    allow_offline_access: true,
    skip_consent_for_verifiable_first_party_clients: true,
    token_dialect: "rfc9068_profile",
    scopes: [{ value: "read:notes" }, { value: "write:notes" }],
  });
  ada = await management.users.create({ connection: DATABASE, email: `${unique("ada")}@example.com`, password: PASSWORD, email_verified: true, name: "Ada" });
});

after(() => management.tenants.settings.update({ pushed_authorization_requests_supported: false }));

const logIn = (address, browser = new Browser()) => browser.visit(address, { username: ada.email, password: PASSWORD });

test("openid-client: a code with proof key, state and nonce buys tokens, which are renewed and revoked", async () => {
  const config = await openid.discovery(issuer, client.client_id, client.client_secret);
  const verifier = openid.randomPKCECodeVerifier();
  const [state, nonce] = [openid.randomState(), openid.randomNonce()];
  const asked = {
    redirect_uri: REDIRECT_URI,
    scope: "openid profile email offline_access read:notes",
    audience: api.identifier,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
  };
  const callback = await logIn(openid.buildAuthorizationUrl(config, asked));
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
  const tokens = await openid.authorizationCodeGrant(config, callback, checks);
  assert.equal(tokens.claims().sub, ada.user_id);
  assert.equal(tokens.claims().name, "Ada");
  assert.deepEqual(decoded(tokens.access_token).claims.scope.split(" ").sort(), ["email", "offline_access", "openid", "profile", "read:notes"]);
  const info = await openid.fetchUserInfo(config, tokens.access_token, ada.user_id);
  assert.equal(info.email, ada.email);
  // A code is used once.
  await assert.rejects(openid.authorizationCodeGrant(config, callback, checks), { error: "invalid_grant" });

  const again = await openid.authorizationCodeGrant(config, await logIn(openid.buildAuthorizationUrl(config, asked)), checks);
  const renewed = await openid.refreshTokenGrant(config, again.refresh_token);
  assert.notEqual(renewed.refresh_token, again.refresh_token);
  assert.equal(renewed.claims().sub, ada.user_id);
  await openid.tokenRevocation(config, renewed.refresh_token);
  await assert.rejects(openid.refreshTokenGrant(config, renewed.refresh_token), { error: "invalid_grant" });
});

test("openid-client: hybrid and implicit responses verify", async () => {
  for (const [response_type, use] of [["code id_token", openid.useCodeIdTokenResponseType], ["id_token", openid.useIdTokenResponseType]]) {
    const config = await openid.discovery(issuer, client.client_id, client.client_secret);
    use(config);
    const [state, nonce] = [openid.randomState(), openid.randomNonce()];
    const asked = { redirect_uri: REDIRECT_URI, scope: "openid email", response_type, state, nonce };
    const callback = await logIn(openid.buildAuthorizationUrl(config, asked));
    const checks = { expectedState: state, expectedNonce: nonce };
    const claims =
      response_type === "id_token"
        ? await openid.implicitAuthentication(config, callback, nonce, { expectedState: state })
        : (await openid.authorizationCodeGrant(config, callback, checks)).claims();
    assert.equal(claims.email, ada.email);
  }
});

test("openid-client: a session answers at once, and a logout ends it", async () => {
  const config = await openid.discovery(issuer, client.client_id, client.client_secret);
  const browser = new Browser();
  const asked = { redirect_uri: REDIRECT_URI, scope: "openid", state: "s" };
  const first = await openid.authorizationCodeGrant(config, await logIn(openid.buildAuthorizationUrl(config, asked), browser), { expectedState: "s" });
  const silent = await browser.visit(openid.buildAuthorizationUrl(config, { ...asked, prompt: "none", max_age: "1000" }));
  const second = await openid.authorizationCodeGrant(config, silent, { expectedState: "s", maxAge: 1000 });
  assert.equal(second.claims().sid, first.claims().sid);
  const end = openid.buildEndSessionUrl(config, { id_token_hint: first.id_token, post_logout_redirect_uri: "https://app.example.com/", state: "bye" });
  assert.equal((await browser.visit(end)).href, "https://app.example.com/?state=bye");
  const after = await browser.visit(openid.buildAuthorizationUrl(config, { ...asked, prompt: "none" }));
  await assert.rejects(openid.authorizationCodeGrant(config, after, { expectedState: "s" }), { error: "login_required" });
});

test("openid-client: a pushed request needs nothing else in the address", async () => {
  const config = await openid.discovery(issuer, client.client_id, client.client_secret);
  const address = await openid.buildAuthorizationUrlWithPAR(config, { redirect_uri: REDIRECT_URI, scope: "openid", state: "pushed" });
  assert.deepEqual([...address.searchParams.keys()].sort(), ["client_id", "request_uri"]);
  const tokens = await openid.authorizationCodeGrant(config, await logIn(address), { expectedState: "pushed" });
  assert.equal(tokens.claims().sub, ada.user_id);
});

test("oauth4webapi: every step of a code flow satisfies the specifications, as does the API's token", async () => {
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
  const self = { client_id: client.client_id };
  const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()];
  const address = new URL(server.authorization_endpoint);
  address.search = new URLSearchParams({
    client_id: self.client_id,
    redirect_uri: REDIRECT_URI,
    response_type: "code",
    scope: "openid email read:notes",
    audience: api.identifier,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
  });
  const parameters = oauth.validateAuthResponse(server, self, await logIn(address), state);
  const proof = oauth.ClientSecretPost(client.client_secret);
  const response = await oauth.authorizationCodeGrantRequest(server, self, proof, parameters, REDIRECT_URI, verifier);
  const tokens = await oauth.processAuthorizationCodeResponse(server, self, response, { expectedNonce: nonce, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(server, response);
  assert.equal(oauth.getValidatedIdTokenClaims(tokens).sub, ada.user_id);
  const info = await oauth.userInfoRequest(server, self, tokens.access_token);
  assert.equal((await oauth.processUserInfoResponse(server, self, ada.user_id, info)).email, ada.email);
  const request = new Request("https://notes.example.com/", { headers: { authorization: `Bearer ${tokens.access_token}` } });
  const claims = await oauth.validateJwtAccessToken(server, request, api.identifier);
  assert.equal(claims.sub, ada.user_id);
  assert.equal(claims.client_id, self.client_id);
});

test("auth0-auth-js: builds the address, takes the code, and renews", async () => {
  const auth = new AuthClient({ domain, clientId: client.client_id, clientSecret: client.client_secret, authorizationParams: { redirect_uri: REDIRECT_URI, scope: "openid profile email offline_access" } });
  const { authorizationUrl, codeVerifier } = await auth.buildAuthorizationUrl();
  const callback = await logIn(authorizationUrl);
  const tokens = await auth.getTokenByCode(callback, { codeVerifier });
  assert.equal(tokens.claims.sub, ada.user_id);
  const renewed = await auth.getTokenByRefreshToken({ refreshToken: tokens.refreshToken });
  assert.ok(renewed.accessToken);
  const out = await auth.buildLogoutUrl({ returnTo: "https://app.example.com/" });
  assert.equal((await new Browser().visit(out)).href, "https://app.example.com/");
});

test("auth0: AuthenticationClient takes a code, renews, revokes, and asks who the user is", async () => {
  const auth = new AuthenticationClient({ domain, clientId: client.client_id, clientSecret: client.client_secret });
  const { data: pushed } = await auth.oauth.pushedAuthorization({ client_id: client.client_id, response_type: "code", redirect_uri: REDIRECT_URI, scope: "openid email offline_access" });
  const callback = await logIn(`${issuer}authorize?${new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri })}`);
  const { data: tokens } = await auth.oauth.authorizationCodeGrant({ code: callback.searchParams.get("code"), redirect_uri: REDIRECT_URI });
  const { data: info } = await new UserInfoClient({ domain }).getUserInfo(tokens.access_token);
  assert.equal(info.email, ada.email);
  const { data: renewed } = await auth.oauth.refreshTokenGrant({ refresh_token: tokens.refresh_token });
  await auth.oauth.revokeRefreshToken({ token: renewed.refresh_token });
  await assert.rejects(auth.oauth.refreshTokenGrant({ refresh_token: renewed.refresh_token }), { error: "invalid_grant", statusCode: 403 });
});
