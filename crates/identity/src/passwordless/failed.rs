//! Logins without passwords that are refused: what the log tells of them, and what they count for.

use kernel::Record;
use store::Tx;

use super::{Method, Refusal};
use crate::{
    Actor, Result,
    protection::{self, Subject},
    users::Identifier,
};

/// Logs a code that was refused, and counts it.
pub(super) fn note(
    tx: &mut Tx,
    actor: &Actor,
    method: &Method,
    subject: &Subject,
    user: Option<&Record>,
    refusal: Refusal,
) -> Result {
    let description = match (refusal, method.kind) {
        (Refusal::Expired, _) => "The verification code has expired. Please try to login again.",
        (Refusal::TooOften, _) => "You've reached the maximum number of attempts. Please try to login again.",
        (_, Identifier::Phone) => "Wrong phone number or verification code.",
        _ => "Wrong email or verification code.",
    };
    let kind = if user.is_some() { "fp" } else { "fu" };
    protection::note_refused(tx, actor, kind, description, &method.realm, subject, user)?;
    // A code that has expired was not guessed.
    if refusal != Refusal::Expired {
        protection::login_failed(tx, actor, &method.realm, subject, user)?;
    }
    Ok(())
}
