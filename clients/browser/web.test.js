// A regular web application with express-openid-connect: login by form post and by code, tokens, logout; and what people do with their
// browsers on the way: the back button, a second tab, a double click.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import express from "express";
import oidc from "express-openid-connect";
import { accessible, application, authorization, go, issuer, logIn, management, PASSWORD, person, serve, unique, user } from "./support.js";

/** A web application, and its client at the tenant. */
async function web(settings, options) {
  const site = await serve();
  const client = await application({
    app_type: "regular_web",
    grant_types: ["authorization_code", "implicit", "refresh_token"],
    callbacks: [`${site.origin}/callback`],
    allowed_logout_urls: [site.origin],
    ...settings,
  });
  const app = express();
  const own = { issuerBaseURL: issuer, baseURL: site.origin, clientID: client.client_id, secret: unique("a long secret of this application") };
  app.use(oidc.auth({ ...own, authRequired: false, idpLogout: true, ...options(client) }));
  app.get("/", (request, response) => response.send(request.oidc.isAuthenticated() ? `Hello ${request.oidc.user.email}` : "Nobody"));
  app.get("/tokens", async (request, response) => {
    const { access_token, isExpired } = request.oidc.accessToken;
    const info = await request.oidc.fetchUserInfo();
    const { refreshToken } = request.oidc;
    const fresh = await request.oidc.accessToken.refresh();
    response.json({ access_token, expired: isExpired(), sub: info.sub, refreshed: fresh.access_token !== access_token, rotated: request.oidc.refreshToken !== refreshToken });
  });
  app.use((error, request, response, next) => void (next, response.status(error.status ?? 500).send(`Failed: ${error.error ?? error.message}`)));
  site.handler = app;
  return { site, client };
}

const text = (page) => page.locator("body").innerText();

describe("a regular web application", () => {
  let form, code;

  before(async () => {
    // What the library does by default: an ID token in a form.
    form = await web({}, () => ({}));
    code = await web({ refresh_token: { rotation_type: "rotating", expiration_type: "expiring" } }, (client) => ({
      clientSecret: client.client_secret,
      authorizationParams: { response_type: "code", scope: "openid profile email offline_access" },
      auth0Logout: true,
    }));
  });

  after(() => Promise.all([form.site.close(), code.site.close()]));

  test("gets an ID token in a form, and signs out again", async () => {
    const ada = await user();
    const { page, leave } = await person();
    await page.goto(`${form.site.origin}/login`);
    await logIn(page, ada.email);
    await page.waitForURL(`${form.site.origin}/`);
    assert.equal(await text(page), `Hello ${ada.email}`);
    await page.goto(`${form.site.origin}/logout`);
    await page.waitForURL(`${form.site.origin}/`);
    assert.equal(await text(page), "Nobody");
    // The session at the tenant is gone, too.
    await page.goto(`${form.site.origin}/login`);
    await page.waitForURL(/\/u\/login\/identifier/);
    await leave();
  });

  test("gets a code, and tokens for it", async () => {
    const ada = await user();
    const { page, leave } = await person();
    await page.goto(`${code.site.origin}/login`);
    await logIn(page, ada.email);
    await page.waitForURL(`${code.site.origin}/`);
    await page.goto(`${code.site.origin}/tokens`);
    const { access_token, ...told } = JSON.parse(await text(page));
    assert.ok(access_token);
    assert.deepEqual(told, { expired: false, sub: ada.user_id, refreshed: true, rotated: true });
    // The other application's login asks for no password: the session is the tenant's. As anything on this machine could pretend to be
    // that application, its user confirms that it is meant.
    await page.goto(`${form.site.origin}/login`);
    await page.waitForURL(/\/u\/consent/);
    await accessible(page, "confirmation");
    await page.locator("button[value=accept]").click();
    await page.waitForURL(`${form.site.origin}/`);
    assert.equal(await text(page), `Hello ${ada.email}`);
    await page.goto(`${code.site.origin}/logout`);
    await page.waitForURL(`${code.site.origin}/`);
    await page.goto(authorization(code.client, { prompt: "none" }));
    assert.equal(new URL(page.url()).searchParams.get("error"), "login_required");
    await leave();
  });

  test("lets its user go back and forth", async () => {
    const [ada, bob] = [await user(), await user()];
    const { page, leave } = await person();
    await page.goto(`${code.site.origin}/login`);
    await page.locator("input#username").fill(ada.email);
    await go(page);
    await page.waitForURL(/\/u\/login\/password/);
    await page.goBack();
    await page.waitForURL(/\/u\/login\/identifier/);
    assert.equal(await page.locator("input#username").inputValue(), ada.email);
    await page.goForward();
    await page.waitForURL(/\/u\/login\/password/);
    await page.getByRole("link", { name: "Edit" }).click();
    // Somebody else, after all.
    await logIn(page, bob.email);
    await page.waitForURL(`${code.site.origin}/`);
    assert.equal(await text(page), `Hello ${bob.email}`);
    // The login is over: its pages cannot be used any more.
    await page.goBack();
    await page.waitForLoadState();
    assert.equal(await page.locator("input#password").count(), 0);
    await page.goto(code.site.origin);
    assert.equal(await text(page), `Hello ${bob.email}`);
    await leave();
  });

  test("lets its user log in in two tabs", async () => {
    const ada = await user();
    const { context, page: first, leave } = await person();
    const second = await context.newPage();
    await first.goto(authorization(code.client, { state: "first" }));
    await second.goto(authorization(code.client, { state: "second" }));
    for (const [page, state] of [[second, "second"], [first, "first"]]) {
      const back = page.waitForURL(/\/callback\?/);
      await logIn(page, ada.email);
      await back;
      const answer = new URL(page.url()).searchParams;
      assert.equal(answer.get("state"), state);
      assert.ok(answer.get("code"));
    }
    await leave();
  });

  test("is left alone by a second click", async () => {
    for (const javaScriptEnabled of [true, false]) {
      const ada = await user();
      const { page, leave } = await person({ javaScriptEnabled });
      let sent = 0;
      page.on("request", (request) => (sent += request.method() === "POST" && request.url().includes("/u/login/password") ? 1 : 0));
      await page.goto(authorization(code.client));
      await page.locator("input#username").fill(ada.email);
      await go(page);
      await page.waitForURL(/\/u\/login\/password/);
      await page.locator("input#password").fill(PASSWORD);
      await page.locator("button[data-action-button-primary=true]").dblclick();
      // The navigation of the second click may end that of the first while it is waited for.
      const arrived = () => page.waitForURL(/\/callback\?/);
      await arrived().catch(arrived);
      assert.ok(new URL(page.url()).searchParams.get("code"), page.url());
      if (javaScriptEnabled) assert.equal(sent, 1);
      const { logins_count } = await management.users.get(ada.user_id);
      assert.equal(logins_count, 1);
      await leave();
    }
  });
});
