// A single-page application with @auth0/auth0-spa-js: code flow with proof key, silent authentication, refresh tokens, popup, logout.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { application, complaints, domain, logIn, management, profile, serve, signUp, unique, user } from "./support.js";

const require = createRequire(import.meta.url);
const library = require.resolve("@auth0/auth0-spa-js").replace(/dist\/.*$/, "dist/auth0-spa-js.production.js");

const PAGE = `<!DOCTYPE html><title>Application</title><body><p id="state">loading</p><script src="/library.js"></script></body>`;

describe("a single-page application", () => {
  let site, client;

  before(async () => {
    const script = await readFile(library);
    site = await serve((request, response) => {
      const isLibrary = request.url === "/library.js";
      response.setHeader("content-type", isLibrary ? "text/javascript" : "text/html");
      response.end(isLibrary ? script : PAGE);
    });
    client = await application({
      app_type: "spa",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      callbacks: [site.origin],
      allowed_logout_urls: [site.origin],
      web_origins: [site.origin],
      refresh_token: { rotation_type: "rotating", expiration_type: "expiring", leeway: 0, token_lifetime: 86400 },
    });
  });

  after(async () => {
    await site.close();
  });

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

  async function signedIn(page, ada, options) {
    await open(page, options);
    await page.evaluate(() => void window.auth0Client.loginWithRedirect());
    await page.waitForURL(/\/u\/login/);
    await logIn(page, ada.email);
    await page.waitForURL(/[?&]code=/);
    await start(page, options);
    await page.evaluate(() => window.auth0Client.handleRedirectCallback());
  }

  test("signs its user in, and again without pages", async () => {
    const ada = await user({ name: "Ada" });
    const { context, foreign } = await profile();
    const page = await context.newPage();
    await signedIn(page, ada);
    const seen = await page.evaluate(() => window.auth0Client.getUser());
    assert.equal(seen.sub, ada.user_id);
    assert.equal(seen.email, ada.email);
    // A reload forgets the tokens, which are in memory: the session gives new ones without a page.
    await open(page);
    const token = await page.evaluate(() => window.auth0Client.getTokenSilently());
    assert.ok(token.length > 20);
    assert.equal((await page.evaluate(() => window.auth0Client.getUser())).sub, ada.user_id);
    await page.evaluate((origin) => window.auth0Client.logout({ logoutParams: { returnTo: origin } }), site.origin);
    await page.waitForURL(`${site.origin}/`);
    await start(page);
    const error = await page.evaluate(() => window.auth0Client.getTokenSilently().catch((error) => error.error));
    assert.equal(error, "login_required");
    assert.deepEqual(foreign, []);
    await context.close();
  });

  test("renews its tokens with refresh tokens that rotate", async () => {
    const ada = await user();
    const { context } = await profile();
    const page = await context.newPage();
    const options = { client: { useRefreshTokens: true, cacheLocation: "localstorage" } };
    await signedIn(page, ada, options);
    const tokens = await page.evaluate(async () => {
      const renew = () => window.auth0Client.getTokenSilently({ cacheMode: "off", detailedResponse: true });
      return [await renew(), await renew()];
    });
    for (const token of tokens) assert.ok(token.access_token);
    await context.close();
  });

  test("signs in through a popup", async () => {
    const ada = await user();
    const { context } = await profile();
    const page = await context.newPage();
    await open(page);
    const opened = page.waitForEvent("popup");
    const done = page.evaluate(() => window.auth0Client.loginWithPopup().then(() => window.auth0Client.getUser()));
    const popup = await opened;
    await popup.waitForURL(/\/u\/login/);
    await logIn(popup, ada.email);
    assert.equal((await done).sub, ada.user_id);
    await context.close();
  });

  test("lets somebody sign up", async () => {
    const { context } = await profile();
    const page = await context.newPage();
    const heard = complaints(page);
    const email = `${unique("new")}@example.com`;
    await open(page, { authorizationParams: { screen_hint: "signup" } });
    await page.evaluate(() => void window.auth0Client.loginWithRedirect());
    await page.waitForURL(/\/u\/signup/);
    await signUp(page, email);
    await page.waitForURL(/[?&]code=/);
    await start(page);
    await page.evaluate(() => window.auth0Client.handleRedirectCallback());
    assert.equal((await page.evaluate(() => window.auth0Client.getUser())).email, email);
    const found = await management.users.listUsersByEmail({ email });
    assert.equal(found.length, 1);
    assert.equal(found[0].logins_count, 1);
    assert.deepEqual(heard, []);
    await context.close();
  });
});
