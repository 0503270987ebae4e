// Every screen of login and each of its states, as a real browser shows it: no fault that axe-core knows, no violation of its policy, no
// request to another host, the fields that password managers look for; and all of it without script.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { accessible, application, authorization, DATABASE, go, heading, issuer, logIn, management, PASSWORD, person, serve, signUp, unique, user } from "./support.js";

describe("login pages", () => {
  let site, client;

  before(async () => {
    site = await serve((request, response) => {
      response.setHeader("content-type", "text/html");
      response.end(`<!DOCTYPE html><html lang="en"><title>Application</title><link rel="icon" href="data:,"><h1>Back</h1></html>`);
    });
    client = await application({
      name: unique("Notes"),
      app_type: "regular_web",
      grant_types: ["authorization_code", "implicit"],
      callbacks: [`${site.origin}/callback`],
      allowed_logout_urls: [site.origin],
      initiate_login_uri: `${site.origin}/login`,
    });
  });

  after(() => site.close());

  const database = async () => (await management.connections.list({ name: DATABASE })).data[0];

  /** Changes options of the database for as long as `during` takes. */
  async function withOptions(options, during) {
    const { id, options: before } = await management.connections.get((await database()).id);
    await management.connections.update(id, { options: { ...before, ...options } });
    try {
      await during();
    } finally {
      await management.connections.update(id, { options: before });
    }
  }

  /** Waits for a fault with this code, of a field or of the page. */
  const fault = (page, code, field) => page.locator(`${field ? `#error-element-${field}` : "#prompt-alert"}[data-error-code="${code}"]`).waitFor();

  /** Sends the form as a browser without its script would, empty fields, too, and waits for the page that comes of it. */
  const send = async (page) => {
    const shown = page.waitForEvent("load");
    await page.locator("form[data-form-primary=true]").evaluate((form) => form.submit());
    await shown;
  };

  test("of login, identifier first", async () => {
    const ada = await user();
    for (const colorScheme of ["light", "dark"]) {
      const { page, leave } = await person({ colorScheme });
      await page.goto(authorization(client));
      await heading(page, "Welcome");
      await go(page);
      await page.locator("#error-cs-username-required").waitFor();
      await accessible(page, "nothing entered");
      await page.locator("input#username").fill("not an address");
      await go(page);
      await fault(page, "invalid-email-format", "username");
      await accessible(page, "no address");
      assert.equal(await page.locator("input#username").getAttribute("autocomplete"), "email");
      await page.locator("input#username").fill(ada.email);
      await go(page);
      await heading(page, "Enter Your Password");
      // A password manager fills in and saves both, in one form.
      const form = page.locator("form[data-form-primary=true]");
      assert.equal(await form.locator("input[autocomplete=email]").inputValue(), ada.email);
      assert.equal(await form.locator("input[type=password]").getAttribute("autocomplete"), "current-password");
      await go(page);
      await page.locator("#error-cs-password-required").waitFor();
      await accessible(page, "no password");
      await page.locator("input#password").fill("wrong");
      await page.getByRole("switch").click();
      assert.equal(await page.locator("input#password").getAttribute("type"), "text");
      await go(page);
      await fault(page, "wrong-email-credentials", "password");
      await accessible(page, "wrong password");
      await send(page);
      await fault(page, "no-password", "password");
      await page.locator("input#password").fill(PASSWORD);
      await go(page);
      await page.waitForURL(/\/callback\?code=/);
      await leave();
    }
  });

  test("of login, all on one page", async () => {
    const ada = await user();
    await management.prompts.updateSettings({ identifier_first: false });
    try {
      const { page, leave } = await person();
      await page.goto(authorization(client));
      await page.waitForURL(/\/u\/login\?/);
      await heading(page, "Welcome");
      await send(page);
      await fault(page, "no-password", "password");
      await accessible(page, "nothing entered");
      await page.getByRole("link", { name: "Sign up" }).click();
      await page.waitForURL(/\/u\/signup\?/);
      await heading(page, "Welcome");
      await page.locator("input#email").fill(`${unique("new")}@example.com`);
      await page.locator("input#password").fill("short");
      await go(page);
      await fault(page, "password-too-weak", "password");
      await accessible(page, "weak password");
      await page.getByRole("link", { name: "Log in" }).click();
      await page.locator("input#username").fill(ada.email);
      await page.locator("input#password").fill(PASSWORD);
      await go(page);
      await page.waitForURL(/\/callback\?code=/);
      await leave();
    } finally {
      await management.prompts.updateSettings({ identifier_first: true });
    }
  });

  test("of sign-up", async () => {
    const ada = await user();
    const { page, leave } = await person();
    await page.goto(authorization(client, { screen_hint: "signup" }));
    await heading(page, "Create Your Account");
    await page.locator("input#email").fill("nobody");
    await send(page);
    await fault(page, "invalid-email-format", "email");
    await accessible(page, "no address");
    const email = `${unique("new")}@example.com`;
    await page.locator("input#email").fill(email);
    await go(page);
    await page.waitForURL(/\/u\/signup\/password/);
    await heading(page, "Create Your Account");
    const form = page.locator("form[data-form-primary=true]");
    assert.equal(await form.locator("input[autocomplete=email]").inputValue(), email);
    assert.equal(await form.locator("input[type=password]").getAttribute("autocomplete"), "new-password");
    await page.locator("input#password").fill("short");
    await go(page);
    await fault(page, "password-too-weak", "password");
    await accessible(page, "weak password");
    await page.getByRole("link", { name: "Edit" }).click();
    await page.waitForURL(/\/u\/signup\/identifier/);
    await page.locator("input#email").fill(ada.email);
    await go(page);
    await page.locator("input#password").fill(PASSWORD);
    await go(page);
    await page.locator(".ulp-input-error-message, #prompt-alert").first().waitFor();
    await accessible(page, "address is taken");
    await leave();
  });

  test("of a code that proves an address", async () => {
    const attributes = { email: { identifier: { active: true }, profile_required: true, verification_method: "otp", signup: { status: "required", verification: { active: true } } } };
    await withOptions({ attributes }, async () => {
      const { page, leave } = await person();
      await page.goto(authorization(client, { screen_hint: "signup" }));
      await page.locator("input#email").fill(`${unique("new")}@example.com`);
      await go(page);
      await page.waitForURL(/\/u\/email-identifier\/challenge/);
      await heading(page, "Verify Your Identity");
      assert.equal(await page.locator("input#code").getAttribute("autocomplete"), "one-time-code");
      await page.locator("input#code").fill("abc");
      await go(page);
      await fault(page, "invalid-otp-code-format", "code");
      await accessible(page, "no code");
      await page.locator("input#code").fill("000000");
      await go(page);
      await fault(page, "invalid-code", "code");
      await accessible(page, "wrong code");
      for (let attempt = 0; attempt < 11; attempt += 1) {
        await page.locator("input#code").fill("000000");
        await Promise.all([page.waitForResponse((response) => response.request().method() === "POST"), go(page)]);
        await page.waitForLoadState();
      }
      await fault(page, "too-many-failures", "code");
      await accessible(page, "too many codes");
      await leave();
    });
  });

  test("of a forgotten password", async () => {
    const ada = await user();
    const { page, leave } = await person();
    await page.goto(authorization(client));
    await page.locator("input#username").fill(ada.email);
    await go(page);
    await page.getByRole("link", { name: "Forgot password?" }).click();
    await page.waitForURL(/\/u\/reset-password\/request/);
    await heading(page, "Forgot Your Password?");
    await page.locator("input#email").fill("");
    await send(page);
    await fault(page, "no-email", "email");
    await accessible(page, "nothing entered");
    await page.locator("input#email").fill(ada.email);
    await go(page);
    await heading(page, "Check Your Email");

    const { ticket } = await management.tickets.changePassword({ user_id: ada.user_id });
    await page.goto(ticket);
    await page.waitForURL(/\/u\/reset-password\/change/);
    await heading(page, "Change Your Password");
    for (const field of ["password-reset", "re-enter-password"]) {
      assert.equal(await page.locator(`input#${field}`).getAttribute("autocomplete"), "new-password");
    }
    await page.locator("input#password-reset").fill("New-Horse-8-Battery");
    await page.locator("input#re-enter-password").fill("Another-Horse-8");
    await go(page);
    await fault(page, "password-mismatch", "re-enter-password");
    await accessible(page, "two different passwords");
    await page.locator("input#password-reset").fill("short");
    await page.locator("input#re-enter-password").fill("short");
    await go(page);
    await fault(page, "password-too-weak", "password-reset");
    await accessible(page, "weak password");
    await page.locator("input#password-reset").fill("New-Horse-8-Battery");
    await page.locator("input#re-enter-password").fill("New-Horse-8-Battery");
    await go(page);
    await heading(page, "Password Changed!");
    await page.goto(ticket);
    await heading(page, "Invalid Link");
    await page.goto(authorization(client));
    await logIn(page, ada.email, "New-Horse-8-Battery");
    await page.waitForURL(/\/callback\?code=/);
    await leave();
  });

  test("of links in mails", async () => {
    const ada = await user({ email_verified: false, verify_email: false });
    const { ticket } = await management.tickets.verifyEmail({ user_id: ada.user_id });
    const { page, leave } = await person();
    await page.goto(ticket);
    await heading(page, "Email Verified");
    await page.goto("about:blank");
    await page.goto(ticket);
    await heading(page, "Invalid Link");
    await page.goto(`${issuer}/u/unblock?ticket=${"x".repeat(32)}`);
    await heading(page, "Unblock My Account");
    await go(page);
    await heading(page, "Invalid Link");
    await leave();
    // Without script the page waits for a click.
    const { ticket: second } = await management.tickets.changePassword({ user_id: ada.user_id });
    const plain = await person({ javaScriptEnabled: false });
    await plain.page.goto(second);
    await go(plain.page);
    await plain.page.waitForURL(/\/u\/reset-password\/change/);
    await plain.leave();
  });

  test("of consent", async () => {
    const ada = await user();
    const api = `https://${unique("api")}.example.com`;
    await management.resourceServers.create({ identifier: api, name: "Notes", scopes: [{ value: "read:notes", description: "Read your notes" }] });
    const { page, leave } = await person();
    await page.goto(authorization(client, { audience: api, scope: "openid profile read:notes" }));
    await logIn(page, ada.email);
    await page.waitForURL(/\/u\/consent/);
    await heading(page, "Authorize App");
    await page.locator("button[value=deny]").click();
    await page.waitForURL(/\/callback\?error=access_denied/);
    await page.goto(authorization(client, { audience: api, scope: "openid profile read:notes" }));
    await logIn(page, ada.email);
    await page.locator("button[value=accept]").click();
    await page.waitForURL(/\/callback\?code=/);
    await leave();
  });

  test("of a confirmation", async () => {
    const ada = await user();
    const { page, leave } = await person();
    await page.goto(authorization(client));
    await logIn(page, ada.email);
    await page.waitForURL(/\/callback\?code=/);
    // With the session no page would be shown, and the application is one of this machine.
    await page.goto(authorization(client));
    await heading(page, `Continue to ${client.name}?`);
    await page.locator("button[value=accept]").click();
    await page.waitForURL(/\/callback\?code=/);
    await leave();
  });

  test("of logout", async () => {
    const ada = await user();
    const { page, leave } = await person();
    await page.goto(authorization(client));
    await logIn(page, ada.email);
    await page.waitForURL(/\/callback\?code=/);
    for (const [answer, told] of [["deny", "You Are Still Logged In"], ["accept", "You Are Logged Out"]]) {
      await page.goto(`${issuer}/oidc/logout`);
      await page.waitForURL(/\/u\/logout/);
      await heading(page, "Logout");
      await page.locator(`button[value=${answer}]`).click();
      await heading(page, told);
    }
    await leave();
  });

  test("of errors", async () => {
    const { page, leave } = await person();
    for (const address of [
      authorization(client, { redirect_uri: "https://elsewhere.example.com/" }),
      authorization({ client_id: "unknown", callbacks: ["https://elsewhere.example.com/"] }),
      `${issuer}/u/login?state=unknown`,
      `${issuer}/v2/logout?returnTo=https://elsewhere.example.com/`,
    ]) {
      const response = await page.goto(address);
      assert.ok(response.status() >= 400 && response.status() < 500, address);
      await heading(page, "Oops!, something went wrong");
    }
    await leave();
  });

  test("of a user who is kept out", async () => {
    const ada = await user();
    const { page, leave } = await person();
    await page.goto(authorization(client));
    await page.locator("input#username").fill(ada.email);
    await go(page);
    for (let attempt = 0; attempt < 11; attempt += 1) {
      await page.locator("input#password").fill("wrong");
      await Promise.all([page.waitForResponse((response) => response.request().method() === "POST"), go(page)]);
      await page.waitForLoadState();
    }
    await accessible(page, "kept out");
    await fault(page, "user-blocked");
    const answer = await fetch(`${issuer}/_aught/outbox?to=${encodeURIComponent(ada.email)}&wait=20`);
    const link = (await answer.json()).messages.flatMap(({ links }) => links).find((link) => link.includes("/u/unblock"));
    await page.goto(link);
    await heading(page, "Unblock My Account");
    await go(page);
    await heading(page, "Account Unblocked");
    await page.goto(authorization(client));
    await logIn(page, ada.email);
    await page.waitForURL(/\/callback\?code=/);
    await leave();
  });

  test("of a password that others know", async () => {
    const leaked = "AUTH0-TEST-Horse-1";
    const ada = await user({ password: leaked });
    const { data: before } = await management.attackProtection.breachedPasswordDetection.get().withRawResponse();
    const blocked = { shields: ["block"] };
    await management.attackProtection.breachedPasswordDetection.update({ enabled: true, ...blocked, stage: { "pre-user-registration": blocked, "pre-change-password": blocked } });
    try {
      const { page, leave } = await person();
      await page.goto(authorization(client));
      await logIn(page, ada.email, leaked);
      await page.locator("#prompt-alert").waitFor();
      await fault(page, "password-breached");
      await accessible(page, "leaked at login");
      await page.goto(authorization(client, { screen_hint: "signup" }));
      await signUp(page, `${unique("new")}@example.com`, leaked);
      await page.locator("#error-element-password").waitFor();
      await fault(page, "password-breached", "password");
      await accessible(page, "leaked at sign-up");
      const { ticket } = await management.tickets.changePassword({ user_id: ada.user_id });
      await page.goto(ticket);
      await page.waitForURL(/\/u\/reset-password\/change/);
      for (const field of ["password-reset", "re-enter-password"]) await page.locator(`input#${field}`).fill(leaked);
      await go(page);
      await fault(page, "password-breached-reset", "password-reset");
      await accessible(page, "leaked at reset");
      await leave();
    } finally {
      await management.attackProtection.breachedPasswordDetection.update({ enabled: before.enabled, shields: before.shields });
    }
  });

  test("of puzzles", async () => {
    const ada = await user();
    const { challenge_password_policy } = await management.attackProtection.botDetection.get();
    await management.attackProtection.botDetection.update({ challenge_password_policy: "always" });
    try {
      const { page, leave } = await person();
      await page.goto(authorization(client));
      await page.locator("input#username").fill(ada.email);
      await go(page);
      await page.locator("input#password").fill(PASSWORD);
      await page.locator("input#captcha").fill("wrong");
      await go(page);
      await fault(page, "invalid-captcha", "captcha");
      await accessible(page, "wrong puzzle");
      // The sum is for those who cannot see the picture.
      const question = await page.locator("#captcha-question").innerText();
      const [a, b] = question.match(/\d+/g).map(Number);
      await page.locator("input#password").fill(PASSWORD);
      await page.locator("input#captcha").fill(String(a + b));
      await go(page);
      await page.waitForURL(/\/callback\?code=/);
      await leave();
    } finally {
      await management.attackProtection.botDetection.update({ challenge_password_policy });
    }
  });

  test("all work without script", async () => {
    const { page, leave } = await person({ javaScriptEnabled: false });
    const email = `${unique("plain")}@example.com`;
    await page.goto(authorization(client, { screen_hint: "signup" }));
    await signUp(page, email);
    await page.waitForURL(/\/callback\?code=/);
    await page.context().clearCookies();
    // An answer by form has a button then.
    await page.goto(authorization(client, { response_type: "code", response_mode: "form_post" }));
    await logIn(page, email);
    await page.locator("button").click();
    await page.waitForURL(/\/callback$/);
    await leave();
  });
});
