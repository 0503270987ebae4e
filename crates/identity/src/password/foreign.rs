//! Password hashes of other systems, as imports bring them (`custom_password_hash`): read, bounded in cost, and verified
//! (reference: jobs and tickets §2.2).

use std::borrow::Cow;

use argon2::PasswordVerifier;
use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use kernel::Value;
use serde::Deserialize;
use sha2::digest::DynDigest;
use subtle::ConstantTimeEq;

use super::{PasswordHash, imported::is_affordable};

/// Base64 of both alphabets, padded or not.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// A hash of another system.
#[derive(Clone, Debug)]
pub struct ForeignHash {
    scheme: Scheme,
    salt: Vec<u8>,
    is_salt_last: bool,
    password: Encoding,
}

#[derive(Clone, Debug)]
enum Scheme {
    Digest { name: String, expected: Vec<u8> },
    Hmac { name: String, key: Vec<u8>, expected: Vec<u8> },
    Bcrypt(String),
    Argon2(String),
    Pbkdf2 { digest: Pbkdf2Digest, iterations: u32, length: usize, salt: Vec<u8>, expected: Vec<u8> },
    Ldap { name: String, salt: Vec<u8>, expected: Vec<u8> },
    Scrypt { parameters: scrypt::Params, expected: Vec<u8> },
}

#[derive(Clone, Copy, Debug)]
enum Pbkdf2Digest {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    Ascii,
    #[default]
    Utf8,
    Utf16le,
    Ucs2,
    Latin1,
    Binary,
    Base64,
    Hex,
}

/// The published form.
#[derive(Deserialize)]
struct Published {
    algorithm: String,
    hash: Part,
    salt: Option<Part>,
    #[serde(default)]
    password: Typed,
    keylen: Option<usize>,
    #[serde(default = "cost")]
    cost: u64,
    #[serde(rename = "blockSize", default = "block_size")]
    block_size: u32,
    #[serde(default = "parallelization")]
    parallelization: u32,
}

#[derive(Deserialize)]
struct Part {
    value: String,
    encoding: Option<Encoding>,
    position: Option<String>,
    digest: Option<String>,
    key: Option<Box<Part>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Typed {
    encoding: Encoding,
}

fn cost() -> u64 {
    16_384
}

fn block_size() -> u32 {
    8
}

fn parallelization() -> u32 {
    1
}

impl ForeignHash {
    /// Reads a published hash; `None` when its form is not known, or computing it would cost too much.
    pub fn parse(published: &Value) -> Option<Self> {
        published.as_object().filter(|published| is_affordable(published))?;
        let published = Published::deserialize(published).ok()?;
        let (salt, is_salt_last) = match &published.salt {
            Some(salt) => (decoded(salt)?, salt.position.as_deref() == Some("suffix")),
            None => (Vec::new(), false),
        };
        let password = published.password.encoding;
        Some(Self { scheme: Scheme::of(&published)?, salt, is_salt_last, password })
    }

    /// Whether this is the hash of a password. As slow as the hash is.
    pub fn matches(&self, password: &str) -> bool {
        let Some(password) = self.encoded(password) else { return false };
        match &self.scheme {
            Scheme::Digest { name, expected } => {
                hasher(name).is_some_and(|hasher| is_same(&digest(hasher, &self.salted(&password)), expected))
            }
            Scheme::Hmac { name, key, expected } => {
                hmac(name, key, &self.salted(&password)).is_some_and(|tag| is_same(&tag, expected))
            }
            Scheme::Bcrypt(text) => {
                let mut salted = self.salted(&password).into_owned();
                salted.truncate(super::LONGEST);
                !salted.contains(&0) && bcrypt::verify(&salted, text).unwrap_or(false)
            }
            Scheme::Argon2(text) => argon2::PasswordHash::new(text)
                .is_ok_and(|hash| argon2::Argon2::default().verify_password(&password, &hash).is_ok()),
            Scheme::Pbkdf2 { digest, iterations, length, salt, expected } => {
                let iterations = std::num::NonZeroU32::new(*iterations);
                iterations.filter(|_| expected.len() == *length).is_some_and(|iterations| {
                    aws_lc_rs::pbkdf2::verify(digest.algorithm(), iterations, salt, &password, expected).is_ok()
                })
            }
            Scheme::Ldap { name, salt, expected } => hasher(name).is_some_and(|hasher| {
                let salted = [&password, salt.as_slice()].concat();
                is_same(&digest(hasher, &salted), expected)
            }),
            Scheme::Scrypt { parameters, expected } => {
                let mut key = vec![0; expected.len()];
                let derived = scrypt::scrypt(&password, &self.salt, parameters, &mut key);
                derived.is_ok() && is_same(&key, expected)
            }
        }
    }

