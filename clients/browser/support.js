// What every test of this suite starts from: a real browser, a tenant that `aught run` made, an application in it with a user, and the
// page that a failing test leaves behind.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { ManagementClient } from "auth0";

const require = createRequire(import.meta.url);

function setting(name, otherwise) {
  const value = process.env[name] ?? otherwise;
  assert.ok(value, `${name} is not set: start this suite with \`aught run -- npm test\``);
  return value;
}

export const domain = setting("AUTH0_DOMAIN");
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

/**
 * A fresh profile of the browser: no cookies. It is an ordinary one, which lets frames of another site have their cookies, unlike a private
 * one. Whatever it asks of other hosts than the tests' own fails, and is remembered. Without a browser it fails.
 */
export async function profile(options = {}) {
  const folder = await mkdtemp(join(tmpdir(), "profile-"));
  await mkdir(join(folder, "Default"));
  // Some distributions block what frames of another site keep, which silent authentication rests on.
  const preferences = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };
  await writeFile(join(folder, "Default", "Preferences"), JSON.stringify(preferences));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: setting("CHROMIUM", "/usr/bin/chromium"),
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    ignoreHTTPSErrors: true,
    ...options,
  });
  const foreign = [];
  await context.route(
    (url) => url.hostname !== "localhost" && url.hostname !== "127.0.0.1",
    (route) => {
      foreign.push(route.request().url());
      return route.abort();
    },
  );
  context.on("close", () => rm(folder, { recursive: true, force: true }));
  return { context, foreign };
}

/** What the browser complains about a page: violations of its security policy and errors of its scripts. */
export function complaints(page) {
  const seen = [];
  page.on("console", (message) => {
    if (message.type() === "error") seen.push(message.text());
  });
  page.on("pageerror", (error) => seen.push(String(error)));
  return seen;
}

/** A client of the tenant whose users come from the database. */
export async function application(settings) {
  const client = await management.clients.create({ name: unique("app"), oidc_conformant: true, ...settings });
  const found = await management.connections.list({ name: DATABASE });
  const [connection] = found.data;
  await management.connections.clients.update(connection.id, [{ client_id: client.client_id, status: true }]);
  return client;
}

/** A user of the database. */
export async function user(settings = {}) {
  const email = `${unique("ada")}@example.com`;
  return management.users.create({ connection: DATABASE, email, password: PASSWORD, email_verified: true, ...settings });
}

/** Serves pages on a free port of this machine; returns its origin and how to end it. */
export async function serve(handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  const origin = `http://localhost:${server.address().port}`;
  return { origin, close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))) };
}

const next = (page) => page.locator("button[data-action-button-primary=true]").click();

/** Fills in the login pages, identifier first, and goes on. */
export async function logIn(page, email, password = PASSWORD) {
  await page.locator("input#username").fill(email);
  await next(page);
  await page.locator("input#password").fill(password);
  await next(page);
}

/** Fills in the pages of sign-up, identifier first, and goes on. */
export async function signUp(page, email, password = PASSWORD) {
  await page.locator("input#email").fill(email);
  await next(page);
  await page.locator("input#password").fill(password);
  await next(page);
}

/** The page has no fault that axe-core knows. */
export async function accessible(page, name) {
  await page.addScriptTag({ content: await readFile(require.resolve("axe-core/axe.min.js"), "utf8") }).catch(async () => {
    // The page's own policy lets no script of a test in; evaluated in the page's world it may run all the same.
    await page.evaluate(await readFile(require.resolve("axe-core/axe.min.js"), "utf8"));
  });
  const { violations } = await page.evaluate(() => window.axe.run());
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("; ")}`);
  assert.deepEqual(told, [], name);
}
