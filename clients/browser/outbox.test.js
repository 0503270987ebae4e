// The outbox: what a test reads from its API, and a person on its page, is the message that the user was sent.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { accessible, DATABASE, domain, issuer, management, PASSWORD, person, unique } from "./support.js";

/** A new user, who is asked to verify the address; the message about it, from the outbox's API. */
async function written(request) {
  const email = `${unique("eve")}@example.com`;
  await management.users.create({ connection: DATABASE, email, password: PASSWORD });
  const answer = await request.get(`${issuer}/_aught/outbox`, { params: { to: email, wait: 30 } });
  assert.equal(answer.status(), 200);
  const { messages } = await answer.json();
  return { email, message: messages[0] };
}

describe("the outbox", () => {
  test("has the link of a new user's mail on its page and in its API, and the link works", async () => {
    const { context, page, leave } = await person();
    const { email, message } = await written(context.request);
    assert.equal(message.template, "verify_email");
    const link = message.links[0];
    assert.ok(link.startsWith(`${issuer}/u/email-verification?ticket=`), link);

    await page.goto(`${issuer}/_aught/outbox?to=${encodeURIComponent(email)}`);
    await page.getByRole("heading", { name: "Verify your email address" }).waitFor();
    assert.equal(await page.locator("dd a").first().getAttribute("href"), link);
    // The message as it looks, in a frame that runs nothing.
    const frame = page.frameLocator("iframe");
    assert.equal(await frame.getByRole("link", { name: /verify/i }).first().getAttribute("href"), link);

    await page.goto(link);
    await page.getByRole("heading", { name: "Email Verified" }).waitFor();
    const [user] = (await management.users.listUsersByEmail({ email })) ?? [];
    assert.equal(user.email_verified, true);
    await leave();
  });

  test("is a page without a fault that axe-core knows, light and dark, with messages and without, and on a telephone", async () => {
    for (const settings of [{ colorScheme: "light" }, { colorScheme: "dark", viewport: { width: 360, height: 740 } }]) {
      const { context, page, leave } = await person(settings);
      await page.goto(`${issuer}/_aught/outbox?to=nobody@example.com`);
      await page.getByText("No message").waitFor();
      await accessible(page, "an empty outbox");
      const { email } = await written(context.request);
      await page.goto(`${issuer}/_aught/outbox?to=${encodeURIComponent(email)}`);
      await page.getByRole("heading", { name: "Verify your email address" }).waitFor();
      await page.getByText("Source").click();
      await accessible(page, "a message");
      await page.goto(`${issuer}/`);
      await page.getByRole("heading", { name: domain }).waitFor();
      await accessible(page, "the start page");
      await leave();
    }
  });

  test("shows a new message by itself, and without script as soon as the page is loaded again", async () => {
    const { context, page, leave } = await person();
    await page.goto(`${issuer}/_aught/outbox`);
    await page.getByRole("heading", { name: `Outbox of ${domain}` }).waitFor();
    const { email } = await written(context.request);
    await page.locator("nav a", { hasText: email }).waitFor();
    await leave();
    const plain = await person({ javaScriptEnabled: false });
    await plain.page.goto(`${issuer}/_aught/outbox?to=${encodeURIComponent(email)}`);
    await plain.page.locator("nav a", { hasText: email }).waitFor();
    await plain.page.getByLabel("To").fill("nobody@example.com");
    await plain.page.getByRole("button", { name: "Filter" }).click();
    await plain.page.getByText("No message").waitFor();
    await plain.leave();
  });
});
