// What every test of this suite starts from: a real browser, a tenant that `aught run` made, applications in it with users, and what was
// wrong on the pages that the browser showed.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createServer } from "node:https";
import { readFileSync, rmSync, mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { chromium } from "playwright-core";
import { ManagementClient } from "auth0";
import { args, executablePath } from "./chromium.js";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

function setting(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: start this suite with \`aught run --dns trust -- npm test\``);
  return value;
}

export const domain = setting("AUTH0_DOMAIN");
export const issuer = `https://${domain}`;
export const management = new ManagementClient({
  domain,
  clientId: setting("AUTH0_CLIENT_ID"),
  clientSecret: setting("AUTH0_CLIENT_SECRET"),
  maxRetries: 0,
});

export const PASSWORD = "Correct-Horse-7-Battery";
export const DATABASE = "Username-Password-Authentication";

/** A name that no other test of this or an earlier run uses. */
export const unique = (prefix) => `${prefix}-${randomBytes(5).toString("hex")}`;

let started;

/** The browser of this file's tests. Without one it fails. */
function browser() {
  started ??= chromium.launch({ executablePath, args });
  return started;
}

after(async () => {
  if (started) await (await started).close();
});

/**
 * A person at a browser: no cookies. Whatever the pages ask of other hosts than this machine fails and is remembered, as are violations of
 * security policies and errors of scripts; `leave` ends it and tells of them.
 */
export async function person(options = {}) {
  const context = await (await browser()).newContext({ ignoreHTTPSErrors: true, ...options });
  context.setDefaultTimeout(20_000);
  const wrong = [];
  const isOurs = ({ hostname }) => hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "127.0.0.1";
  await context.route(
    (url) => !isOurs(url),
    (route) => {
      wrong.push(`a request to another host: ${route.request().url()}`);
      return route.abort();
    },
  );
  context.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) wrong.push(message.text());
  });
  context.on("weberror", (event) => wrong.push(String(event.error())));
  context.on("response", (response) => remember(response));
  const leave = async () => {
    await context.close();
    assert.deepEqual(wrong, []);
  };
  return { context, page: await context.newPage(), leave };
}

/** A client of the tenant whose users come from the database. */
export async function application(settings) {
  const client = await management.clients.create({ name: unique("app"), oidc_conformant: true, ...settings });
  const found = await management.connections.list({ name: DATABASE });
  await management.connections.clients.update(found.data[0].id, [{ client_id: client.client_id, status: true }]);
  return client;
}

/** A user of the database. */
export async function user(settings = {}) {
  const email = `${unique("ada")}@example.com`;
  return management.users.create({ connection: DATABASE, email, password: PASSWORD, email_verified: true, ...settings });
}

let pair;

/** A certificate for this machine, which the browser is told not to verify. */
function certificate() {
  if (pair) return pair;
  const folder = mkdtempSync(join(tmpdir(), "application-"));
  const [key, cert] = [join(folder, "key"), join(folder, "cert")];
  const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  execFileSync("openssl", [...made, "-keyout", key, "-out", cert], { stdio: "ignore" });
  pair = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return pair;
}

/**
 * Serves an application on a free port of this machine: over https, so that browsers take it and the tenant for one site, and let its frames
 * have the tenant's cookies. `handler` may be given later, to `site.handler`.
 */
export async function serve(handler) {
  const site = { handler };
  const server = createServer(certificate(), (request, response) => site.handler(request, response));
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  site.origin = `https://localhost:${server.address().port}`;
  site.close = () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections()));
  return site;
}

/** Serves an application of one page, which has @auth0/auth0-spa-js, on a free port of this machine. */
export function servePage() {
  const main = require.resolve("@auth0/auth0-spa-js");
  const library = readFileSync(main.replace(/dist\/.*$/, "dist/auth0-spa-js.production.js"));
  const page = `<!DOCTYPE html><html lang="en"><title>Application</title><link rel="icon" href="data:,"><script src="/library.js"></script></html>`;
  return serve((request, response) => {
    const isLibrary = request.url === "/library.js";
    response.setHeader("content-type", isLibrary ? "text/javascript" : "text/html");
    response.end(isLibrary ? library : page);
  });
}

/** Presses the main button of a login page. */
export const go = (page) => page.locator("button[data-action-button-primary=true]").click();

/** Fills in the login pages, identifier first, and goes on. */
export async function logIn(page, email, password = PASSWORD) {
  await page.waitForURL(/\/u\/login\/identifier/);
  await page.locator("input#username").fill(email);
  await go(page);
  await page.waitForURL(/\/u\/login\/password/);
  await page.locator("input#password").fill(password);
  await go(page);
}

/** Fills in the pages of sign-up, identifier first, and goes on. */
export async function signUp(page, email, password = PASSWORD) {
  await page.waitForURL(/\/u\/signup\/identifier/);
  await page.locator("input#email").fill(email);
  await go(page);
  await page.waitForURL(/\/u\/signup\/password/);
  await page.locator("input#password").fill(password);
  await go(page);
}