    fn salted<'p>(&self, password: &'p [u8]) -> Cow<'p, [u8]> {
        match (self.salt.is_empty(), self.is_salt_last) {
            (true, _) => Cow::Borrowed(password),
            (false, true) => Cow::Owned([password, &self.salt].concat()),
            (false, false) => Cow::Owned([&self.salt, password].concat()),
        }
    }

    /// The password as the other system saw it.
    fn encoded(&self, password: &str) -> Option<Vec<u8>> {
        Some(match self.password {
            Encoding::Utf16le | Encoding::Ucs2 => password.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Encoding::Latin1 | Encoding::Binary | Encoding::Ascii => {
                // The low byte of each UTF-16 unit, as the runtime that made such hashes does it.
                password.encode_utf16().map(|unit| unit.to_le_bytes()[0]).collect()
            }
            Encoding::Utf8 => password.as_bytes().to_vec(),
            Encoding::Base64 | Encoding::Hex => return None,
        })
    }
}

impl Scheme {
    fn of(published: &Published) -> Option<Self> {
        let text = published.hash.value.as_str();
        match published.algorithm.as_str() {
            name @ ("md4" | "md5" | "sha1" | "sha256" | "sha512") => {
                Some(Self::Digest { name: name.to_owned(), expected: of_length(name, decoded(&published.hash)?)? })
            }
            "hmac" => {
                let name = published.hash.digest.clone()?;
                let key = decoded(published.hash.key.as_deref()?)?;
                let expected = of_length(&name, decoded(&published.hash)?)?;
                Some(Self::Hmac { name, key, expected })
            }
            "bcrypt" => PasswordHash::parse(text).map(|hash| Self::Bcrypt(hash.to_text())),
            "argon2" => argon2(text),
            "pbkdf2" => pbkdf2(text),
            "ldap" => ldap(text),
            "scrypt" => scrypt_of(published),
            _ => None,
        }
    }
}

fn argon2(text: &str) -> Option<Scheme> {
    argon2::PasswordHash::new(text).ok().map(|_| Scheme::Argon2(text.to_owned()))
}

/// `$pbkdf2-<digest>$i=<iterations>,l=<length>$<salt>$<hash>`.
fn pbkdf2(text: &str) -> Option<Scheme> {
    let mut parts = text.strip_prefix("$pbkdf2-")?.split('$');
    let digest = match parts.next()? {
        "sha1" => Pbkdf2Digest::Sha1,
        "sha256" => Pbkdf2Digest::Sha256,
        "sha384" => Pbkdf2Digest::Sha384,
        "sha512" => Pbkdf2Digest::Sha512,
        _ => return None,
    };
    let rest: Vec<&str> = parts.collect();
    let (parameters, salt, hash) = match rest[..] {
        [parameters, salt, hash] => (parameters, salt, hash),
        [salt, hash] => ("", salt, hash),
        _ => return None,
    };
    let parameter = |name: char, default: u32| {
        let found = parameters.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.map_or(Some(default), |number| number.parse().ok())
    };
    let iterations = parameter('i', 100_000)?;
    let length = usize::try_from(parameter('l', 64)?).ok()?;
    let expected = base64(hash)?;
    let salt = base64(salt)?;
    Some(Scheme::Pbkdf2 { digest, iterations, length, salt, expected })
}

/// RFC 2307: `{SSHA512}` and the base64 of digest and salt.
fn ldap(text: &str) -> Option<Scheme> {
    let (scheme, value) = text.strip_prefix('{')?.split_once('}')?;
    let name = match scheme.to_ascii_uppercase().as_str() {
        "MD5" | "SMD5" => "md5",
        "SHA" | "SSHA" => "sha1",
        "SHA224" | "SSHA224" => "sha224",
        "SHA256" | "SSHA256" => "sha256",
        "SHA384" | "SSHA384" => "sha384",
        "SHA512" | "SSHA512" => "sha512",
        _ => return None,
    };
    let mut expected = base64(value)?;
    let length = hasher(name)?.output_size();
    if expected.len() < length {
        return None;
    }
    let salt = expected.split_off(length);
    Some(Scheme::Ldap { name: name.to_owned(), salt, expected })
}

fn scrypt_of(published: &Published) -> Option<Scheme> {
    let expected = decoded(&published.hash)?;
    let cost = published.cost;
    let is_whole =
        cost.is_power_of_two() && cost > 1 && Some(expected.len()) == published.keylen && !expected.is_empty();
    let log = u8::try_from(cost.trailing_zeros()).ok()?;
    let parameters = scrypt::Params::new(log, published.block_size, published.parallelization).ok()?;
    is_whole.then_some(Scheme::Scrypt { parameters, expected })
}

