//! Keys.

use kernel::id::Form;
use store::Kind;

/// A key that the tenant signs with.
pub static SIGNING_KEY: Kind = Kind::new("signing_key").id_given("kid");
/// The tenant's own keys that are published beside ours.
pub static CUSTOM_SIGNING_KEYS: Kind = Kind::single("custom_signing_keys");
/// A key of the hierarchy that encrypts the tenant's secrets.
pub static ENCRYPTION_KEY: Kind = Kind::new("encryption_key").id("kid", Form::Uuid).indexed(&["type", "state"]);

pub(crate) static KINDS: &[&Kind] = &[&SIGNING_KEY, &CUSTOM_SIGNING_KEYS, &ENCRYPTION_KEY];
