// Logins without passwords as a real browser shows them: codes and links, in the browser that asked and in another one, with script and
// without, and the way back.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { accessible, authorization, domain, go, heading, management, person, serve, unique } from "./support.js";

describe("logins without passwords", () => {
  let site, client, connection;

  before(async () => {
    site = await serve((request, response) => {
      response.setHeader("content-type", "text/html");
      response.end(`<!DOCTYPE html><html lang="en"><title>Application</title><link rel="icon" href="data:,"><h1>Back</h1></html>`);
    });
    client = await management.clients.create({
      name: unique("Notes"),
      app_type: "regular_web",
      grant_types: ["authorization_code"],
      callbacks: [`${site.origin}/callback`],
      initiate_login_uri: `${site.origin}/login`,
      oidc_conformant: true,
    });
    const email = { from: "login@example.com", subject: "Log in", body: "{{ code }}{{ link }}", syntax: "liquid" };
    const options = { name: "email", email, brute_force_protection: true, disable_signup: false };
    connection = await management.connections.create({ name: "email", strategy: "email", options });
    await management.connections.clients.update(connection.id, [{ client_id: client.client_id, status: true }]);
  });

  after(async () => {
    await management.connections.delete(connection.id);
    await site.close();
  });

  /** What was sent to an address since the last time. */
  async function sent(to) {
    const outbox = `https://${domain}/_aught/outbox`;
    const { messages } = await (await fetch(`${outbox}?${new URLSearchParams({ to, wait: "20" })}`)).json();
    assert.ok(messages.length, `nothing was sent to ${to}`);
    await fetch(outbox, { method: "DELETE" });
    return messages[0];
  }

  async function identify(page, email, settings = {}) {
    await page.goto(authorization(client, settings));
    await page.waitForURL(/\/u\/login\/identifier/);
    await heading(page, "Welcome");
    assert.equal(await page.locator("input#username").getAttribute("autocomplete"), "email");
    await page.locator("input#username").fill(email);
    await go(page);
  }

  test("by a code, with faults, another one, and the way back", async () => {
    for (const options of [{ colorScheme: "light" }, { colorScheme: "dark" }]) {
      const email = `${unique("ada")}@example.com`;
      const { page, leave } = await person(options);
      await identify(page, email);
      await page.waitForURL(/\/u\/login\/passwordless-email-challenge/);
      await heading(page, "Verify Your Identity");
      assert.equal(await page.locator("input#code").getAttribute("autocomplete"), "one-time-code");
      const { codes: [first] } = await sent(email);
      await page.locator("input#code").fill(first === "000000" ? "000001" : "000000");
      await go(page);
      assert.equal(await page.locator("#error-element-code").getAttribute("data-error-code"), "invalid-verification-code");
      await accessible(page, "wrong code");
      await page.locator("button[value=resend]").click();
      const { codes: [second] } = await sent(email);
      // Back to the identifier, and forward again: the login goes on.
      await page.locator("a[data-link-name=edit-username]").click();
      await page.waitForURL(/\/u\/login\/identifier/);
      assert.equal(await page.locator("input#username").inputValue(), email);
      await page.goBack();
      await page.locator("input#code").fill(second);
      await go(page);
      await page.waitForURL(/\/callback\?code=/);
      // The back button finds no form that logs in again.
      await page.goBack();
      await page.waitForURL(/\/callback|\/login/);
      await leave();
    }
  });

  test("without script", async () => {
    const email = `${unique("ada")}@example.com`;
    const { page, leave } = await person({ javaScriptEnabled: false });
    await page.goto(authorization(client));
    await page.locator("input#username").fill(email);
    await go(page);
    const { codes: [code] } = await sent(email);
    await page.locator("input#code").fill(code);
    await go(page);
    await page.waitForURL(/\/callback\?code=/);
    await leave();
  });

  test("by a link in the browser that asked for it, and not in another one", async () => {
    const email = `${unique("ada")}@example.com`;
    const { page, context, leave } = await person();
    await identify(page, email, { send: "link" });
    await page.waitForURL(/\/u\/login\/passwordless-email-link/);
    await heading(page, "Check Your Email");
    const { links: [link] } = await sent(email);
    const other = await person();
    await other.page.goto(link);
    await heading(other.page, "Please start over");
    await other.leave();
    // A link in a mail opens a tab of its own.
    const tab = await context.newPage();
    await tab.goto(link);
    await tab.waitForURL(/\/callback\?code=/);
    await leave();
  });

  test("by a link in another browser, where the tenant allows it and somebody agrees", async () => {
    const settings = (is) => ({ universal_login: { passwordless: { allow_magiclink_verify_without_session: is } } });
    await management.tenants.settings.update(settings(true));
    try {
      const email = `${unique("ada")}@example.com`;
      const { page, leave } = await person();
      await identify(page, email, { send: "link" });
      await page.waitForURL(/\/u\/login\/passwordless-email-link/);
      const { links: [link] } = await sent(email);
      const other = await person();
      await other.page.goto(link);
      await heading(other.page, "Log In");
      assert.match(await other.page.locator("main").innerText(), new RegExp(email));
      await go(other.page);
      await other.page.waitForURL(/\/callback\?code=/);
      await other.leave();
      await leave();
    } finally {
      await management.tenants.settings.update(settings(false));
    }
  });
});
