// Screens that a tenant's own scripts draw, with both official libraries: what they are given, what they send, what is wrong with it; and
// that such scripts reach neither the tools for developers nor what their settings do not name.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, normalize } from "node:path";
import { after, before, describe, test } from "node:test";
import { application, authorization, issuer, management, PASSWORD, person, serve, unique, user } from "./support.js";

const require = createRequire(import.meta.url);
const packages = join(import.meta.dirname, "node_modules");

/** Where the asset host has what a module imports by its name. */
function place(name) {
  const [, library, screen] = name.match(/^@auth0\/auth0-acul-(js|react)(?:\/(.+))?$/) ?? [];
  if (!library) return `/cjs/${name}`;
  const within = !screen ? "index.js" : library === "js" ? `screens/${screen}/index.js` : `screens/${screen}.js`;
  return `/npm/@auth0/auth0-acul-${library}/dist/${within}`;
}

/** A module whose imports browsers can follow. */
const linked = (source) => source.replace(/\b(from|import)\s*"([^"./][^"]*)"/g, (_, word, name) => `${word} "${place(name)}"`);

/** A package in the older form of modules, as one that browsers load. */
function wrapped(name) {
  const [library, part] = name.split("/");
  const source = readFileSync(join(packages, library, "cjs", `${[library, part].filter(Boolean).join("-")}.production.js`), "utf8");
  const needed = [...new Set([...source.matchAll(/require\("([^"]+)"\)/g)].map(([, needed]) => needed))];
  return [
    ...needed.map((name, place) => `import needed${place} from "/cjs/${name}";`),
    `const module = { exports: {} }, needed = { ${needed.map((name, place) => `"${name}": needed${place}`).join(", ")} };`,
    `((module, exports, require) => {${source}\n})(module, module.exports, (name) => needed[name]);`,
    `export default module.exports;`,
    `export const { ${Object.keys(require(name)).join(", ")} } = module.exports;`,
  ].join("\n");
}

const SCRIPTS = {
  // As the samples of @auth0/auth0-acul-js do it: a class for each screen.
  js: `
    const { name } = window.universal_login_context.screen;
    const { default: Screen } = await import("/screen/js/" + name);
    const manager = new Screen();
    const { texts, data, links } = manager.screen;
    document.title = texts.pageTitle;
    const make = (tag, attributes, ...children) => {
      const element = Object.assign(document.createElement(tag), attributes);
      element.append(...children);
      return element;
    };
    const isSecond = name === "login-password";
    const label = isSecond ? texts.passwordPlaceholder : texts.emailPlaceholder;
    const input = make("input", { id: "entered", type: isSecond ? "password" : "text", autocomplete: isSecond ? "current-password" : "email" });
    const form = make("form", {}, make("label", { htmlFor: "entered" }, label), input, make("button", {}, texts.buttonText));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (isSecond) manager.login({ username: data.username, password: input.value });
      else manager.login({ identifier: input.value, identifierType: "email" });
    });
    const errors = manager.getErrors().map(({ message, field }) => make("p", { className: "error", role: "alert" }, field + ": " + message));
    const link = make("a", { href: manager.transaction.isSignupEnabled ? links.signup : "#" }, texts.signupActionLinkText);
    document.getElementById("root").append(make("main", {}, make("h1", {}, texts.title), ...errors, form, link));
  `,
  // As those of @auth0/auth0-acul-react do it: hooks.
  react: `
    import { createElement as h, useState } from "react";
    import { createRoot } from "react-dom/client";
    const { name } = window.universal_login_context.screen;
    const sdk = await import("/screen/react/" + name);
    const isSecond = name === "login-password";
    function Page() {
      const { texts, data, links } = sdk.useScreen();
      const { isSignupEnabled } = sdk.useTransaction();
      const { errors } = sdk.useErrors();
      const [entered, enter] = useState("");
      const submit = (event) => {
        event.preventDefault();
        sdk.login(isSecond ? { username: data.username, password: entered } : { username: entered });
      };
      return h("main", null,
        h("h1", null, texts.title),
        ...errors.map(({ message, field }) => h("p", { key: message, className: "error", role: "alert" }, field + ": " + message)),
        h("form", { onSubmit: submit },
          h("label", { htmlFor: "entered" }, isSecond ? texts.passwordPlaceholder : texts.emailPlaceholder),
          h("input", { id: "entered", type: isSecond ? "password" : "text", value: entered, onChange: (event) => enter(event.target.value) }),
          h("button", null, texts.buttonText)),
        isSignupEnabled && h("a", { href: links.signup }, texts.signupActionLinkText));
    }
    createRoot(document.getElementById("root")).render(h(Page));
  `,
  // What a class of the library makes of the context.
  probe: `
    const { name } = window.universal_login_context.screen;
    const { default: Screen } = await import("/screen/js/" + name);
    const { screen, transaction, client, prompt } = new Screen();
    window.got = { screen, transaction, client, prompt };
  `,
  // What a page must not get at, with what it got of it.
  hostile: `
    const got = {};
    const attempt = async (name, act) => { try { got[name] = await act(); } catch { got[name] = null; } };
    const text = (address) => fetch(address, { credentials: "include" }).then((answer) => answer.text());
    await attempt("tools", () => text("/_aught/outbox"));
    await attempt("api", () => text("/api/v2/users"));
    await attempt("foreign", () => text("https://elsewhere.localhost:1/"));
    await attempt("pages", () => fetch(location.href).then((answer) => answer.ok));
    await attempt("script", () => import(location.origin + "/u/assets/none/login.js"));
    await attempt("cookies", () => document.cookie);
    await attempt("inline", () => {
      const script = document.createElement("script");
      script.nonce = document.querySelector("script").nonce;
      script.textContent = "window.ran = true";
      document.head.append(script);
      return Boolean(window.ran);
    });
    await attempt("frame", () => {
      const frame = document.createElement("iframe");
      frame.src = "/_aught/outbox";
      document.body.append(frame);
      return new Promise((resolve) => { frame.onload = () => resolve(frame.contentDocument?.body?.innerText ?? null); });
    });
    window.got = got;
  `,
};

describe("screens that scripts draw", () => {
  const DRAWN = [
    ["login", "login"],
    ["login-id", "login-id"],
    ["login-password", "login-password"],
    ["signup", "signup"],
    ["signup-id", "signup-id"],
    ["reset-password", "reset-password-request"],
    ["logout", "logout-complete"],
    ["logout", "logout-aborted"],
  ];
  let site, assets, client;

  before(async () => {
    site = await serve((request, response) => {
      response.setHeader("content-type", "text/html");
      response.end(`<!DOCTYPE html><html lang="en"><title>Application</title><link rel="icon" href="data:,"><h1>Back</h1></html>`);
    });
    assets = await serve((request, response) => {
      const { pathname } = new URL(request.url, assets.origin);
      const [, kind, rest] = pathname.match(/^\/(main|screen|npm|cjs)\/(.+)$/) ?? [];
      response.setHeader("content-type", "text/javascript");
      response.setHeader("access-control-allow-origin", "*");
      if (kind === "main") return response.end(linked(SCRIPTS[rest]));
      if (kind === "cjs") return response.end(wrapped(rest));
      if (kind === "screen") return response.writeHead(302, { location: place(`@auth0/auth0-acul-${rest}`) }).end();
      const file = normalize(rest ?? "");
      if (!file.startsWith("@auth0/auth0-acul-")) return response.writeHead(404).end();
      return response.end(linked(readFileSync(join(packages, file), "utf8")));
    });
    client = await application({
      name: unique("Drawn"),
      app_type: "regular_web",
      grant_types: ["authorization_code"],
      callbacks: [`${site.origin}/callback`],
    });
  });

  after(async () => {
    await management.prompts.rendering.bulkUpdate({
      configs: DRAWN.map(([prompt, screen]) => ({ prompt, screen, rendering_mode: "standard" })),
    });
    await Promise.all([site.close(), assets.close()]);
  });

  /** Has a script draw the screens of this client, and of no others. */
  async function draw(script) {
    const head_tags = [
      { tag: "meta", attributes: { name: "viewport", content: "width=device-width" } },
      { tag: "script", attributes: { type: "module", src: `${assets.origin}/main/${script}?{{screen.name}}` } },
    ];
    const filters = { match_type: "includes_any", clients: [{ id: client.client_id }] };
    await management.prompts.rendering.bulkUpdate({
      configs: DRAWN.map(([prompt, screen]) => ({ prompt, screen, rendering_mode: "advanced", head_tags, filters })),
    });
  }

  for (const library of ["js", "react"]) {
    test(`with @auth0/auth0-acul-${library}`, async () => {
      const ada = await user();
      await draw(library);
      const { page, leave } = await person();
      const enter = async (text) => {
        await page.getByRole("textbox").or(page.locator("#entered")).fill(text);
        await page.getByRole("button", { name: "Continue", exact: true }).click();
      };
      await page.goto(authorization(client));
      await page.locator("h1", { hasText: "Welcome" }).waitFor();
      assert.equal(await page.title(), `Log in | ${client.name}`);
      assert.match(await page.getByRole("link").getAttribute("href"), /^\/u\/signup\/identifier\?state=/);
      await enter("no address");
      await page.locator(".error", { hasText: "username: Email is not valid." }).waitFor();
      await enter(ada.email);
      await page.locator("h1", { hasText: "Enter Your Password" }).waitFor();
      await enter("wrong");
      await page.locator(".error", { hasText: "password: Wrong email or password" }).waitFor();
      await enter(PASSWORD);
      await page.waitForURL(/\/callback\?code=/);
      await leave();
    });
  }

  test("give the library's classes what they are made from", async () => {
    await draw("probe");
    const { page, leave } = await person();
    const seen = async (address, name) => {
      await page.goto(address);
      const got = await page.waitForFunction(() => window.got).then((handle) => handle.jsonValue());
      assert.deepEqual([got.screen.name, got.client.id], [name, client.client_id]);
      assert.ok(got.screen.texts.pageTitle && got.transaction.state && got.prompt.name, name);
      return got;
    };
    const { screen, transaction } = await seen(authorization(client), "login-id");
    const state = new URL(page.url()).searchParams.get("state");
    assert.deepEqual([transaction.state, transaction.allowedIdentifiers, transaction.connectionStrategy], [state, ["email"], "auth0"]);
    const signup = await seen(issuer + screen.signupLink, "signup-id");
    assert.deepEqual(signup.transaction.requiredIdentifiers, ["email"]);
    assert.match(signup.screen.loginLink, /^\/u\/login\/identifier\?state=/);
    await seen(`${issuer}/u/login?state=${state}`, "login");
    const { transaction: both } = await seen(`${issuer}/u/signup?state=${state}`, "signup");
    assert.deepEqual([both.passwordPolicy.policy, both.passwordPolicy.minLength], ["good", 8]);
    assert.equal(both.passwordPolicy.passwordSecurityInfo.length, 2);
    const reset = await seen(issuer + screen.resetPasswordLink, "reset-password-request");
    assert.equal(reset.transaction.hasFlexibleIdentifier, false);
    for (const result of ["complete", "aborted"]) await seen(`${issuer}/u/logout/${result}?client_id=${client.client_id}`, `logout-${result}`);
    await leave();
  });

  test("reach nothing that their settings do not name", async () => {
    await draw("hostile");
    const { context, page } = await person();
    await page.goto(authorization(client));
    const { pages, ...got } = await page.waitForFunction(() => window.got).then((handle) => handle.jsonValue());
    assert.equal(pages, true);
    const { cookies, inline, ...rest } = got;
    assert.deepEqual([cookies, inline], ["", false]);
    assert.deepEqual([...new Set(Object.values(rest))], [null], JSON.stringify(rest));
    // A window of the same origin, which the tools close to whoever opened it.
    const [opened] = await Promise.all([
      context.waitForEvent("page"),
      page.evaluate(() => void (window.tools = window.open("/_aught/outbox"))),
    ]);
    await opened.getByRole("heading").first().waitFor();
    assert.equal(await page.evaluate(() => window.tools.closed), true);
    await opened.close();
    // Another application's users see the pages of the service.
    const other = await application({ callbacks: [`${site.origin}/callback`] });
    await page.goto(authorization(other));
    await page.locator("input#username").waitFor();
    await context.close();
  });
});
