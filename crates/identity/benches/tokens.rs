//! What a token costs: signing it, reading it, checking its signature; and what a password costs.

use std::{hint::black_box, time::Duration};

use aught_identity::{
    AccessToken, Algorithm, PasswordHash, Signing, SigningKeys, Verifier,
    certificate::CertifiedKey,
    jwt::Jwt,
    keys::{self, SigningKey},
    signature::{PublicKey, hmac_sha256},
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use kernel::{Context, Document, Record, Tenant, TenantId, object};
use serde_json::json;
use store::{Database, Options, RootKey, Store, StoreResult, Tx};
use tokio::runtime::Runtime;

const DOMAIN: &str = "tenant.example.com";
const AUDIENCE: &str = "https://tenant.example.com/api/v2/";
const CLIENT: &str = "AbCdEfGhIjKlMnOpQrStUvWxYz012345";

fn claims() -> Document {
    object(json!({
        "iss": "https://tenant.example.com/",
        "sub": format!("{CLIENT}@clients"),
        "aud": AUDIENCE,
        "iat": 1_700_000_000,
        "exp": Context::system().now().seconds() + 86_400,
        "scope": "read:users update:users delete:users create:users read:clients read:roles create:roles",
        "gty": "client-credentials",
        "azp": CLIENT,
    }))
}

fn tokens(c: &mut Criterion) {
    let key = CertifiedKey::generate(&Context::system(), "tenant.example.com", Duration::from_secs(86_400));
    let signing = SigningKey::from_pkcs8("kid", &key.private_key).expect("a fresh key is readable");
    let public = PublicKey::from_certificate(key.certificate.der()).expect("a fresh certificate is readable");
    let claims = claims();
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        c.bench_function(&format!("sign a token with {}", algorithm.name()), |b| {
            b.iter(|| signing.sign(algorithm, "JWT", black_box(&claims)));
        });
    }
    let token = signing.sign(Algorithm::Rs256, "JWT", &claims).expect("the key signs");
    c.bench_function("check a token's RS256 signature", |b| {
        b.iter(|| {
            let jwt = Jwt::parse(black_box(&token)).expect("a fresh token is readable");
            public.verify(Algorithm::Rs256, jwt.signed, &jwt.signature)
        });
    });
    c.bench_function("sign with a shared secret", |b| {
        b.iter(|| hmac_sha256(b"0123456789abcdef0123456789abcdef", black_box(token.as_bytes())));
    });
}

fn verification(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime can be started");
    let tenant = TenantId::new("tenant");
    let store = runtime.block_on(provisioned(&tenant)).expect("the store holds a few records");
    let keys = SigningKeys::new(store.clone());
    let signing = Signing::Key(Algorithm::Rs256);
    let token = runtime.block_on(keys.sign(&tenant, signing, "JWT", claims())).expect("the key signs");
    let at = Tenant::new(tenant, DOMAIN);
    let verifier = || {
        Verifier::new(
            store.clone(),
            keys.clone(),
            |tenant, _| tenant.management_audience().to_owned(),
            AccessToken::clone,
        )
    };
    let known = verifier();
    c.bench_function("verify a token seen before", |b| {
        b.iter(|| runtime.block_on(known.verify(&at, black_box(&token))).expect("the token is good"));
    });
    c.bench_function("verify a new token", |b| {
        let verify =
            |fresh: Verifier<AccessToken>| runtime.block_on(fresh.verify(&at, &token)).expect("the token is good");
        b.iter_batched(verifier, verify, BatchSize::SmallInput);
    });
}

async fn provisioned(tenant: &TenantId) -> StoreResult<Store> {
    let context = Context::system();
    let root_key = RootKey::generate(&context);
    let store = Store::open(Options { database: Database::Memory, root_key, context }).await?;
    store.create_tenant(tenant).await?;
    let provision = |tx: &mut Tx| {
        let key = format!("{CLIENT} {AUDIENCE} client");
        let grant = json!({"grant": key, "client_id": CLIENT, "audience": AUDIENCE, "allow_all_scopes": true});
        tx.insert(&model::CLIENT, Record::new(CLIENT, Document::new(), tx.now()))?;
        tx.insert(&model::CLIENT_GRANT, Record::new("cgr_1", object(grant), tx.now()))?;
        keys::create_first(tx, DOMAIN).map(drop)
    };
    store.write(tenant, provision).await?;
    Ok(store)
}

fn passwords(c: &mut Criterion) {
    let context = Context::system();
    let mut group = c.benchmark_group("passwords");
    group.sample_size(10);
    group.bench_function("hash a password", |b| b.iter(|| PasswordHash::of(&context, black_box("correct horse"))));
    group.finish();
}

criterion_group!(benches, tokens, verification, passwords);
criterion_main!(benches);
