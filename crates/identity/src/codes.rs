//! Codes that are sent to an address, by which whoever reads them shows to hold it. Sending and guessing are limited by the address,
//! however many logins ask for codes.

use std::time::Duration;

use kernel::{Document, Value, id, object};
use serde_json::json;
use store::{Permit, Rate, Tx};

use crate::{Actor, Result, messages::Email, users::Realm};

/// How long a code lives.
const LIFETIME: Duration = Duration::from_secs(900);
/// Digits of a code.
const LENGTH: usize = 6;
/// Codes that are entered for one address, whichever is meant: ten at once, then one in six minutes. It does not matter whether anything
/// was sent there, so that strangers do not learn it.
const GUESSES: Rate = Rate { burst: 10, interval: Duration::from_secs(360) };
/// Codes that one address is sent: ten at once, then one in five minutes.
const BY_RECIPIENT: Rate = Rate { burst: 10, interval: Duration::from_secs(300) };
/// Codes that are asked for from one address: fifty at once, then one in ten seconds.
const BY_SENDER: Rate = Rate { burst: 50, interval: Duration::from_secs(10) };

/// What a code is for.
#[derive(Clone, Copy, Debug)]
pub struct Purpose {
    kind: &'static str,
    template: &'static str,
}

/// Somebody signs up with an address.
pub const SIGN_UP: Purpose = Purpose { kind: "signup_code", template: "verify_email_by_code" };
/// A user has forgotten the password.
pub const RESET: Purpose = Purpose { kind: "reset_code", template: "reset_email_by_code" };

/// What a code was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is right, and was used up.
    Right,
    /// It is wrong, expired, or nobody was sent one.
    Wrong,
    /// There were too many wrong ones.
    TooOften,
}

impl Purpose {
    /// Sends a new code to an address; one that was sent before is of no use any more. `false` when that was done too often.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn send(self, tx: &mut Tx, actor: &Actor, realm: &Realm, email: &str, user: Option<&str>) -> Result<bool> {
        if matches!(tx.take_permit("codes_by_sender", &actor.ip, BY_SENDER)?, Permit::Refused { .. }) {
            return Ok(false);
        }
        let place = self.place(realm, email);
        if matches!(tx.take_permit("codes_by_recipient", &place, BY_RECIPIENT)?, Permit::Refused { .. }) {
            return Ok(false);
        }
        let code = tx.context().text(b"0123456789", LENGTH);
        // The code itself is kept as a hash alone; the mark makes the one before useless.
        let mark = tx.context().text(id::HEX, 16);
        tx.consume_single_use(self.kind, &place)?;
        let expires = tx.now() + LIFETIME;
        tx.put_single_use(self.kind, &place, object(json!({"mark": mark})), user, expires)?;
        tx.put_single_use(self.kind, &presented(&place, &mark, &code), Document::new(), user, expires)?;
        let mail = Email {
            template: self.template,
            user,
            to: email,
            client: actor.client_id.as_deref(),
            code,
            language: actor.language.as_deref(),
            domain: &actor.domain,
            ..Email::default()
        };
        mail.enqueue(tx, None)?;
        Ok(true)
    }

    /// Verifies a code, and uses it up when it is right. A wrong one is counted, so the transaction must be committed.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn check(self, tx: &mut Tx, realm: &Realm, email: &str, code: &str) -> Result<Checked> {
        let place = self.place(realm, email);
        // Guesses are granted before it is known whether they are right: a refusal tells nothing.
        let guess = tx.take_permit("code_guesses", &place, GUESSES)?;
        if matches!(guess, Permit::Refused { .. }) {
            tx.consume_single_use(self.kind, &place)?;
            return Ok(Checked::TooOften);
        }
        let sent = tx.peek_single_use(self.kind, &place)?;
        let mark = sent.as_ref().and_then(|sent| sent.payload.get("mark")).and_then(Value::as_str).unwrap_or_default();
        if tx.consume_single_use(self.kind, &presented(&place, mark, code))?.is_some() {
            tx.consume_single_use(self.kind, &place)?;
            tx.forget_tally("code_guesses", &place)?;
            return Ok(Checked::Right);
        }
        Ok(Checked::Wrong)
    }

    fn place(self, realm: &Realm, email: &str) -> String {
        format!("{} {} {}", self.kind, realm.id, kernel::digest(&email.to_lowercase()))
    }
}

fn presented(place: &str, mark: &str, code: &str) -> String {
    format!("{place} {mark} {code}")
}
