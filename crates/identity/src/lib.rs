//! What happens to users, credentials, tickets and keys, one operation each, on a neutral context ([`Actor`]) that every protocol
//! provides; with their events and tenant log entries. No HTTP.
//!
//! An operation that takes time or asks the tenant's code has two phases: `prepare` outside of a transaction, then `apply` within one,
//! which may run again and alone writes.

pub mod actor;
mod adoption;
pub mod assertion;
pub mod blacklist;
pub mod blocks;
pub mod certificate;
pub mod claims;
pub mod codes;
pub mod connections;
pub mod credentials;
pub mod databases;
pub mod deletion;
mod discard;
mod error;
pub mod events;
pub mod expiring;
pub mod hash;
pub mod jwe;
pub mod jwt;
pub mod keys;
pub mod links;
pub mod log;
pub mod login;
pub mod messages;
pub mod organizations;
pub mod password;
pub mod passwordless;
pub mod phone;
pub mod pool;
pub mod protection;
pub mod refresh_tokens;
mod refusals;
pub mod reset;
mod scripts;
pub mod sessions;
pub mod shared_keys;
pub mod signature;
pub mod tickets;
pub mod triggers;
pub mod users;
pub mod verifier;

pub use actor::{Actor, Channel, Services};
pub use adoption::adopt;
pub use discard::discard;
pub use error::{Error, Result};
pub use keys::{KeySet, Signing, SigningKeys};
pub use password::{Checked, ForeignHash, Known, PasswordError, PasswordHash, PasswordRules, Passwords};
pub use phone::{Masking, PhoneForm, PhoneNumber};
pub use signature::Algorithm;
pub use verifier::{AccessToken, TokenError, Verifier};
