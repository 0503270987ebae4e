//! Passwords: how they are kept, and the pool on which they are hashed and checked.

mod common;
mod explain;
mod foreign;
pub mod imported;
mod rules;

use std::sync::Arc;

use kernel::{Context, Secret};

pub use common::is_common;
pub use foreign::ForeignHash;
pub use rules::{PERSONAL_FIELDS, PasswordError, PasswordRules, has_class, has_few_identical, has_sequence};

use crate::{
    Result,
    pool::{Asker, Pool},
};

/// The service's bcrypt cost.
const COST: u32 = 10;
/// The greatest cost of a hash from elsewhere that is checked: about two seconds of a core.
const HIGHEST_COST: u32 = 14;
/// Lowest cost that bcrypt knows.
const LOWEST_COST: u32 = 4;
/// A hash of no password, by which the password of nobody is verified: that takes as long as somebody's.
const OF_NOBODY: &str = "$2b$10$CuBVuJWJYYGGc6V0TaZXj.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC";
/// bcrypt reads no more of a password.
pub(crate) const LONGEST: usize = 72;
/// Hashes that may wait, per core: at 100 ms each the last one waits for about 13 seconds.
const WAITING_PER_CORE: usize = 128;

/// A stored password hash.
#[derive(Clone, PartialEq, Eq)]
pub enum PasswordHash {
    /// `$2a$`, `$2b$` or `$2y$`, cost, salt and hash in one text.
    Bcrypt(String),
}

impl PasswordHash {
    /// Reads a stored hash; `None` when its form is not known, or checking it would cost too much.
    pub fn parse(text: &str) -> Option<Self> {
        let is_version = ["$2a$", "$2b$", "$2y$"].iter().any(|version| text.starts_with(version));
        let is_bcrypt = is_version && text.len() == 60 && text.is_ascii() && text.as_bytes()[6] == b'$';
        let has_cost = is_bcrypt && text.as_bytes()[4..6].iter().all(u8::is_ascii_digit);
        let cost = if has_cost { text[4..6].parse().unwrap_or(u32::MAX) } else { u32::MAX };
        let is_affordable = (LOWEST_COST..=HIGHEST_COST).contains(&cost);
        is_affordable.then(|| Self::Bcrypt(text.to_owned()))
    }

    /// Whether the hash is one that the service makes itself: another one is replaced when its password is known.
    fn is_current(&self) -> bool {
        let Self::Bcrypt(text) = self;
        text.get(4..6).and_then(|cost| cost.parse().ok()) == Some(COST)
    }

    /// The form that [`PasswordHash::parse`] reads.
    pub fn to_text(&self) -> String {
        let Self::Bcrypt(text) = self;
        text.clone()
    }

    /// Hashes a password. Takes about 50 to 100 ms of a core; servers use [`Passwords`].
    pub fn of(context: &Context, password: &str) -> Self {
        let parts = bcrypt::hash_with_salt(password, COST, context.bytes()).expect("the cost is one that bcrypt knows");
        Self::Bcrypt(parts.format_for_version(bcrypt::Version::TwoB))
    }

    /// Whether this is the hash of `password`; as slow as hashing.
    pub fn matches(&self, password: &str) -> bool {
        let Self::Bcrypt(text) = self;
        password.len() <= LONGEST && !password.contains('\0') && bcrypt::verify(password, text).unwrap_or(false)
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// What is known of somebody's password.
#[derive(Clone, Debug)]
pub enum Known {
    /// Nothing: there is no such user, or the user has no password.
    Nothing,
    /// A hash of our own.
    Own(PasswordHash),
    /// A hash of another system.
    Foreign(Box<ForeignHash>),
}

/// Whether a password is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is not.
    Wrong,
    /// It is; where its hash is not one of our own making, that is in the result.
    Right(Option<PasswordHash>),
}

/// Hashes and checks passwords on a pool of their own, as many at once as there are cores. Work whose request has
/// gone is skipped. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    inner: Arc<Inner>,
    asker: Asker,
}

#[derive(Debug)]
struct Inner {
    context: Context,
    pool: Pool,
}