impl Pbkdf2Digest {
    fn algorithm(self) -> aws_lc_rs::pbkdf2::Algorithm {
        match self {
            Self::Sha1 => aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha384 => aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA384,
            Self::Sha512 => aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

/// The digest of this name.
fn hasher(name: &str) -> Option<Box<dyn DynDigest>> {
    Some(match name {
        "md4" => Box::<md4::Md4>::default(),
        "md5" => Box::<md5::Md5>::default(),
        "ripemd160" => Box::<ripemd::Ripemd160>::default(),
        "sha1" => Box::<sha1::Sha1>::default(),
        "sha224" => Box::<sha2::Sha224>::default(),
        "sha256" => Box::<sha2::Sha256>::default(),
        "sha384" => Box::<sha2::Sha384>::default(),
        "sha512" => Box::<sha2::Sha512>::default(),
        "whirlpool" => Box::<whirlpool::Whirlpool>::default(),
        _ => return None,
    })
}

fn digest(mut hasher: Box<dyn DynDigest>, bytes: &[u8]) -> Vec<u8> {
    hasher.update(bytes);
    hasher.finalize().into_vec()
}

/// RFC 2104, over a digest that is chosen by name.
fn hmac(name: &str, key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let block = if matches!(name, "sha384" | "sha512") { 128 } else { 64 };
    let mut key = if key.len() > block { digest(hasher(name)?, key) } else { key.to_vec() };
    key.resize(block, 0);
    let padded = |byte: u8| key.iter().map(|own| own ^ byte).collect::<Vec<u8>>();
    let inner = digest(hasher(name)?, &[&padded(0x36), message].concat());
    Some(digest(hasher(name)?, &[padded(0x5c), inner].concat()))
}

fn of_length(name: &str, expected: Vec<u8>) -> Option<Vec<u8>> {
    (expected.len() == hasher(name)?.output_size()).then_some(expected)
}

fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

fn decoded(part: &Part) -> Option<Vec<u8>> {
    match part.encoding.unwrap_or_default() {
        Encoding::Base64 => base64(&part.value),
        Encoding::Hex => hex(&part.value),
        Encoding::Utf8 => Some(part.value.as_bytes().to_vec()),
        _ => None,
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).ok()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "tests give their values away")]
    fn matches(published: Value, password: &str) -> bool {
        ForeignHash::parse(&published).is_some_and(|hash| hash.matches(password) && !hash.matches("another"))
    }

    #[test]
    fn passwords_of_other_systems_are_verified() {
        // Of "password"; the values are those of openssl and of the algorithms' own test vectors.
        let cases = [
            json!({"algorithm": "md5", "hash": {"value": "5f4dcc3b5aa765d61d8327deb882cf99", "encoding": "hex"}}),
            json!({"algorithm": "md4", "hash": {"value": "8a9d093f14f8701df17732b2bb182c74", "encoding": "hex"}}),
            json!({"algorithm": "md4", "password": {"encoding": "utf16le"}, "hash": {"value": "8846F7EAEE8FB117AD06BDD830B7586C", "encoding": "hex"}}),
            json!({"algorithm": "sha1", "hash": {"value": "W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "encoding": "base64"}}),
            json!({"algorithm": "ldap", "hash": {"value": "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="}}),
            json!({"algorithm": "sha256", "salt": {"value": "salt"}, "hash": {"value": "13601bda4ea78e55a07b98866d2be6be0744e3866f13c00c811cab608a28f322", "encoding": "hex"}}),
            json!({"algorithm": "sha256", "salt": {"value": "salt", "position": "suffix"}, "hash": {"value": "7a37b85c8918eac19a9089c0fa5a2ab4dce3f90528dcdeec108b23ddf3607b99", "encoding": "hex"}}),
            json!({"algorithm": "pbkdf2", "hash": {"value": "$pbkdf2-sha256$i=4096,l=32$c2FsdA$xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE0o"}}),
        ];
        for case in cases {
            assert!(matches(case.clone(), "password"), "{case}");
        }
    }

    #[test]
    fn keyed_and_slow_hashes_are_verified() {
        // RFC 4231 case 2, RFC 7914 §12.
        let hmac = json!({"algorithm": "hmac", "hash": {
            "value": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "encoding": "hex", "digest": "sha256", "key": {"value": "Jefe"},
        }});
        assert!(matches(hmac, "what do ya want for nothing?"));
        let scrypt = json!({"algorithm": "scrypt", "keylen": 64, "cost": 1024, "blockSize": 8, "parallelization": 16,
            "salt": {"value": "NaCl"}, "hash": {"encoding": "hex", "value":
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"}});
        assert!(matches(scrypt, "password"));
    }

    #[test]
    fn hashes_that_cost_too_much_are_not_read() {
        let bcrypt = "$2b$31$9Ck4U1WJtGZ6AZc3vB5YTOmUPrfqFnLDXIBu8m1Yo3tbxLLHpLM1C";
        let cases = [
            json!({"algorithm": "bcrypt", "hash": {"value": bcrypt}}),
            json!({"algorithm": "pbkdf2", "hash": {"value": "$pbkdf2-sha256$i=90000000,l=32$c2FsdA$xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE0o"}}),
            json!({"algorithm": "argon2", "hash": {"value": "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"}}),
            json!({"algorithm": "scrypt", "keylen": 4, "cost": 1_073_741_824, "hash": {"value": "00000000", "encoding": "hex"}}),
            json!({"algorithm": "sha256", "hash": {"value": "00", "encoding": "hex"}}),
            json!({"algorithm": "rot13", "hash": {"value": "cnffjbeq"}}),
        ];
        for case in cases {
            assert!(ForeignHash::parse(&case).is_none(), "{case}");
        }
    }
}
