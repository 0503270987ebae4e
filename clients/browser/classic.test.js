// Login pages that tenants wrote, with Lock and auth0.js, and applications that log their users in on pages of their own.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { build } from "esbuild";
import { accessible, application, authorization, DATABASE, domain, issuer, management, PASSWORD, person, serve, unique, user } from "./support.js";

/** Lock and auth0.js as a page of theirs includes them. */
async function library() {
  const contents = 'import { Auth0Lock } from "auth0-lock"; import auth0 from "auth0-js"; Object.assign(window, { Auth0Lock, auth0 });';
  const settings = { bundle: true, minify: true, format: "iife", mainFields: ["browser", "module", "main"], write: false, logLevel: "error" };
  // Lock brings a React of its own, which is not the one that other tests use.
  const alias = Object.fromEntries(["react", "react-dom"].map((name) => [name, `${import.meta.dirname}/node_modules/auth0-lock/node_modules/${name}`]));
  Object.assign(settings, { alias, define: { global: "window" } });
  const built = await build({ ...settings, stdin: { contents, resolveDir: import.meta.dirname } });
  return built.outputFiles[0].text;
}

const head = (origin) => `<meta charset="utf-8"><title>Log in</title><link rel="icon" href="data:,"><script src="${origin}/library.js"></script>`;

/** What Lock shows and fetches beside what this machine has is left out. */
const lock = (origin) => `{ closable: false, avatar: null, languageBaseUrl: "${origin}", theme: { logo: "data:image/gif;base64,R0lGODlhAQABAAAAACw=" } }`;

/** A page with Lock, as the service's template has it. */
const lockPage = (origin) => `<!DOCTYPE html><html lang="en"><head>${head(origin)}</head><body><script>
  var config = JSON.parse(decodeURIComponent(escape(window.atob('@@config@@'))));
  var lock = new Auth0Lock(config.clientID, config.auth0Domain, Object.assign(${lock(origin)}, {
    auth: { redirectUrl: config.callbackURL, responseType: config.internalOptions.response_type, params: config.internalOptions },
    configurationBaseUrl: config.clientConfigurationBaseUrl,
    overrides: { __tenant: config.auth0Tenant, __token_issuer: config.authorizationServer.issuer },
    assetsUrl: config.assetsUrl,
    languageBaseUrl: config.languageBaseUrl,
    language: typeof config.dict === "string" ? config.dict : "en",
    __useTenantInfo: config.isThirdPartyClient,
    allowedConnections: config.connection ? [config.connection] : null,
    rememberLastLogin: !config.prompt,
    languageDictionary: config.dict.signin,
    prefill: config.extraParams.login_hint ? { email: config.extraParams.login_hint } : null,
    initialScreen: config.extraParams.screen_hint === "signup" ? "signUp" : "login",
  }));
  lock.show();
</script></body></html>`;

/** A page with auth0.js and a form of its own. */
const scriptPage = (origin) => `<!DOCTYPE html><html lang="en"><head>${head(origin)}</head><body>
  <form><input name="email"><input name="password" type="password"><button>Log in</button><p></p></form><script>
  var config = JSON.parse(decodeURIComponent(escape(window.atob('@@config@@'))));
  var params = Object.assign({
    overrides: { __tenant: config.auth0Tenant, __token_issuer: config.authorizationServer.issuer },
    domain: config.auth0Domain, clientID: config.clientID, redirectUri: config.callbackURL, responseType: "code",
  }, config.internalOptions);
  var webAuth = new auth0.WebAuth(params);
  document.forms[0].addEventListener("submit", function (event) {
    event.preventDefault();
    var fields = event.target.elements;
    webAuth.login({ realm: "${DATABASE}", username: fields.email.value, password: fields.password.value }, function (error) {
      document.querySelector("p").textContent = error.code + ": " + error.description;
    });
  });
</script></body></html>`;

let site, client;

before(async () => {
  const script = await library();
  const page = () => `<!DOCTYPE html><html lang="en"><head>${head(site.origin)}</head><body></body></html>`;
  site = await serve((request, response) => {
    const scripts = { "/library.js": script, "/js/lock/14.3.0/en.js": 'Auth0.registerLanguageDictionary("en", {})' };
    const found = scripts[request.url];
    response.setHeader("content-type", `${found ? "text/javascript" : "text/html"}; charset=utf-8`);
    response.end(found ?? page());
  });
  client = await application({
    app_type: "spa",
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "implicit"],
    callbacks: [`${site.origin}/callback`],
    web_origins: [site.origin],
    cross_origin_authentication: true,
    cross_origin_loc: `${site.origin}/verify`,
  });
});

after(() => site.close());

const write = (custom_login_page) => management.clients.update(client.client_id, { custom_login_page_on: true, custom_login_page });
const start = (page, more = {}) => page.goto(authorization(client, { redirect_uri: client.callbacks[0], ...more }));
const arrived = (page) => page.waitForURL((url) => url.href.startsWith(`${site.origin}/callback`) && url.searchParams.has("code"));

