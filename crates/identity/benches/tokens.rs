//! What a token costs: signing it, reading it, checking its signature; and what a password costs.

use std::{hint::black_box, time::Duration};

use aught_identity::{
    Algorithm, PasswordHash,
    certificate::CertifiedKey,
    jwt::Jwt,
    keys::SigningKey,
    signature::{PublicKey, hmac_sha256},
};
use criterion::{Criterion, criterion_group, criterion_main};
use kernel::{Context, Document, object};
use serde_json::json;

fn claims() -> Document {
    object(json!({
        "iss": "https://tenant.example.com/",
        "sub": "AbCdEfGhIjKlMnOpQrStUvWxYz012345@clients",
        "aud": "https://tenant.example.com/api/v2/",
        "iat": 1_700_000_000,
        "exp": 1_700_086_400,
        "scope": "read:users update:users delete:users create:users read:clients read:roles create:roles",
        "gty": "client-credentials",
        "azp": "AbCdEfGhIjKlMnOpQrStUvWxYz012345",
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

fn passwords(c: &mut Criterion) {
    let context = Context::system();
    let mut group = c.benchmark_group("passwords");
    group.sample_size(10);
    group.bench_function("hash a password", |b| b.iter(|| PasswordHash::of(&context, black_box("correct horse"))));
    group.finish();
}

criterion_group!(benches, tokens, passwords);
criterion_main!(benches);
