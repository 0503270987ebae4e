// A database of the company's own, behind the scripts of its connection: users log in, sign up and get a new password on the login pages, and
// the company's directory has it all.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { PASSWORD, authorization, domain, go, heading, logIn, management, person, serve, signUp, unique } from "./support.js";

/** What a script asks of the directory, in the way that scripts are written. */
const script = (name) => `function ask(...given) {
  const callback = given.pop();
  const url = configuration.DIRECTORY + '/${name}';
  require('request').post({ url, json: given }, (error, response, body) => {
    if (error) return callback(error);
    if (body.wrong) return callback(new WrongUsernameOrPasswordError(given[0], body.wrong));
    callback(null, body.result);
  });
}`;

/** The directory: what each script does there. */
function directory() {
  const people = new Map();
  const shown = (person) => person && { user_id: person.id, email: person.email, email_verified: person.verified, name: person.name };
  const work = {
    login: (email, password) => (people.get(email)?.password === password ? { result: shown(people.get(email)) } : { wrong: "no" }),
    get_user: (email) => ({ result: shown(people.get(email)) ?? null }),
    create: ({ email, password }) => {
      people.set(email, { id: String(people.size + 1), email, password, verified: false, name: email });
      return { result: null };
    },
    verify: (email) => ({ result: Boolean((people.get(email).verified = true)) }),
    change_password: (email, password) => ({ result: Boolean((people.get(email).password = password)) }),
  };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(work[request.url.slice(1)](...JSON.parse(body))));
  });
  return { people, server };
}

describe("a database of the company's own", () => {
  const { people, server } = directory();
  let site, client, connection;

  before(async () => {
    site = await serve((request, response) => {
      response.setHeader("content-type", "text/html");
      response.end(`<!DOCTYPE html><html lang="en"><title>Application</title><link rel="icon" href="data:,"><h1>Back</h1></html>`);
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    client = await management.clients.create({
      name: unique("Intranet"),
      app_type: "regular_web",
      grant_types: ["authorization_code"],
      callbacks: [`${site.origin}/callback`],
      initiate_login_uri: `${site.origin}/login`,
      oidc_conformant: true,
    });
    const scripts = ["login", "get_user", "create", "verify", "change_password"].map((name) => [name, script(name)]);
    connection = await management.connections.create({
      name: unique("Legacy"),
      strategy: "auth0",
      options: {
        enabledDatabaseCustomization: true,
        customScripts: Object.fromEntries(scripts),
        configuration: { DIRECTORY: `http://127.0.0.1:${server.address().port}` },
      },
    });
    await management.connections.clients.update(connection.id, [{ client_id: client.client_id, status: true }]);
    people.set("jane@legacy.example", { id: "jane", email: "jane@legacy.example", password: PASSWORD, verified: true, name: "Jane" });
  });

  after(async () => {
    await management.connections.delete(connection.id);
    server.close();
    await site.close();
  });

  test("lets its users log in, and says who they are", async () => {
    const { page, leave } = await person();
    await page.goto(authorization(client));
    await logIn(page, "jane@legacy.example", "Wrong-Horse-7-Battery");
    await page.locator("#error-element-password").waitFor();
    await page.locator("input#password").fill(PASSWORD);
    await go(page);
    await page.waitForURL(/\/callback\?code=/);
    assert.equal((await management.users.get("auth0|jane")).name, "Jane");
    await leave();
  });

  test("takes those who sign up", async () => {
    const email = `${unique("new")}@legacy.example`;
    const { page, leave } = await person();
    await page.goto(authorization(client, { screen_hint: "signup" }));
    await signUp(page, email);
    await page.waitForURL(/\/callback\?code=/);
    assert.equal(people.get(email).password, PASSWORD);
    const [known] = (await management.users.listUsersByEmail({ email })) ?? [];
    assert.equal(known.user_id, `auth0|${people.get(email).id}`);
    await leave();
  });

  test("gets the new password of who has forgotten theirs", async () => {
    const email = "jane@legacy.example";
    const { page, leave } = await person();
    await page.goto(authorization(client, { login_hint: email }));
    await page.waitForURL(/\/u\/login\/identifier/);
    await go(page);
    await page.waitForURL(/\/u\/login\/password/);
    await page.getByRole("link", { name: "Forgot password?" }).click();
    await page.waitForURL(/\/u\/reset-password\/request/);
    await go(page);
    await heading(page, "Check Your Email");
    const outbox = `https://${domain}/_aught/outbox?${new URLSearchParams({ to: email, wait: "20" })}`;
    const { messages } = await (await fetch(outbox)).json();
    await page.goto(messages[0].links.find((link) => link.includes("/u/reset-")));
    // The page of the link sends itself.
    await page.locator("input#password-reset").waitFor();
    for (const field of ["password-reset", "re-enter-password"]) await page.locator(`input#${field}`).fill("New-Horse-8-Battery");
    await go(page);
    await heading(page, "Password Changed!");
    assert.equal(people.get(email).password, "New-Horse-8-Battery");
    await leave();
  });
});