describe("a page that the tenant wrote, with Lock", () => {
  before(() => write(lockPage(site.origin)));

  const fill = async (page, email, password) => {
    await page.locator(".auth0-lock-input[name=email]").fill(email);
    await page.locator(".auth0-lock-input[name=password]").fill(password);
    await page.locator(".auth0-lock-submit").click();
  };

  test("logs a user in, after a wrong password", async () => {
    const ada = await user();
    const { page, leave } = await person();
    await start(page);
    await page.waitForURL(/\/login\?/);
    await fill(page, ada.email, "wrong");
    await page.getByText("Wrong email or password.").waitFor();
    await fill(page, ada.email, PASSWORD);
    await arrived(page);
    const { logins_count } = await management.users.get(ada.user_id);
    assert.equal(logins_count, 1);
    await leave();
  });

  test("speaks the language of its user", async () => {
    await management.tenants.settings.update({ enabled_locales: ["en", "ja", "ar", "de"] });
    const { page, leave } = await person({ locale: "de-DE" });
    await start(page);
    await page.locator(".auth0-lock-input[name=password][placeholder=Passwort]").waitFor();
    await leave();
  });

  test("lets somebody sign up, who is logged in then", async () => {
    const { page, leave } = await person();
    const email = `${unique("new")}@example.com`;
    await start(page, { screen_hint: "signup" });
    await fill(page, email, PASSWORD);
    await arrived(page);
    const [found] = await management.users.listUsersByEmail({ email });
    assert.equal(found.logins_count, 1);
    await leave();
  });

  test("has a mail sent to whoever has forgotten the password", async () => {
    const ada = await user();
    const { context, page, leave } = await person();
    await start(page, { login_hint: ada.email });
    await page.getByText("Don't remember your password?").click();
    await page.locator(".auth0-lock-submit").click();
    await page.getByText("We've just sent you an email to reset your password.").waitFor();
    const answer = await context.request.get(`${issuer}/_aught/outbox`, { params: { to: ada.email, wait: 30 } });
    assert.equal((await answer.json()).messages[0].template, "reset_email");
    await leave();
  });
});

test("a page that the tenant wrote logs a user in with auth0.js", async () => {
  await write(scriptPage(site.origin));
  const ada = await user();
  const { page, leave } = await person();
  await start(page);
  const logIn = async (password) => {
    await page.locator("input[name=email]").fill(ada.email);
    await page.locator("input[name=password]").fill(password);
    await page.locator("button").click();
  };
  await logIn("wrong");
  await page.getByText("invalid_user_password: Wrong email or password.").waitFor();
  await logIn(PASSWORD);
  await arrived(page);
  await leave();
});

test("a page that the tenant wrote reaches neither the tools for developers nor hosts that it does not name", async () => {
  const hostile = `<!DOCTYPE html><html lang="en"><title>x</title><script>
    async function attempt(what) { try { return String(await what()); } catch (error) { return "refused"; } }
    window.outcome = (async () => [
      await attempt(() => fetch("/_aught/outbox").then((answer) => answer.status)),
      await attempt(() => fetch("/api/v2/clients").then((answer) => answer.status)),
      await attempt(() => fetch("https" + "://127.0.0.1:1/")),
      await attempt(() => document.cookie),
      await attempt(() => new Promise((resolve, reject) => {
        const frame = document.createElement("iframe");
        frame.src = "/_aught/outbox";
        frame.onload = () => { frame.contentDocument?.title ? resolve(frame.contentDocument.title) : reject(); };
        document.documentElement.append(frame);
      })),
    ])();
    window.tools = () => { window.opened = window.open("/_aught/outbox"); };
  </script></html>`;
  await write(hostile);
  const { context, page } = await person();
  await start(page);
  const outcome = await page.evaluate(() => window.outcome);
  assert.deepEqual(outcome, ["refused", "refused", "refused", "", "refused"]);
  const popup = context.waitForEvent("page");
  await page.evaluate(() => window.tools());
  const opened = await popup;
  await opened.getByRole("heading", { name: /Outbox/ }).waitFor();
  assert.equal(await page.evaluate(() => window.opened.closed), true);
  // Without its policy a script would be refused by the server, too.
  await context.close();
});

