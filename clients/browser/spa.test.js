// A single-page application with @auth0/auth0-spa-js: code flow with proof key, silent authentication, refresh tokens, popup, logout.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { application, domain, logIn, management, person, servePage, signUp, unique, user } from "./support.js";

describe("a single-page application", () => {
  let site, client, api;

  before(async () => {
    site = await servePage();
    api = `https://${unique("api")}.example.com`;
    await management.resourceServers.create({ identifier: api, allow_offline_access: true, skip_consent_for_verifiable_first_party_clients: true, scopes: [{ value: "read:notes" }] });
    client = await application({
      app_type: "spa",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      callbacks: [site.origin],
      allowed_logout_urls: [`${site.origin}/out`],
      web_origins: [site.origin],
      refresh_token: { rotation_type: "rotating", expiration_type: "expiring", leeway: 0, token_lifetime: 86400 },
    });
  });

  after(() => site.close());

  /** Opens the application with the library set up. */
  async function open(page, options = {}) {
    await page.goto(site.origin);
    await start(page, options);
  }

  async function start(page, options = {}) {
    const settings = {
      domain,
      clientId: client.client_id,
      authorizationParams: { redirect_uri: site.origin, ...options.authorizationParams },
      ...options.client,
    };
    await page.evaluate((settings) => {
      window.auth0Client = new auth0.Auth0Client(settings);
    }, settings);
  }

  /** Leaves for the login pages. */
  async function leave(page, options) {
    await open(page, options);
    await page.evaluate(() => void window.auth0Client.loginWithRedirect());
  }

  /** Comes back with a code. */
  async function comeBack(page, options) {
    await page.waitForURL(/[?&]code=/);
    await start(page, options);
    await page.evaluate(() => window.auth0Client.handleRedirectCallback());
  }

  async function signedIn(page, ada, options) {
    await leave(page, options);
    await logIn(page, ada.email);
    await comeBack(page, options);
  }

  const seen = (page) => page.evaluate(() => window.auth0Client.getUser());

  test("signs its user in, and again without pages", async () => {
    const ada = await user({ name: "Ada" });
    const { page, leave: end } = await person();
    await signedIn(page, ada);
    const { sub, email, email_verified, name } = await seen(page);
    assert.deepEqual([sub, email, email_verified, name], [ada.user_id, ada.email, true, "Ada"]);
    // A reload forgets the tokens, which are in memory: the session gives new ones to a frame that nobody sees.
    await open(page, { authorizationParams: { audience: api, scope: "openid profile email read:notes" } });
    const token = await page.evaluate(() => window.auth0Client.getTokenSilently());
    const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
    assert.deepEqual(claims.aud, [api, `https://${domain}/userinfo`]);
    assert.equal(claims.scope, "openid profile email read:notes");
    assert.equal((await seen(page)).sub, ada.user_id);
    await page.evaluate((origin) => void window.auth0Client.logout({ logoutParams: { returnTo: `${origin}/out` } }), site.origin);
    await page.waitForURL(`${site.origin}/out`);
    await open(page);
    const error = await page.evaluate(() => window.auth0Client.getTokenSilently().catch((error) => error.error));
    assert.equal(error, "login_required");
    await end();
  });

  test("renews its tokens with refresh tokens that rotate", async () => {
    const ada = await user();
    const { page, leave: end } = await person();
    const options = { client: { useRefreshTokens: true, cacheLocation: "localstorage" } };
    await signedIn(page, ada, options);
    const kept = () =>
      page.evaluate(() => {
        const entries = Object.keys(localStorage).map((key) => JSON.parse(localStorage[key]));
        return entries.find((entry) => entry.body?.refresh_token).body.refresh_token;
      });
    const first = await kept();
    const renew = () => page.evaluate(() => window.auth0Client.getTokenSilently({ cacheMode: "off" }));
    assert.ok(await renew());
    const second = await kept();
    assert.ok(await renew());
    assert.equal(new Set([first, second, await kept()]).size, 3);
    // An old one that is used again ends all that came from it.
    const again = await page.evaluate(
      ([domain, client_id, refresh_token]) =>
        fetch(`https://${domain}/oauth/token`, {
          method: "POST",
          body: new URLSearchParams({ grant_type: "refresh_token", client_id, refresh_token }),
        }).then((response) => response.status),
      [domain, client.client_id, first],
    );
    assert.equal(again, 403);
    const error = await page.evaluate(() => window.auth0Client.getTokenSilently({ cacheMode: "off" }).catch((error) => error.error));
    assert.equal(error, "invalid_grant");
    await end();
  });

  test("signs in through a popup", async () => {
    const ada = await user();
    const { page, leave: end } = await person();
    await open(page);
    const opened = page.waitForEvent("popup");
    const done = page.evaluate(() => window.auth0Client.loginWithPopup().then(() => window.auth0Client.getUser()));
    await logIn(await opened, ada.email);
    assert.equal((await done).sub, ada.user_id);
    await end();
  });

  test("lets somebody sign up", async () => {
    const { page, leave: end } = await person();
    const email = `${unique("new")}@example.com`;
    await leave(page, { authorizationParams: { screen_hint: "signup" } });
    await signUp(page, email);
    await comeBack(page);
    assert.equal((await seen(page)).email, email);
    const found = await management.users.listUsersByEmail({ email });
    assert.equal(found.length, 1);
    assert.equal(found[0].logins_count, 1);
    await end();
  });

  test("hears of a refusal", async () => {
    const ada = await user();
    const { page, leave: end } = await person();
    await leave(page);
    await page.waitForURL(/\/u\/login/);
    await management.users.update(ada.user_id, { blocked: true });
    await logIn(page, ada.email);
    await page.waitForURL(/[?&]error=/);
    await start(page);
    const error = await page.evaluate(() => window.auth0Client.handleRedirectCallback().catch((error) => [error.error, error.error_description]));
    assert.deepEqual(error, ["unauthorized", "user is blocked"]);
    await end();
  });
});