impl Passwords {
    /// A pool for this server.
    pub fn new(context: Context) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, Into::into);
        let pool = Pool::of_cores("password", WAITING_PER_CORE * cores);
        Self { inner: Arc::new(Inner { context, pool }), asker: Asker::default() }
    }

    /// The same pool for work that a client at this address asks for: addresses take turns.
    pub fn asked_by(&self, address: &str) -> Self {
        Self { inner: Arc::clone(&self.inner), asker: Asker::named(address) }
    }

    /// Hashes a password that is known to be acceptable.
    pub async fn hash(&self, password: Secret) -> Result<PasswordHash> {
        let context = self.inner.context.clone();
        Ok(self.inner.pool.run_for(self.asker.clone(), move || PasswordHash::of(&context, password.reveal())).await?)
    }

    /// Whether `password` is the one that was hashed.
    pub async fn verify(&self, password: Secret, hash: PasswordHash) -> Result<bool> {
        Ok(self.inner.pool.run_for(self.asker.clone(), move || hash.matches(password.reveal())).await?)
    }

    /// Verifies a password by what is known of it. Nobody's password takes as long as somebody's, and a wrong one as long as the
    /// right one.
    pub async fn check(&self, password: Secret, known: Known) -> Result<Checked> {
        let context = self.inner.context.clone();
        let work = move || check(&context, password.reveal(), &known);
        Ok(self.inner.pool.run_for(self.asker.clone(), work).await?)
    }

    /// Hashes a password after judging it by the connection's rules.
    /// `profile` is the user as it will be stored, `history` the user's former hashes, latest first.
    pub async fn admit(
        &self,
        rules: PasswordRules,
        password: Secret,
        profile: kernel::Document,
        history: Vec<PasswordHash>,
    ) -> Result<PasswordHash> {
        // What costs nothing is judged here, so that a weak password does not wait for the pool.
        rules.check(password.reveal(), &profile, &[])?;
        let context = self.inner.context.clone();
        let work = move || {
            rules.check_history(password.reveal(), &history)?;
            Ok::<_, PasswordError>(PasswordHash::of(&context, rules.hashed_part(password.reveal())))
        };
        Ok(self.inner.pool.run_for(self.asker.clone(), work).await??)
    }
}

fn check(context: &Context, password: &str, known: &Known) -> Checked {
    match known {
        Known::Own(hash) if !hash.matches(password) => Checked::Wrong,
        Known::Own(hash) if hash.is_current() => Checked::Right(None),
        Known::Foreign(hash) if hash.matches(password) => Checked::Right(Some(PasswordHash::of(context, password))),
        Known::Own(_) => Checked::Right(Some(PasswordHash::of(context, password))),
        Known::Foreign(_) | Known::Nothing => {
            PasswordHash::Bcrypt(OF_NOBODY.to_owned()).matches(password);
            Checked::Wrong
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_password_is_computed_and_wrong() {
        assert_eq!(bcrypt::verify("password", OF_NOBODY).ok(), Some(false));
        assert_eq!(check(&Context::system(), "password", &Known::Nothing), Checked::Wrong);
    }

    #[test]
    fn a_password_of_another_system_is_hashed_anew() {
        let published = serde_json::json!({
            "algorithm": "md5",
            "hash": {"value": "5f4dcc3b5aa765d61d8327deb882cf99", "encoding": "hex"},
        });
        let known = Known::Foreign(Box::new(ForeignHash::parse(&published).unwrap()));
        let Checked::Right(Some(hash)) = check(&Context::system(), "password", &known) else { panic!("wrong") };
        assert!(hash.matches("password"));
        assert_eq!(check(&Context::system(), "passwords", &known), Checked::Wrong);
    }

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let passwords = Passwords::new(Context::system());
        let hash = passwords.hash(Secret::new("correct horse")).await.unwrap();
        assert!(hash.to_text().starts_with("$2b$10$"));
        let stored = PasswordHash::parse(&hash.to_text()).unwrap();
        assert!(passwords.verify(Secret::new("correct horse"), stored.clone()).await.unwrap());
        assert!(!passwords.verify(Secret::new("correct horsf"), stored).await.unwrap());
    }

    #[test]
    fn hashes_of_unknown_form_are_not_read() {
        for text in ["", "plain", "$2b$10$short", "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA"] {
            assert!(PasswordHash::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_hash_does_not_bring_its_own_cost() {
        let with_cost = |cost: &str| format!("$2b${cost}${}", "a".repeat(53));
        for cost in ["04", "10", "14"] {
            assert!(PasswordHash::parse(&with_cost(cost)).is_some(), "{cost}");
        }
        for cost in ["15", "31", "99", "03", "xx", "+9"] {
            assert!(PasswordHash::parse(&with_cost(cost)).is_none(), "{cost}");
        }
    }
}