describe("a page of the application", () => {
  const settings = () => ({ domain, clientID: client.client_id, redirectUri: `${site.origin}/callback`, responseType: "token id_token", scope: "openid profile email" });

  async function open(page) {
    await page.goto(site.origin);
    await page.evaluate((settings) => void (window.webAuth = new auth0.WebAuth(settings)), settings());
  }

  const parsed = (page) =>
    page.evaluate(
      (settings) => new Promise((resolve, reject) => new auth0.WebAuth(settings).parseHash((error, found) => (error ? reject(new Error(error.errorDescription)) : resolve(found.idTokenPayload)))),
      settings(),
    );

  test("logs its user in with auth0.js, after a wrong password", async () => {
    const ada = await user();
    const { page, leave } = await person();
    await open(page);
    const logIn = (password) => page.evaluate(([realm, username, password]) => new Promise((resolve) => webAuth.login({ realm, username, password }, resolve)), [DATABASE, ada.email, password]);
    const { code, description } = await logIn("wrong");
    assert.deepEqual([code, description], ["access_denied", "Wrong email or password."]);
    logIn(PASSWORD).catch(() => {});
    await page.waitForURL(/callback#/);
    assert.equal((await parsed(page)).sub, ada.user_id);
    await leave();
  });

  test("tells of itself where the browser keeps no cookie from it", async () => {
    const ada = await user();
    const { context, page, leave } = await person();
    await context.route(`${site.origin}/verify`, async (route) => {
      const script = `<script>new auth0.WebAuth(${JSON.stringify(settings())}).crossOriginVerification()</script>`;
      await route.fulfill({ contentType: "text/html", body: `<!DOCTYPE html><html lang="en"><head>${head(site.origin)}</head><body>${script}</body></html>` });
    });
    await open(page);
    await page.evaluate(
      ([realm, username, password]) => new Promise((ready) => webAuth.login({ realm, username, password, onRedirecting: (go) => ready((window.go = go)) }, () => {})).then(() => {}),
      [DATABASE, ada.email, PASSWORD],
    );
    await context.clearCookies({ name: /^auth0_co/ });
    await page.evaluate(() => void window.go());
    await page.waitForURL(/callback#/);
    assert.equal((await parsed(page)).sub, ada.user_id);
    await leave();
  });

  test("logs its user in with Lock", async () => {
    const ada = await user();
    const { page, leave } = await person();
    await page.goto(site.origin);
    await page.evaluate(`void new Auth0Lock("${client.client_id}", "${domain}", Object.assign(${lock(site.origin)}, {
      rememberLastLogin: false,
      auth: { redirectUrl: "${site.origin}/callback", responseType: "token id_token", sso: false, params: { scope: "openid email" } },
    })).show()`);
    await page.locator(".auth0-lock-input[name=email]").fill(ada.email);
    await page.locator(".auth0-lock-input[name=password]").fill(PASSWORD);
    await page.locator(".auth0-lock-submit").click();
    await page.waitForURL(/callback#/);
    assert.equal((await parsed(page)).email, ada.email);
    await leave();
  });
});

test("passwords are set on a page that the tenant wrote", async () => {
  const html = `<!DOCTYPE html><html lang="en"><head><title>New password</title><link rel="icon" href="data:,"></head><body><h1>{{ email }}</h1>
    <input type="password"><button>Set</button><p></p><script>
    document.querySelector("button").addEventListener("click", async () => {
      const newPassword = document.querySelector("input").value;
      const body = new URLSearchParams({ _csrf: "{{ csrf_token }}", ticket: "{{ ticket }}", newPassword, confirmNewPassword: newPassword });
      const answer = await fetch("/lo/reset", { method: "POST", body });
      document.querySelector("p").textContent = answer.ok ? "Done" : (await answer.json()).description;
    });</script></body></html>`;
  await management.tenants.settings.update({ change_password: { enabled: true, html } });
  try {
    const ada = await user();
    const { ticket } = await management.tickets.changePassword({ user_id: ada.user_id, client_id: client.client_id });
    const { page, leave } = await person();
    await page.goto(ticket);
    await page.getByRole("heading", { name: ada.email }).waitFor();
    const set = async (password) => {
      await page.locator("input").fill(password);
      await page.locator("button").click();
    };
    await set("short");
    await page.getByText("The password is too weak").waitFor();
    await set("Another-Horse-9");
    await page.getByText("Done").waitFor();
    await leave();
  } finally {
    await management.tenants.settings.update({ change_password: { enabled: false } });
  }
});

test("classic tenants that wrote no page have ours", async () => {
  await management.clients.update(client.client_id, { custom_login_page: "" });
  await management.prompts.updateSettings({ universal_login_experience: "classic" });
  try {
    const ada = await user();
    const { page, leave } = await person();
    await start(page);
    await accessible(page, "the login");
    await page.locator("#login-identifier").fill(ada.email);
    await page.locator("#login-password").fill("wrong");
    await page.locator("#login .auth0-lock-submit").click();
    await page.getByRole("alert").filter({ hasText: "Wrong email or password." }).waitFor();
    await accessible(page, "the login with an error");
    await page.locator("[data-show=reset]").click();
    await page.locator("#reset-email").fill(ada.email);
    await accessible(page, "the way to a new password");
    await page.locator("#reset .auth0-lock-submit").click();
    await page.getByText("We've just sent you an email to reset your password.").waitFor();
    await page.locator("[data-show=signup]").click();
    await accessible(page, "the sign-up");
    const email = `${unique("new")}@example.com`;
    await page.locator("#signup-email").fill(email);
    await page.locator("#signup-password").fill(PASSWORD);
    await page.locator("#signup .auth0-lock-submit").click();
    await arrived(page);
    assert.equal((await management.users.listUsersByEmail({ email })).length, 1);
    await leave();
  } finally {
    await management.prompts.updateSettings({ universal_login_experience: "new" });
  }
});
