//! Hashes of other systems say themselves how much checking them costs. What costs more than this server gives is refused:
//! when it is imported, and again before it is checked.

use kernel::{Document, Value};

use super::PasswordHash;

/// Most rounds of PBKDF2.
const PBKDF2_ROUNDS: u64 = 2_000_000;
/// Most bytes that PBKDF2 derives.
const PBKDF2_LENGTH: u64 = 512;
/// Most memory that Argon2 and scrypt fill, in KiB.
const MEMORY: u64 = 256 * 1024;
/// Most memory, in KiB, times passes over it.
const MEMORY_TIMES_PASSES: u64 = 1024 * 1024;
/// Most lanes of Argon2 and scrypt.
const LANES: u64 = 64;
/// Longest texts of a hash, a salt or a key, in bytes.
const LONGEST: usize = 4096;

/// Whether checking a password against this `custom_password_hash` is affordable. What cannot be read is not.
pub fn is_affordable(hash: &Document) -> bool {
    let text = |path: &[&str]| at(hash, path).and_then(Value::as_str);
    let is_short = [&["hash", "value"][..], &["hash", "key", "value"], &["salt", "value"]]
        .iter()
        .all(|path| text(path).is_none_or(|text| text.len() <= LONGEST));
    let value = text(&["hash", "value"]).unwrap_or_default();
    let algorithm = hash.get("algorithm").and_then(Value::as_str).unwrap_or_default();
    is_short
        && match algorithm {
            "bcrypt" => PasswordHash::parse(value).is_some(),
            "argon2" => is_affordable_argon2(value),
            "pbkdf2" => is_affordable_pbkdf2(value),
            "scrypt" => is_affordable_scrypt(hash),
            _ => true,
        }
}

fn at<'v>(hash: &'v Document, path: &[&str]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(hash.get(*first)?, |value, step| value.get(step))
}

/// `$argon2id$v=19$m=65536,t=2,p=1$salt$hash`.
fn is_affordable_argon2(phc: &str) -> bool {
    let parameters = parameters(phc, 3);
    let (Some(memory), Some(passes), Some(lanes)) =
        (number(&parameters, "m"), number(&parameters, "t"), number(&parameters, "p"))
    else {
        return false;
    };
    memory <= MEMORY && memory.saturating_mul(passes) <= MEMORY_TIMES_PASSES && (1..=LANES).contains(&lanes)
}

/// `$pbkdf2-sha256$i=100000,l=64$salt$hash`; without a number it is 100,000 and 64.
fn is_affordable_pbkdf2(phc: &str) -> bool {
    let parameters = parameters(phc, 2);
    let within = |name: &str, most: u64| match parameters.iter().find(|(known, _)| *known == name) {
        Some((_, value)) => value.parse().is_ok_and(|value: u64| (1..=most).contains(&value)),
        None => true,
    };
    // Each block of 20 bytes or more costs all the rounds.
    let product = number(&parameters, "i").unwrap_or(100_000).saturating_mul(number(&parameters, "l").unwrap_or(64));
    within("i", PBKDF2_ROUNDS) && within("l", PBKDF2_LENGTH) && product <= PBKDF2_ROUNDS * 64
}

/// `cost`, `blockSize` and `parallelization` beside the hash; 16384, 8 and 1 where they are missing.
fn is_affordable_scrypt(hash: &Document) -> bool {
    let given = |name: &str, otherwise: u64| match hash.get(name) {
        None | Some(Value::Null) => Some(otherwise),
        Some(value) => value.as_u64().filter(|value| *value > 0),
    };
    let (Some(cost), Some(block), Some(lanes), Some(length)) =
        (given("cost", 16_384), given("blockSize", 8), given("parallelization", 1), given("keylen", 64))
    else {
        return false;
    };
    let memory = cost.saturating_mul(block).saturating_mul(128) / 1024;
    cost.is_power_of_two()
        && memory <= MEMORY
        && lanes <= LANES
        && memory.saturating_mul(lanes) <= MEMORY_TIMES_PASSES
        && length <= PBKDF2_LENGTH
}

/// The parameters in a part of a hash in the PHC's form.
fn parameters(phc: &str, part: usize) -> Vec<(&str, &str)> {
    let part = phc.split('$').nth(part).unwrap_or_default();
    part.split(',').filter_map(|pair| pair.split_once('=')).collect()
}

fn number(parameters: &[(&str, &str)], name: &str) -> Option<u64> {
    parameters.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;

    fn of(algorithm: &str, value: &str) -> bool {
        is_affordable(&object(json!({"algorithm": algorithm, "hash": {"value": value}})))
    }

    #[test]
    fn usual_costs_are_affordable_and_extreme_ones_are_not() {
        assert!(of("argon2", "$argon2id$v=19$m=65536,t=2,p=1$c2FsdA$aGFzaA"));
        assert!(!of("argon2", "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdA$aGFzaA"));
        assert!(!of("argon2", "$argon2id$v=19$m=65536,t=4294967295,p=1$c2FsdA$aGFzaA"));
        assert!(!of("argon2", "nonsense"));
        assert!(of("pbkdf2", "$pbkdf2-sha512$i=600000,l=64$c2FsdA$aGFzaA"));
        assert!(of("pbkdf2", "$pbkdf2-sha512$c2FsdA$aGFzaA"));
        assert!(!of("pbkdf2", "$pbkdf2-sha512$i=4294967295,l=64$c2FsdA$aGFzaA"));
        assert!(!of("pbkdf2", "$pbkdf2-sha512$i=1000,l=1000000000$c2FsdA$aGFzaA"));
        assert!(!of("bcrypt", &format!("$2b$31${}", "a".repeat(53))));
        assert!(of("md5", "c2FsdA") && !of("md5", &"a".repeat(5000)));
        let scrypt = |members: Value| {
            let mut hash = object(json!({"algorithm": "scrypt", "hash": {"value": "aa"}, "keylen": 32}));
            kernel::merge_first_level(&mut hash, object(members));
            is_affordable(&hash)
        };
        assert!(scrypt(json!({})) && scrypt(json!({"cost": 131_072})));
        for members in [
            json!({"cost": 1 << 24}),
            json!({"blockSize": 1 << 20}),
            json!({"parallelization": 1 << 20}),
            json!({"cost": 3}),
        ] {
            assert!(!scrypt(members.clone()), "{members}");
        }
    }
}
