//! Signing keys, tokens, passwords and client credentials: what identifies tenants, users and clients. No HTTP.

pub mod assertion;
pub mod blacklist;
pub mod blocks;
pub mod certificate;
pub mod claims;
mod error;
pub mod events;
pub mod expiring;
pub mod hash;
pub mod jwe;
pub mod jwt;
pub mod keys;
pub mod password;
pub mod pool;
pub mod signature;
pub mod tickets;
pub mod triggers;
pub mod users;
pub mod verifier;

pub use error::{Error, Result};
pub use keys::{KeySet, Signing, SigningKeys};
pub use password::{PasswordError, PasswordHash, PasswordRules, Passwords};
pub use signature::Algorithm;
pub use verifier::{AccessToken, TokenError, Verifier};
