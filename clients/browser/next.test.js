// A Next.js application's middleware with @auth0/nextjs-auth0: what the framework calls for each request, without the framework's build.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Auth0Client } from "@auth0/nextjs-auth0/server";
import { NextRequest } from "next/server.js";
import { application, issuer, logIn, management, person, serve, unique, user } from "./support.js";

describe("a Next.js application", () => {
  let site;

  before(async () => {
    site = await serve();
    const client = await application({
      app_type: "regular_web",
      grant_types: ["authorization_code", "refresh_token"],
      callbacks: [`${site.origin}/auth/callback`],
      allowed_logout_urls: [site.origin],
      refresh_token: { rotation_type: "rotating", expiration_type: "expiring" },
    });
    const api = `https://${unique("api")}.example.com`;
    const consent = { skip_consent_for_verifiable_first_party_clients: true };
    await management.resourceServers.create({ identifier: api, allow_offline_access: true, ...consent });
    const auth0 = new Auth0Client({
      // The library takes a tenant on this machine, and one with a port, only so.
      domain: issuer,
      allowInsecureRequests: true,
      clientId: client.client_id,
      clientSecret: client.client_secret,
      appBaseUrl: site.origin,
      secret: randomBytes(32).toString("hex"),
      authorizationParameters: { scope: "openid profile email offline_access", audience: api },
    });
    site.handler = async (request, response) => {
      const asked = new NextRequest(site.origin + request.url, { method: request.method, headers: request.headers });
      const answer = await auth0.middleware(asked);
      const { pathname } = asked.nextUrl;
      response.statusCode = answer.status;
      answer.headers.forEach((value, name) => name !== "set-cookie" && response.setHeader(name, value));
      response.setHeader("set-cookie", answer.headers.getSetCookie());
      if (pathname.startsWith("/auth")) return response.end(Buffer.from(await answer.arrayBuffer()));
      const session = await auth0.getSession(asked);
      response.setHeader("content-type", "text/plain");
      response.end(session ? `Hello ${session.user.email}` : "Nobody");
    };
  });

  after(() => site.close());

  const text = (page) => page.locator("body").innerText();

  test("signs its user in, renews the token, and signs out", async () => {
    const ada = await user();
    const { page, leave } = await person();
    await page.goto(`${site.origin}/auth/login`);
    await logIn(page, ada.email);
    await page.waitForURL(`${site.origin}/`);
    assert.equal(await text(page), `Hello ${ada.email}`);
    await page.goto(`${site.origin}/auth/profile`);
    assert.equal(JSON.parse(await text(page)).sub, ada.user_id);
    await page.goto(`${site.origin}/auth/access-token`);
    const { token } = JSON.parse(await text(page));
    assert.equal(JSON.parse(Buffer.from(token.split(".")[1], "base64url")).sub, ada.user_id);
    await page.goto(`${site.origin}/auth/logout`);
    await page.waitForURL(`${site.origin}/`);
    assert.equal(await text(page), "Nobody");
    await page.goto(`${site.origin}/auth/login`);
    await page.waitForURL(/\/u\/login\/identifier/);
    await leave();
  });
});
