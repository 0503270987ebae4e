"""Keys: those that sign tokens, those of the tenant's own, and those that encrypt what is stored."""

import base64

from auth0.authentication import GetToken
from auth0.authentication.token_verifier import AsymmetricSignatureVerifier
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from conftest import ONCE, refused, unique


def number(value):
    length = (value.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(value.to_bytes(length, "big")).rstrip(b"=").decode()


def wrapped(public_key):
    """A new AES key as the service takes it: under a passing key, which is under the service's own."""
    passing, material = bytes(range(32)), bytes(range(100, 132))
    receiver = serialization.load_pem_public_key(public_key.encode())
    for_receiver = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    sealed = receiver.encrypt(passing, for_receiver) + keywrap.aes_key_wrap_with_padding(passing, material)
    return base64.b64encode(sealed).decode()


def test_keys_that_sign_take_turns(tenant, management):
    signing = management.keys.signing
    (current,) = [key for key in signing.list() if key.current]
    assert signing.get(current.kid).cert.startswith("-----BEGIN CERTIFICATE-----")
    asking = GetToken(tenant.domain, tenant.client_id, client_secret=tenant.client_secret)
    old = asking.client_credentials(tenant.audience)["access_token"]

    rotated = signing.rotate()
    (now,) = [key for key in signing.list() if key.current]
    assert rotated.cert and now.kid != current.kid
    assert signing.get(current.kid).previous
    published = AsymmetricSignatureVerifier(f"https://{tenant.domain}/.well-known/jwks.json")
    new = asking.client_credentials(tenant.audience)["access_token"]
    for token in (old, new):
        assert published.verify_signature(token)["azp"] == tenant.client_id

    assert signing.revoke(current.kid).kid == current.kid
    with refused(401, "Invalid signature received for JSON Web Token validation"):
        signing.list()
    tenant.renew()
    assert tenant.management.keys.signing.get(current.kid).revoked
    with refused(404, "Signing key not found."):
        tenant.management.keys.signing.get(unique("key"))


def test_the_tenant_brings_its_own_keys(management):
    own = management.keys.custom_signing
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key().public_numbers()
    web_key = {"kty": "RSA", "n": number(key.n), "e": number(key.e), "alg": "RS256", "use": "sig", "kid": unique("key")}
    assert [item.kid for item in own.set(keys=[web_key]).keys] == [web_key["kid"]]
    assert [item.n for item in own.get().keys] == [web_key["n"]]
    with refused(400, "No enum match for: PAPER", "invalid_body"):
        own.set(keys=[{**web_key, "kty": "PAPER"}])
    own.delete()
    with refused(404, "No custom signing keys found for this tenant."):
        own.get()


def test_the_tenant_brings_its_own_root_of_encryption(management):
    encryption = management.keys.encryption
    before = {key.type: key for key in encryption.list(per_page=1) if key.state == "active"}
    assert {"environment-root-key", "tenant-master-key"} <= set(before)
    root = encryption.create(type="customer-provided-root-key")
    assert root.state == "pre-activation"
    with refused(409, "Key import not in progress"):
        encryption.import_(root.kid, wrapped_key="bm90IGEga2V5", request_options=ONCE)
    public = encryption.create_public_wrapping_key(root.kid)
    assert public.algorithm == "CKM_RSA_AES_KEY_WRAP"
    assert encryption.import_(root.kid, wrapped_key=wrapped(public.public_key)).state == "active"
    assert encryption.get(root.kid).state == "active"

    encryption.rekey()
    after = {key.type: key for key in encryption.list() if key.state == "active"}
    assert after["tenant-master-key"].kid != before["tenant-master-key"].kid
    encryption.delete(root.kid)
    assert encryption.get(root.kid).state == "destroyed"
    with refused(400, "Invalid UUID format in uri."):
        encryption.get(unique("key"))
