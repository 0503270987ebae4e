//! Codes that are sent to an address or a number, by which whoever reads them shows to hold it. Sending and guessing are limited by the
//! address, however many logins ask for codes.

use std::time::Duration;

use kernel::{Document, Timestamp, Value, id, object};
use serde_json::json;
use store::{Permit, Rate, Tx};

use crate::{
    Actor, PhoneNumber, Result,
    messages::{self, Email, PhoneMessage},
    users::{Identifier, Realm},
};

/// How long a code lives that the connection says nothing about.
const LIFETIME: Duration = Duration::from_secs(900);
/// Digits of such a code.
const LENGTH: usize = 6;
/// For how long it is told of a code that its time is over.
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// Codes that are entered for one address, whichever is meant: ten at once, then one in six minutes. It does not matter whether anything
/// was sent there, so that strangers do not learn it.
const GUESSES: Rate = Rate { burst: 10, interval: Duration::from_secs(360) };
/// Member of what is kept of an address: what the newest code is stored under.
const MARK: &str = "mark";
/// Member of what is kept of an address: how often the newest code was entered wrong.
const WRONG: &str = "wrong";
/// Member of what is kept of an address: until when the newest code can be used.
const EXPIRES: &str = "expires";

/// What a code is for.
#[derive(Clone, Copy, Debug)]
pub struct Purpose {
    kind: &'static str,
    /// Of the mail that it is sent in.
    template: &'static str,
    /// How often one code may be entered wrong.
    tries: u64,
}

/// Somebody signs up with an address.
pub const SIGN_UP: Purpose = Purpose { kind: "signup_code", template: "verify_email_by_code", tries: 10 };
/// A user has forgotten the password.
pub const RESET: Purpose = Purpose { kind: "reset_code", template: "reset_email_by_code", tries: 10 };
/// A user of a database logs in.
pub const LOG_IN: Purpose = Purpose { kind: "login_code", template: "verify_email_by_code", tries: 3 };
/// Somebody logs in at a connection without passwords.
pub const PASSWORDLESS: Purpose = Purpose { kind: "passwordless_code", template: "passwordless", tries: 3 };

/// What a code looks like, and how long it can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its characters.
    pub length: usize,
    /// How long it lives.
    pub lifetime: Duration,
    /// Whether nobody types it in: it has letters, too.
    pub is_for_links: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self { length: LENGTH, lifetime: LIFETIME, is_for_links: false }
    }
}

/// What a code was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is right, and was used up.
    Right,
    /// It is wrong, or nobody was sent one.
    Wrong,
    /// Its time is over.
    Expired,
    /// There were too many wrong ones.
    TooOften,
}

