// The tools for developers: "Try login" on the start page, from the button to the tokens explained, with script and without.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { accessible, issuer, logIn, person, user } from "./support.js";

describe("the start page of a tenant", () => {
  for (const javaScriptEnabled of [true, false]) {
    test(`tries a login ${javaScriptEnabled ? "and is accessible" : "without script"}`, async () => {
      const ada = await user();
      const { page, leave } = await person({ javaScriptEnabled });
      await page.goto(`${issuer}/`);
      if (javaScriptEnabled) await accessible(page, "the start page");
      await page.getByRole("button", { name: "Try login" }).click();
      await logIn(page, ada.email);
      await page.waitForURL(/\/_aught\/try\/callback/);
      const outcome = page.locator("#outcome");
      assert.match(await outcome.innerText(), /Logged in/);
      const checks = await outcome.locator("#checks li strong").allInnerTexts();
      assert.deepEqual(checks, ["yes", "yes", "yes", "yes", "yes"]);
      assert.ok((await outcome.innerText()).includes(ada.email));
      if (javaScriptEnabled) await accessible(page, "the tokens");
      // The session answers at once.
      await page.getByRole("button", { name: "Try again" }).click();
      await page.waitForURL(/\/_aught\/try\/callback/);
      assert.match(await outcome.innerText(), /Logged in/);
      await leave();
    });
  }
});
