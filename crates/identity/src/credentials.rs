//! Which parameters of requests are credentials: the one place that decides what code of tenants is never told, and what of it that
//! must be told never reaches an execution, a log or a trace.

use std::collections::BTreeSet;

use kernel::{Document, Value};

/// What takes a credential's place.
const MASK: &str = "*****";

/// Names of parameters, and of members of events, that hold a credential: something by which its holder is believed.
const NAMES: &[&str] = &[
    // How clients prove who they are (RFC 6749 §2.3, RFC 7521 §4.2).
    "client_secret",
    "client_assertion",
    // What grants are asked with.
    "password",
    "assertion",
    "code",
    "code_verifier",
    "refresh_token",
    "device_code",
    "auth_req_id",
    "subject_token",
    "actor_token",
    "token",
    "access_token",
    "id_token",
    "id_token_hint",
    "session_transfer_token",
    // Further factors and messages.
    "otp",
    "oob_code",
    "binding_code",
    "recovery_code",
    "mfa_token",
    "verification_code",
    "auth_session",
    "authn_response",
    "login_ticket",
    "ticket",
    // Changes of passwords.
    "new_password",
    "newPassword",
    "old_password",
    "confirm_new_password",
    // A signed request may carry all of the above (RFC 9101).
    "request",
];

/// Whether a parameter of this name holds a credential.
pub fn is_credential(name: &str) -> bool {
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The parameters of a request as code may see them.
pub fn without(parameters: &Document) -> Document {
    let told = parameters.iter().filter(|(name, _)| !is_credential(name));
    told.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A value with every credential in it masked, at any depth.
pub fn masked(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::Object(members) => {
            let shown = members.iter().map(|(name, value)| {
                let is_hidden = is_credential(name) && (value.is_string() || value.is_number());
                (name.clone(), if is_hidden { MASK.into() } else { masked(value) })
            });
            Value::Object(shown.collect())
        }
        other => other.clone(),
    }
}

/// The credentials that code was told because it cannot do its work without them.
#[derive(Default)]
pub struct Told(BTreeSet<String>);

impl Told {
    /// All credentials in what code is called with, at any depth.
    pub fn of(event: &Value) -> Self {
        let mut told = Self::default();
        told.look(event);
        told
    }

    /// These texts, wherever they stand.
    pub fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut told = Self::default();
        texts.into_iter().for_each(|text| told.add(text));
        told
    }

    fn add(&mut self, text: &str) {
        // Also as JSON shows it.
        let quoted = Value::from(text).to_string();
        self.0.insert(quoted[1..quoted.len() - 1].to_owned());
        self.0.insert(text.to_owned());
    }

    fn look(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.look(item)),
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        // A short one that is no password stands in a text by chance.
                        Value::String(text) if is_credential(name) && (text.len() > 3 || name == "password") => {
                            self.add(text);
                        }
                        _ => self.look(value),
                    }
                }
            }
            _ => {}
        }
    }

    /// Takes them out of a text that is kept.
    pub fn mask(&self, text: &mut String) {
        // The longer ones first: one may be part of another.
        let is_there = |known: &&String| !known.is_empty() && text.contains(known.as_str());
        let mut known: Vec<&String> = self.0.iter().filter(is_there).collect();
        known.sort_by_key(|known| std::cmp::Reverse(known.len()));
        for known in known {
            *text = text.replace(known.as_str(), MASK);
        }
    }
}

/// Names how many there are, not what they are.
impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Told({} credentials)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;

    #[test]
    fn code_is_told_of_a_request_without_its_credentials() {
        let request = object(json!({
            "grant_type": "client_credentials",
            "client_id": "c",
            "client_secret": "s",
            "client_assertion": "a",
            "client_assertion_type": "urn:t",
            "Password": "p",
            "scope": "read:a",
        }));
        let told = object(json!({
            "grant_type": "client_credentials", "client_id": "c", "client_assertion_type": "urn:t", "scope": "read:a",
        }));
        assert_eq!(without(&request), told);
    }

    #[test]
    fn a_value_is_masked_at_any_depth() {
        let value = json!([{"password": "p", "a": {"subject_token": "t", "code": 7, "codes": ["x"]}}]);
        let shown = json!([{"password": "*****", "a": {"subject_token": "*****", "code": "*****", "codes": ["x"]}}]);
        assert_eq!(masked(&value), shown);
    }

    #[test]
    fn what_had_to_be_told_is_masked_in_what_is_kept() {
        let told = Told::of(
            &json!([{"email": "a@b.example", "password": "p\"w"}, {"transaction": {"subject_token": "token"}}]),
        );
        let mut text = "got p\"w and token: {\"password\":\"p\\\"w\"}".to_owned();
        told.mask(&mut text);
        assert_eq!(text, "got ***** and *****: {\"password\":\"*****\"}");
        assert_eq!(format!("{told:?}"), "Told(3 credentials)");
    }
}
