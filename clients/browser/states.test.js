// Every screen in each of its states, those too that only a form leads to: axe-core finds no fault in English, Japanese and Arabic, and no page is
// wider than a small telephone. Lighthouse finds no fault either on those on which users log in.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";
import { args, executablePath } from "./chromium.js";
import { previews } from "./previews.js";
import { examine, reflect, reflection } from "./support.js";

/** How each language is written; German is looked at for its long words alone. */
const LANGUAGES = { en: "ltr", ja: "ltr", ar: "rtl", de: "ltr" };
/** The languages whose words decide on how wide a page is. */
const WIDE = ["ar", "de"];
/** The attributes whose values are words, addresses or secrets. */
const SAID = /(alt|aria-label|content|data-error-code|data-pattern|href|nonce|src|title|value)="[^"]+"/g;

/** A page without its words. Pages that are alike but for these are alike to axe-core. */
const bare = (html) => html.replace(/>\s*[^<>\s][^<>]*</g, ">x<").replace(SAID, '$1="x"');

let preview;

before(async () => {
  preview = await previews();
});

after(() => preview.stop());

test("every screen is accessible in each of its states and languages", async () => {
  const shown = await reflection();
  const known = new Set();
  const screens = new Set();
  const wrong = [];
  for (const [language, direction] of Object.entries(LANGUAGES)) {
    for (const path of preview.paths) {
      const name = `${path} in ${language}`;
      const html = await (await fetch(`${preview.origin}${path}?lang=${language}`)).text();
      const state = bare(html);
      const isNew = language !== "de" && !known.has(state);
      if (!isNew && !WIDE.includes(language)) continue;
      const found = await reflect(shown, html);
      assert.deepEqual([found.language, found.direction, found.width <= 320], [language, direction, true], name);
      assert.equal(found.screen, path.split("/")[3]);
      screens.add(found.screen);
      if (!isNew) continue;
      known.add(state);
      await examine(shown, name).catch((error) => wrong.push(error.message));
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(screens.size >= 30 && known.size > 6 * screens.size, `${screens.size} screens, ${known.size} looks`);
  await shown.context().close();
});

test("lighthouse finds no fault on the pages on which users log in", async () => {
  const chrome = await launch({ chromePath: executablePath, chromeFlags: ["--headless=new", ...args], logLevel: "silent" });
  try {
    for (const path of ["/u/preview/login-id/plain", "/u/preview/login-password/wrong-email-credentials"]) {
      const settings = { port: chrome.port, onlyCategories: ["accessibility"], logLevel: "silent", disableFullPageScreenshot: true, blockedUrlPatterns: ["*live.js"] };
      const { lhr } = await lighthouse(`${preview.origin}${path}`, settings);
      const failed = Object.values(lhr.audits).filter(({ score }) => score !== null && score < 1);
      assert.deepEqual(failed.map(({ id }) => id), [], path);
      assert.equal(lhr.categories.accessibility.score, 1, path);
    }
  } finally {
    await chrome.kill();
  }
});