/** The page has no fault that axe-core knows, nor has it in other languages. */
export async function accessible(page, name) {
  await faultless(page, name);
  await accessibleElsewhere(page, name);
}

/** The page has no fault that axe-core knows, in the language that it is in: of forms, their tenant's. */
export async function faultless(page, name) {
  // The page's own policy lets no script of a test in; what the browser itself evaluates runs all the same.
  await page.evaluate(axe);
  tell(await page.evaluate(() => window.axe.run()), name);
}

function tell({ violations, passes }, name) {
  assert.ok(passes.length > 5, `${name}: nothing was looked at`);
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("; ")}`);
  assert.deepEqual(told, [], name);
}

/** The page with this heading is there, and has no fault that axe-core knows. */
export async function heading(page, expected) {
  await page.locator("h1", { hasText: expected }).waitFor();
  await accessible(page, expected);
}

/** The languages in which every state of a page that a test leads to is looked at beside English, and how they are written. */
const LANGUAGES = { ar: "rtl" };
/** What a page of ours was last asked for, by page. */
const asked = new WeakMap();
/** States that were looked at in these languages. */
const seen = new Set();
let mirror;

function remember(response) {
  const request = response.request();
  const isPage = request.isNavigationRequest() && (response.status() < 300 || response.status() >= 400);
  const frame = isPage && frameOf(request);
  if (frame && frame.parentFrame() === null) asked.set(frame.page(), request);
}

/** The frame of a request; none where the browser asks before it has made it, as for a window that a script opens. */
function frameOf(request) {
  try {
    return request.frame();
  } catch {
    return undefined;
  }
}

/** A narrow page that shows HTML of this issuer without its script, and has axe-core. */
export async function reflection() {
  const context = await (await browser()).newContext({ ignoreHTTPSErrors: true, bypassCSP: true, viewport: { width: 320, height: 640 } });
  const page = await context.newPage();
  await page.goto(`${issuer}/u/logout/complete`);
  await page.evaluate(axe);
  return page;
}

/**
 * Asks for the page as its browser did, in each other language, with the cookies that it has: the same screen with the same faults must come
 * back, in that language and direction, and not wider than a small telephone. Each state of a screen once. What axe-core says of screens in other
 * languages is in `states.test.js`; the page for errors is none of them.
 */
async function accessibleElsewhere(page, name) {
  const request = asked.get(page);
  const { screen, faults } = await page.evaluate(stateOf);
  const state = [screen, ...faults].join(" ");
  // What a tenant made of a page at its own domain is the tenant's.
  const isOurs = request?.url().startsWith(issuer);
  if (!isOurs || !screen || seen.has(state)) return;
  mirror ??= management.tenants.settings.update({ enabled_locales: ["en", "ja", "ar", "de"] }).then(reflection);
  const shown = await mirror;
  const cookies = await page.context().cookies(request.url());
  const headers = { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; ") };
  const body = request.postData() ?? undefined;
  if (body) headers["content-type"] = "application/x-www-form-urlencoded";
  for (const [language, direction] of Object.entries(LANGUAGES)) {
    const where = `${name} in ${language}`;
    const response = await fetch(request.url(), { method: request.method(), body, headers: { ...headers, "accept-language": language }, redirect: "manual" });
    const html = await response.text();
    // What was there once only is another page now.
    if (response.status >= 300 && response.status < 400) return;
    const found = await reflect(shown, html);
    if (found.screen !== screen) return;
    assert.deepEqual([found.language, found.direction, found.width <= 320], [language, direction, true], where);
    if (screen === "error") await examine(shown, where);
  }
  seen.add(state);
}

/** Shows a page's HTML in a reflection; tells which screen it is with which faults, and how it is written. */
export function reflect(shown, html) {
  const show = async ([html, stateOf]) => {
    document.open();
    document.write(html.replace(/<script [^>]*><\/script>/g, ""));
    document.close();
    const style = document.querySelector("link[rel=stylesheet]");
    if (style && !style.sheet) await new Promise((resolve) => style.addEventListener("load", resolve));
    return window.eval(`(${stateOf})()`);
  };
  return shown.evaluate(show, [html, String(stateOf)]);
}

/** What a reflection shows has no fault that axe-core knows. */
export async function examine(shown, name) {
  const only = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
  tell(await shown.evaluate((only) => window.axe.run(only), only), name);
}

/** In the browser: which screen is shown with which faults, and how it is written. */
function stateOf() {
  const main = document.querySelector("main._widget");
  const faults = [...document.querySelectorAll("[id][data-error-code]")].map((fault) => fault.dataset.errorCode);
  const { lang: language, dir } = document.documentElement;
  return { screen: main?.className.replace("_widget", "").trim(), faults, language, direction: dir || "ltr", width: document.scrollingElement.scrollWidth };
}

/** An address at which the tenant is asked to log somebody in for this client. */
export function authorization(client, settings = {}) {
  const parameters = {
    client_id: client.client_id,
    redirect_uri: client.callbacks[0],
    response_type: "code",
    scope: "openid profile email",
    state: unique("state"),
    ...settings,
  };
  return `${issuer}/authorize?${new URLSearchParams(parameters)}`;
}
