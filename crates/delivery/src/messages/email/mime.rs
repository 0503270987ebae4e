//! E-mails as they travel (RFC 5322): both parts, and headers that stay the same when one is sent again.

use std::time::{Duration, SystemTime};

use kernel::Timestamp;
use lettre::{
    Address, Message,
    address::Envelope,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};

use super::Letter;
use crate::messages::failure::Failure;

/// Who an e-mail is from, read once.
pub(super) fn sender(letter: &Letter) -> Result<Mailbox, Failure> {
    letter.from.parse().map_err(|_| Failure::never(format!("\"{}\" is no address of a sender.", letter.from)))
}

/// Whom it goes to.
pub(super) fn recipient(letter: &Letter) -> Result<Address, Failure> {
    letter.to.parse().map_err(|_| Failure::never(format!("\"{}\" is no address.", letter.to)))
}

/// The whole message. `id` tells a second sending of the same message from another message.
pub(super) fn message(
    letter: &Letter,
    id: &str,
    now: Timestamp,
    headers: &[(&str, String)],
) -> Result<(Envelope, Vec<u8>), Failure> {
    let (from, to) = (sender(letter)?, recipient(letter)?);
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(now.micros().max(0).unsigned_abs());
    let in_words = |error: &dyn std::fmt::Display| Failure::never(format!("The message cannot be written: {error}"));
    let id = format!("<{id}@{}>", from.email.domain());
    let mut message = Message::builder()
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(&letter.subject)
        .date(time)
        .message_id(Some(id))
        .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
        .map_err(|error| in_words(&error))?;
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        let name = HeaderName::new_from_ascii((*name).to_owned()).map_err(|error| in_words(&error))?;
        message.headers_mut().insert_raw(HeaderValue::new(name, value.replace(char::is_control, " ")));
    }
    let envelope = message.envelope().clone();
    Ok((envelope, message.formatted()))
}
