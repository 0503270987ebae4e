// Tokens by client credentials: with a secret, with a signed assertion, and refused.

import { test } from "node:test";
import { generateKeyPairSync } from "node:crypto";
import { AuthClient } from "@auth0/auth0-auth-js";
import { ManagementClient } from "auth0";
import { AuthenticationClient } from "auth0/legacy";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { api, assert, audience, clientId, clientSecret, decoded, domain, machine, management, refused } from "./support.js";

test("a token of the management API names its tenant, its client and its scopes", async () => {
  const auth = new AuthClient({ domain, clientId, clientSecret });
  const before = Math.floor(Date.now() / 1000);
  const { accessToken, expiresAt, tokenType } = await auth.getTokenByClientCredentials({ audience });

  assert.equal(tokenType.toLowerCase(), "bearer");
  assert.ok(expiresAt >= before + 86_300 && expiresAt <= before + 86_500, "a day, as the management API gives");
  const { header, claims } = decoded(accessToken);
  assert.equal(header.alg, "RS256");
  assert.equal(header.typ, "JWT");
  assert.equal(claims.iss, `https://${domain}/`);
  assert.equal(claims.sub, `${clientId}@clients`);
  assert.equal(claims.azp, clientId);
  assert.equal(claims.aud, audience);
  assert.equal(claims.gty, "client-credentials");
  assert.ok(claims.scope.split(" ").includes("read:users"));
});

test("a token verifies with the published keys", async () => {
  const auth = new AuthClient({ domain, clientId, clientSecret });
  const { jwks_uri: keys } = await auth.getServerMetadata();
  const { accessToken } = await auth.getTokenByClientCredentials({ audience });
  const { payload } = await jwtVerify(accessToken, createRemoteJWKSet(new URL(keys)), {
    issuer: `https://${domain}/`,
    audience,
  });
  assert.equal(payload.azp, clientId);
});

test("discovery describes this tenant", async () => {
  const metadata = await new AuthClient({ domain, clientId, clientSecret }).getServerMetadata();
  assert.equal(metadata.issuer, `https://${domain}/`);
  assert.equal(metadata.token_endpoint, `https://${domain}/oauth/token`);
  assert.equal(metadata.jwks_uri, `https://${domain}/.well-known/jwks.json`);
  assert.ok(metadata.token_endpoint_auth_methods_supported.includes("private_key_jwt"));
});

test("a wrong secret is refused", async () => {
  const auth = new AuthClient({ domain, clientId, clientSecret: "not-the-secret" });
  await assert.rejects(auth.getTokenByClientCredentials({ audience }), (error) => {
    assert.equal(error.code, "token_by_client_credentials_error");
    assert.equal(error.statusCode, 401);
    assert.equal(error.cause.error, "access_denied");
    assert.equal(error.cause.error_description, "Unauthorized");
    return true;
  });
});

test("the earlier authentication client gets the same token and the same refusals", async () => {
  const auth = new AuthenticationClient({ domain, clientId, clientSecret });
  const { data } = await auth.oauth.clientCredentialsGrant({ audience });
  assert.equal(data.token_type, "Bearer");
  assert.equal(data.expires_in, 86_400);

  await assert.rejects(auth.oauth.clientCredentialsGrant({ audience: "https://nowhere.example.com" }), (error) => {
    assert.equal(error.statusCode, 403);
    assert.equal(error.error, "access_denied");
    assert.equal(error.error_description, "Service not enabled within domain: https://nowhere.example.com");
    return true;
  });
});

test("a client without a grant is told so, and with one gets what was granted", async () => {
  const server = await api(["read:things", "write:things"]);
  const client = await machine();
  const auth = new AuthenticationClient({ domain, clientId: client.client_id, clientSecret: client.client_secret });

  await assert.rejects(auth.oauth.clientCredentialsGrant({ audience: server.identifier }), (error) => {
    assert.equal(error.statusCode, 403);
    assert.equal(error.error, "access_denied");
    assert.match(error.error_description, / is not authorized to access .*You need to create a "client-grant" associated to this API\./);
    return true;
  });

  const grant = await management.clientGrants.create({
    client_id: client.client_id,
    audience: server.identifier,
    scope: ["read:things"],
  });
  const { data } = await auth.oauth.clientCredentialsGrant({ audience: server.identifier });
  assert.equal(decoded(data.access_token).claims.scope, "read:things");

  await management.clientGrants.delete(grant.id);
  await assert.rejects(auth.oauth.clientCredentialsGrant({ audience: server.identifier }), { statusCode: 403 });
});

test("an API decides how long and how its tokens are signed", async () => {
  const server = await api(["read:things"]);
  await management.resourceServers.update(server.id, { token_lifetime: 600, signing_alg: "HS256" });
  const client = await machine();
  await management.clientGrants.create({ client_id: client.client_id, audience: server.identifier, scope: ["read:things"] });
  const auth = new AuthenticationClient({ domain, clientId: client.client_id, clientSecret: client.client_secret });
  const { data } = await auth.oauth.clientCredentialsGrant({ audience: server.identifier });

  assert.equal(data.expires_in, 600);
  assert.equal(decoded(data.access_token).header.alg, "HS256");
  const secret = new TextEncoder().encode((await management.resourceServers.get(server.id)).signing_secret);
  const { payload } = await jwtVerify(data.access_token, secret, { audience: server.identifier });
  assert.equal(payload.exp - payload.iat, 600);
});

test("a client proves itself with its private key", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const client = await machine({
    client_authentication_methods: {
      private_key_jwt: {
        credentials: [
          {
            name: "first key",
            credential_type: "public_key",
            alg: "RS256",
            pem: publicKey.export({ type: "spki", format: "pem" }),
          },
        ],
      },
    },
  });
  assert.equal(client.client_authentication_methods.private_key_jwt.credentials.length, 1);
  await management.clientGrants.create({ client_id: client.client_id, audience, scope: ["read:roles"] });

  const signing = privateKey.export({ type: "pkcs8", format: "pem" });
  const bySdk = new ManagementClient({ domain, clientId: client.client_id, clientAssertionSigningKey: signing, maxRetries: 0 });
  assert.ok(Array.isArray((await bySdk.roles.list()).data));
  await refused(bySdk.users.list(), 403, "Insufficient scope, expected any of: read:users", "insufficient_scope");

  const auth = new AuthClient({ domain, clientId: client.client_id, clientAssertionSigningKey: signing });
  const { accessToken } = await auth.getTokenByClientCredentials({ audience });
  assert.equal(decoded(accessToken).claims.scope, "read:roles");

  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
  const forged = new AuthClient({ domain, clientId: client.client_id, clientAssertionSigningKey: stranger });
  await assert.rejects(forged.getTokenByClientCredentials({ audience }), { statusCode: 401 });
});

test("a made-up or tampered token opens nothing", async () => {
  const opaque = new ManagementClient({ domain, token: "opaque", maxRetries: 0 });
  await assert.rejects(opaque.roles.list(), (error) => error.statusCode === 401 || error.statusCode === 400);

  const { accessToken } = await new AuthClient({ domain, clientId, clientSecret }).getTokenByClientCredentials({ audience });
  const [header, claims, signature] = accessToken.split(".");
  const richer = { ...JSON.parse(Buffer.from(claims, "base64url")), scope: "read:everything" };
  const tampered = [header, Buffer.from(JSON.stringify(richer)).toString("base64url"), signature].join(".");
  const liar = new ManagementClient({ domain, token: tampered, maxRetries: 0 });
  await refused(liar.roles.list(), 401, /./);
});
