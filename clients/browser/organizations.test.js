// Organizations in a real browser: @auth0/auth0-spa-js signs its users in to one, by its parameter, by the pages that ask for it, and by
// invitations; the pages are looked at with axe-core, and used without script.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { accessible, application, authorization, DATABASE, domain, go, heading, logIn, management, PASSWORD, person, servePage, unique, user } from "./support.js";

describe("organizations", () => {
  let site, client, acme, apex;

  before(async () => {
    site = await servePage();
    client = await application({
      name: unique("Notes"),
      app_type: "spa",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      callbacks: [site.origin],
      web_origins: [site.origin],
      initiate_login_uri: `${site.origin}/login`,
      organization_usage: "allow",
    });
    acme = await organization("acme");
    apex = await organization("apex");
  });

  after(() => site.close());

  async function organization(name) {
    const found = await management.connections.list({ name: DATABASE });
    const enabled_connections = [{ connection_id: found.data[0].id, assign_membership_on_login: false }];
    return management.organizations.create({ name: unique(name), display_name: `The ${name}`, enabled_connections });
  }

  const join = ({ id }, { user_id }) => management.organizations.members.create(id, { members: [user_id] });

  const set = (change) => management.clients.update(client.client_id, change);

  async function start(page, authorizationParams = {}) {
    await page.evaluate(
      (settings) => {
        window.auth0Client = new auth0.Auth0Client(settings);
      },
      { domain, clientId: client.client_id, authorizationParams: { redirect_uri: site.origin, ...authorizationParams } },
    );
  }

  /** Leaves for the login pages with parameters of the library's own. */
  async function leave(page, authorizationParams) {
    await page.goto(site.origin);
    await start(page);
    await page.evaluate((authorizationParams) => void window.auth0Client.loginWithRedirect({ authorizationParams }), authorizationParams);
  }

  /** Comes back with a code, and tells what the library knows of its user. */
  async function comeBack(page) {
    await page.waitForURL(/[?&]code=/);
    await start(page);
    await page.evaluate(() => window.auth0Client.handleRedirectCallback());
    return page.evaluate(() => window.auth0Client.getUser());
  }

  test("are named by the application", async () => {
    const ada = await user();
    await join(acme, ada);
    const { page, leave: end } = await person();
    await leave(page, { organization: acme.id });
    await page.getByText("Log in to The acme").waitFor();
    await logIn(page, ada.email);
    assert.equal((await comeBack(page)).org_id, acme.id);
    // The library remembers the organization, and asks for it when it renews tokens.
    await page.goto(site.origin);
    await start(page);
    await page.evaluate(() => window.auth0Client.getTokenSilently({ cacheMode: "off" }));
    assert.equal((await page.evaluate(() => window.auth0Client.getIdTokenClaims())).org_id, acme.id);
    // Who does not belong to another is told so by the library.
    await leave(page, { organization: apex.id, prompt: "none" });
    await page.waitForURL(/[?&]error=/);
    assert.match(page.url(), /error=login_required/);
    await end();
  });

  test("are chosen after the login, and before it", async () => {
    const ada = await user();
    await join(acme, ada);
    await join(apex, ada);
    await set({ organization_usage: "require", organization_require_behavior: "post_login_prompt" });
    for (const colorScheme of ["light", "dark"]) {
      const { page, leave: end } = await person({ colorScheme });
      await leave(page, {});
      await logIn(page, ada.email);
      await heading(page, "Choose an Organization");
      await page.getByRole("button", { name: "The apex" }).click();
      assert.equal((await comeBack(page)).org_id, apex.id);
      await end();
    }
    await set({ organization_usage: "allow", organization_require_behavior: "pre_login_prompt" });
    const { page, leave: end } = await person();
    await leave(page, {});
    await heading(page, "Enter Organization");
    await go(page);
    await page.locator("#error-cs-organizationName-required").waitFor();
    await accessible(page, "no organization entered");
    await page.locator("input#organizationName").fill("nobody");
    await go(page);
    assert.equal(await page.locator("#error-element-organizationName").getAttribute("data-error-code"), "invalid-organization");
    await accessible(page, "unknown organization");
    await page.locator("input#organizationName").fill(acme.name);
    await go(page);
    await page.getByText("Log in to The acme").waitFor();
    // Back, and to another one.
    await page.goBack();
    await page.goto(page.url());
    await page.waitForURL(/\/u\/login\/identifier/);
    await logIn(page, ada.email);
    assert.equal((await comeBack(page)).org_id, acme.id);
    await end();
    await set({ organization_usage: "allow", organization_require_behavior: "no_prompt" });
  });

  test("are joined by invitation", async () => {
    const email = `${unique("new")}@example.com`;
    const invitation = await management.organizations.invitations.create(acme.id, {
      client_id: client.client_id,
      inviter: { name: "Bob" },
      invitee: { email },
      send_invitation_email: false,
    });
    const link = new URL(invitation.invitation_url);
    assert.equal(`${link.origin}${link.pathname}`, `${site.origin}/login`);
    const parameters = { invitation: link.searchParams.get("invitation"), organization: link.searchParams.get("organization") };
    const { page, leave: end } = await person();
    await leave(page, parameters);
    await heading(page, "You've Been Invited!");
    await go(page);
    await page.waitForURL(/\/u\/signup\/password/);
    await accessible(page, "an invited user signs up");
    await page.locator("input#password").fill(PASSWORD);
    await go(page);
    const known = await comeBack(page);
    assert.deepEqual([known.email, known.org_id], [email, acme.id]);
    const { data: members } = await management.organizations.members.list(acme.id);
    assert.ok(members.some((member) => member.email === email));
    // The link is used up; the library tells the application.
    await leave(page, parameters);
    await page.waitForURL(/[?&]error=/);
    await start(page);
    const told = await page.evaluate(() => window.auth0Client.handleRedirectCallback().catch((error) => [error.error, error.error_description]));
    assert.deepEqual(told, ["invalid_request", "invitation not found or already used"]);
    await end();
  });

  test("need no script", async () => {
    const ada = await user();
    await join(acme, ada);
    await join(apex, ada);
    await set({ organization_usage: "require", organization_require_behavior: "post_login_prompt" });
    const { page, leave: end } = await person({ javaScriptEnabled: false });
    await page.goto(authorization(client));
    await logIn(page, ada.email);
    await page.getByRole("button", { name: "The acme" }).click();
    await page.waitForURL(/[?&]code=/);
    await set({ organization_usage: "require", organization_require_behavior: "pre_login_prompt" });
    await page.goto(authorization(client, { prompt: "login" }));
    await page.locator("input#organizationName").fill(apex.name);
    await go(page);
    await logIn(page, ada.email);
    await page.waitForURL(/[?&]code=/);
    await end();
    await set({ organization_usage: "allow", organization_require_behavior: "no_prompt" });
  });
});
