//! The configuration of a database's scripts. Its values are secrets: readers get them in a form that tells nothing, and may
//! send that back for what it stands for.

use aws_lc_rs::hmac;
use kernel::{Document, Record, Value, id::ALNUM};
use model::CONNECTION_CONFIGURATION;
use store::Tx;

/// Sealed beside them: what makes the forms that are shown.
const KEY: &str = "configuration_key";

/// Takes values that come as they were shown for what is stored.
pub(super) fn adopt(tx: &Tx, old: Option<&Record>, new: &mut Record) {
    let Some(sent) = members(&mut new.document) else { return };
    let Some(key) = old.and_then(|old| old.sealed.text(KEY)) else {
        return new.sealed.set(KEY, tx.context().text(ALNUM, 32));
    };
    let stored = old.and_then(|old| old.sealed.get(CONNECTION_CONFIGURATION)?.as_object());
    for (name, value) in sent {
        if let Some(known) = stored.and_then(|stored| stored.get(name))
            && *value == opaque(key, name, known)
        {
            *value = known.clone();
        }
    }
}

/// Shows the values in the form that tells nothing.
pub(super) fn hide(connection: &Record, shown: &mut Document) {
    let Some(values) = members(shown) else { return };
    let key = connection.sealed.text(KEY).unwrap_or_default();
    for (name, value) in values {
        *value = opaque(key, name, value).into();
    }
}

fn members(document: &mut Document) -> Option<&mut Document> {
    document.get_mut("options")?.get_mut("configuration")?.as_object_mut()
}

fn opaque(key: &str, name: &str, value: &Value) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let tag = hmac::sign(&key, format!("{name}\0{value}").as_bytes());
    let (one, other) = tag.as_ref().split_at(16);
    format!("2.0${}${}", identity::hash::hex(one), identity::hash::hex(other))
}
