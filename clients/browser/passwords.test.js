// Chromium's own password manager understands the login pages: it offers to save what logged somebody in, with the identifier that was entered a page
// before, and what it has saved it fills in. Nobody can press the button of its bubble without a screen, so its own log is read, and what it shall
// fill in is put into its store.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createCipheriv, createHash, pbkdf2Sync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { connect } from "node:tls";
import { chromium } from "playwright-core";
import { args, executablePath } from "./chromium.js";
import { application, authorization, domain, go, issuer, logIn, PASSWORD, servePage, signUp, unique, user } from "./support.js";

const profile = mkdtempSync(join(tmpdir(), "passwords-"));
const site = await servePage();

/** The digest of the key of whoever serves this address: the manager takes no password from a page whose certificate is faulty. */
function key(address) {
  const { hostname: host, port } = new URL(address);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: port || 443, rejectUnauthorized: false }, () => {
      const found = socket.getPeerX509Certificate().publicKey.export({ type: "spki", format: "der" });
      socket.destroy();
      resolve(createHash("sha256").update(found).digest("base64"));
    });
    socket.on("error", reject);
  });
}

let context;

after(async () => {
  await context?.close();
  await site.close();
  rmSync(profile, { recursive: true, force: true });
});

/** A browser with this file's profile, in which nothing says that a program drives it: the manager would be off. */
async function browser() {
  const keys = await Promise.all([issuer, site.origin].map(key));
  const trust = `--ignore-certificate-errors-spki-list=${keys.join(",")}`;
  return chromium.launchPersistentContext(profile, { executablePath, ignoreDefaultArgs: ["--enable-automation"], args: [...args, trust] });
}

/** What the manager has noted since its log was opened; it is asked until it says this. */
async function noted(log, expected) {
  await log.waitForFunction((expected) => document.body.innerText.includes(expected), expected);
  return log.locator("body").innerText();
}

/** What the manager took for the user's name in the form that was sent last. */
const names = (text) => text.split("Form parsing output").at(-1);

test("what logs somebody in is offered to be saved, also with the identifier of the page before", async () => {
  const client = await application({ app_type: "regular_web", callbacks: [`${site.origin}/callback`] });
  const ada = await user();
  context = await browser();
  const log = await context.newPage();
  await log.goto("chrome://password-manager-internals/");
  const page = await context.newPage();
  await page.goto(authorization(client));
  await logIn(page, ada.email);
  await page.waitForURL(/\/callback\?code=/);
  let text = await noted(log, "PENDING_PASSWORD_STATE");
  assert.match(names(text), /Password element : +password ,/);
  assert.match(names(text), /Username element : +username ,/);
  // Whoever signs up chooses a password, which is a new one.
  await page.goto(authorization(client, { screen_hint: "signup", prompt: "login" }));
  await signUp(page, `${unique("new")}@example.com`);
  await page.waitForURL(/\/callback\?code=/);
  text = await noted(log, "autocomplete=new-password");
  assert.match(names(text), /New password element : +password ,/);
  assert.match(names(text), /Username element : +email ,/);
  await context.close();
});

test("what was saved is filled in", async () => {
  const client = await application({ app_type: "regular_web", callbacks: [`${site.origin}/callback`] });
  const ada = await user();
  // As Chromium writes it where no other program keeps its keys.
  const cipher = createCipheriv("aes-128-cbc", pbkdf2Sync("peanuts", "saltysalt", 1, 16, "sha1"), Buffer.alloc(16, " "));
  const sealed = Buffer.concat([Buffer.from("v10"), cipher.update(PASSWORD), cipher.final()]).toString("hex");
  const row = [`${issuer}/u/login/password`, ada.email, sealed, `${issuer}/`];
  const insert = `import sqlite3, sys
file, url, name, sealed, realm = sys.argv[1:]
store = sqlite3.connect(file)
store.execute("INSERT INTO logins (origin_url, action_url, username_element, username_value, password_element, password_value, submit_element,"
  " signon_realm, date_created, blacklisted_by_user, scheme, times_used) VALUES (?, '', 'username', ?, 'password', ?, '', ?, 1, 0, 0, 1)",
  (url, name, bytes.fromhex(sealed), realm))
store.commit()`;
  execFileSync("python3", ["-c", insert, join(profile, "Default/Login Data"), ...row]);
  context = await browser();
  const page = await context.newPage();
  await page.goto(authorization(client, { prompt: "login" }));
  await page.locator("input#username").fill(ada.email);
  await go(page);
  await page.waitForURL(/\/u\/login\/password/);
  // Scripts, this one too, see what is filled in as soon as somebody touches the page.
  await page.locator("h1").click();
  await page.waitForFunction((password) => document.querySelector("input#password").value === password, PASSWORD);
  await go(page);
  await page.waitForURL(/\/callback\?code=/);
  await context.close();
});
