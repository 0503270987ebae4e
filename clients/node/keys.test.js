// Keys: those that sign tokens, those that callers brought, and the hierarchy that encrypts what is kept.

import { test } from "node:test";
import { constants, createCipheriv, generateKeyPairSync, publicEncrypt, randomBytes } from "node:crypto";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { AuthClient } from "@auth0/auth0-auth-js";
import { assert, audience, clientId, clientSecret, decoded, domain, everything, management, refused } from "./support.js";

const auth = new AuthClient({ domain, clientId, clientSecret });
const token = async () => (await auth.getTokenByClientCredentials({ audience })).accessToken;
const published = () => createRemoteJWKSet(new URL(`https://${domain}/.well-known/jwks.json`));

/** Key material under a wrapping key, as CKM_RSA_AES_KEY_WRAP has it: RSA-OAEP of an AES key, and the material wrapped by that. */
function wrapped(publicKey, material) {
  const aes = randomBytes(32);
  const padding = { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
  const cipher = createCipheriv("id-aes256-wrap-pad", aes, Buffer.from("a65959a6", "hex"));
  return Buffer.concat([publicEncrypt(padding, aes), cipher.update(material), cipher.final()]).toString("base64");
}

test("keys of one's own to verify with are put, replaced and removed", async () => {
  const { customSigning } = management.keys;
  const missing = "No custom signing keys found for this tenant. Upload custom signing keys first.";
  await refused(customSigning.get(), 404, missing);
  const jwk = (kid) => {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    return { ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" };
  };
  await customSigning.set({ keys: [jwk("one"), jwk("two")] });
  const three = jwk("three");
  await customSigning.set({ keys: [three] });
  assert.deepEqual((await customSigning.get()).keys, [three]);
  await refused(customSigning.set({ keys: [{ ...three, d: "private" }] }), 400, /Additional properties not allowed: d/, "invalid_body");
  await customSigning.delete();
  await refused(customSigning.get(), 404, missing);
});

test("a customer's root key takes over, and gives way again", async () => {
  const { encryption } = management.keys;
  const rows = () => everything(encryption.list({ per_page: 2 }));
  const active = async (type) => (await rows()).find((key) => key.type === type && key.state === "active");
  const secret = await management.clients.create({ name: "sealed before", app_type: "non_interactive" });

  const root = await encryption.create({ type: "customer-provided-root-key" });
  assert.equal(root.state, "pre-activation");
  await refused(encryption.create({ type: "customer-provided-root-key" }), 409, "Encryption key has already been created.");
  await refused(encryption.import(root.kid, { wrapped_key: "AAAA" }), 409, /^Failed precondition\./);
  const { public_key: wrapping, algorithm } = await encryption.createPublicWrappingKey(root.kid);
  assert.equal(algorithm, "CKM_RSA_AES_KEY_WRAP");
  await refused(encryption.import(root.kid, { wrapped_key: "AAAA" }), 400, /^Invalid input\./);
  const imported = await encryption.import(root.kid, { wrapped_key: wrapped(wrapping, randomBytes(32)) });
  assert.equal(imported.state, "active");
  assert.equal((await encryption.get(root.kid)).state, "active");
  assert.equal((await active("tenant-master-key")).parent_kid, root.kid);

  const master = await active("tenant-master-key");
  await encryption.rekey();
  assert.notEqual((await active("tenant-master-key")).kid, master.kid);
  assert.equal((await encryption.get(master.kid)).state, "destroyed");
  await encryption.delete(root.kid);
  assert.equal((await rows()).find((key) => key.kid === root.kid).state, "destroyed");
  assert.equal((await active("tenant-master-key")).parent_kid, (await active("environment-root-key")).kid);
  const { client_secret } = await management.clients.get(secret.client_id);
  assert.equal(client_secret, secret.client_secret, "what was sealed is still read");
  await refused(encryption.get("nothing"), 400, "Invalid UUID format in uri.");
});

// The last: the SDK keeps its token, which was signed with the key that is revoked here.
test("signing keys rotate: old tokens verify until their key is revoked", async () => {
  const { signing } = management.keys;
  const before = await signing.list();
  const current = before.find((key) => key.current);
  const next = before.find((key) => key.next);
  assert.deepEqual(await signing.get(current.kid), current);
  const old = await token();
  assert.equal(decoded(old).header.kid, current.kid);

  const rotated = await signing.rotate();
  assert.match(rotated.cert, /^-----BEGIN CERTIFICATE-----/);
  const after = await signing.list();
  assert.equal(after.find((key) => key.current).kid, next.kid);
  assert.equal(after.find((key) => key.kid === current.kid).previous, true);
  const fresh = await token();
  assert.equal(decoded(fresh).header.kid, next.kid);
  for (const one of [old, fresh]) await jwtVerify(one, published(), { audience });

  const revoked = await signing.revoke(current.kid);
  assert.equal(revoked.kid, current.kid);
  await assert.rejects(jwtVerify(old, published(), { audience }), { code: "ERR_JWKS_NO_MATCHING_KEY" });
  await jwtVerify(fresh, published(), { audience });
});