impl Purpose {
    /// The template of the mail with a code.
    pub(crate) fn template(self) -> &'static str {
        self.template
    }

    /// Sends a new code to an address or a number; one that was sent before is of no use any more. `false` when that was done too often.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn send(
        self,
        tx: &mut Tx,
        actor: &Actor,
        realm: &Realm,
        (kind, address): (Identifier, &str),
        user: Option<&str>,
    ) -> Result<bool> {
        if !may_send(tx, actor, kind, address)? {
            return Ok(false);
        }
        let code = self.issue(tx, realm, address, Shape::default(), user, Document::new())?;
        if kind == Identifier::Phone {
            let Some(to) = PhoneNumber::read(address, None) else { return Ok(false) };
            PhoneMessage { code: Some(&code), user, ..PhoneMessage::new(actor, "otp_verify", &to) }.enqueue(tx)?;
            return Ok(true);
        }
        let mail = Email {
            template: self.template,
            user,
            to: address,
            client: actor.client_id.as_deref(),
            code,
            language: actor.language.as_deref(),
            domain: &actor.domain,
            asker: Some(actor),
            ..Email::default()
        };
        mail.enqueue(tx, None)?;
        Ok(true)
    }

    /// Makes a new code for an address, with what it stands for; one from before is of no use any more.
    ///
    /// # Errors
    /// What the store fails with.
    pub(crate) fn issue(
        self,
        tx: &mut Tx,
        realm: &Realm,
        address: &str,
        shape: Shape,
        user: Option<&str>,
        payload: Document,
    ) -> Result<String> {
        let alphabet = if shape.is_for_links { id::BASE64URL } else { b"0123456789" };
        let code = tx.context().text(alphabet, shape.length);
        // The code itself is kept as a hash alone; the mark makes the one before useless.
        let mark = self.mark(tx, realm, address, shape, user)?;
        let presented = presented(&self.place(realm, address), &mark, &code);
        let expires = tx.now() + shape.lifetime;
        tx.put_single_use(self.kind, &presented, payload, user, expires)?;
        Ok(code)
    }

    /// Does as if a code had been sent, of which nobody knows: strangers see no difference.
    ///
    /// # Errors
    /// What the store fails with.
    pub(crate) fn pretend(self, tx: &mut Tx, realm: &Realm, address: &str, shape: Shape) -> Result {
        self.mark(tx, realm, address, shape, None).map(drop)
    }

    fn mark(self, tx: &mut Tx, realm: &Realm, address: &str, shape: Shape, user: Option<&str>) -> Result<String> {
        let place = self.place(realm, address);
        let mark = tx.context().text(id::HEX, 16);
        let expires = tx.now() + shape.lifetime;
        tx.consume_single_use(self.kind, &place)?;
        let sent = object(json!({MARK: mark, EXPIRES: expires.micros()}));
        tx.put_single_use(self.kind, &place, sent, user, expires + REMEMBERED)?;
        Ok(mark)
    }

    /// Verifies a code, and uses it up when it is right. A wrong one is counted, so the transaction must be committed.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn check(self, tx: &mut Tx, realm: &Realm, address: &str, code: &str) -> Result<Checked> {
        Ok(self.redeem(tx, realm, address, code, |_| true)?.0)
    }

    /// As [`Purpose::check`], for a code that stands for something which must fit; otherwise it is as wrong as any other, and stays.
    ///
    /// # Errors
    /// What the store fails with.
    pub(crate) fn redeem(
        self,
        tx: &mut Tx,
        realm: &Realm,
        address: &str,
        code: &str,
        fits: impl Fn(&Document) -> bool,
    ) -> Result<(Checked, Document)> {
        let (checked, payload) = self.look_at(tx, realm, address, code, fits)?;
        if checked != Checked::Right {
            return Ok((checked, payload));
        }
        let place = self.place(realm, address);
        let sent = tx.consume_single_use(self.kind, &place)?;
        let mark = sent.as_ref().and_then(|sent| sent.payload.get(MARK)?.as_str()).unwrap_or_default();
        if tx.consume_single_use(self.kind, &presented(&place, mark, code))?.is_none() {
            return Ok((Checked::Wrong, Document::new()));
        }
        tx.forget_tally("code_guesses", &place)?;
        Ok((Checked::Right, payload))
    }

    /// What a code is, which is not used up. A wrong one is counted.
    ///
    /// # Errors
    /// What the store fails with.
    pub(crate) fn look_at(
        self,
        tx: &mut Tx,
        realm: &Realm,
        address: &str,
        code: &str,
        fits: impl Fn(&Document) -> bool,
    ) -> Result<(Checked, Document)> {
        let place = self.place(realm, address);
        let nothing = |checked| Ok((checked, Document::new()));
        // Guesses are granted before it is known whether they are right: a refusal tells nothing.
        let guess = tx.take_permit("code_guesses", &place, GUESSES)?;
        let Some(mut sent) = tx.peek_single_use(self.kind, &place)? else {
            return nothing(if matches!(guess, Permit::Refused { .. }) { Checked::TooOften } else { Checked::Wrong });
        };
        let wrong = sent.payload.get(WRONG).and_then(Value::as_u64).unwrap_or(0);
        if matches!(guess, Permit::Refused { .. }) || wrong >= self.tries {
            sent.payload.insert(WRONG.into(), self.tries.into());
            tx.update_single_use(self.kind, &place, sent.payload)?;
            return nothing(Checked::TooOften);
        }
        let expires = sent.payload.get(EXPIRES).and_then(Value::as_i64).map(Timestamp::from_micros);
        if expires.is_none_or(|expires| expires <= tx.now()) {
            return nothing(Checked::Expired);
        }
        let mark = sent.payload.get(MARK).and_then(Value::as_str).unwrap_or_default();
        let found = tx.peek_single_use(self.kind, &presented(&place, mark, code))?;
        if let Some(found) = found.filter(|found| fits(&found.payload)) {
            return Ok((Checked::Right, found.payload));
        }
        sent.payload.insert(WRONG.into(), (wrong + 1).into());
        tx.update_single_use(self.kind, &place, sent.payload)?;
        nothing(Checked::Wrong)
    }

    fn place(self, realm: &Realm, address: &str) -> String {
        format!("{} {} {}", self.kind, realm.id, kernel::digest(&address.to_lowercase()))
    }
}

/// Whether another code may be sent there.
///
/// # Errors
/// What the store fails with.
pub(crate) fn may_send(tx: &mut Tx, actor: &Actor, kind: Identifier, address: &str) -> Result<bool> {
    if kind != Identifier::Phone {
        return Ok(messages::may_reach(tx, actor, address)?);
    }
    let number = PhoneNumber::read(address, None);
    number.map_or(Ok(false), |number| messages::may_reach_phone(tx, actor, &number))
}

fn presented(place: &str, mark: &str, code: &str) -> String {
    format!("{place} {mark} {code}")
}
