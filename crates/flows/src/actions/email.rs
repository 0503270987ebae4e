//! `EMAIL`: whether an address may be used, by rules of the flow.

use identity::users::is_email;
use kernel::Value;
use serde_json::json;

use crate::{Failure, doing::Doing, params::Params};

/// Domains at which everybody gets an address for nothing.
const FREE: &str = include_str!("free_domains.txt");
/// Domains whose addresses are thrown away.
const DISPOSABLE: &str = include_str!("disposable_domains.txt");

impl Doing<'_> {
    pub(super) async fn verify_email(&self, params: Params<'_>) -> Result<Value, Failure> {
        let email = params.required("email")?.trim().to_lowercase();
        let none = kernel::Document::new();
        let rules = Params(params.value("rules").and_then(Value::as_object).unwrap_or(&none));
        let cause = match judge(&email, rules) {
            Some(cause) => Some(cause),
            None if rules.value("require_mx_record") == Some(&true.into()) => {
                let domain = domain_of(&email).unwrap_or_default();
                let takes_mail = self.services.dns.takes_mail(domain).await;
                let takes_mail = takes_mail.map_err(|reason| Failure::new("DNS_FAILED", reason))?;
                (!takes_mail).then_some("MISSING_MX_RECORD")
            }
            None => None,
        };
        Ok(json!({"valid": cause.is_none(), "cause": cause}))
    }
}

/// The first rule that an address breaks, of those that need nobody's answer.
fn judge(email: &str, rules: Params<'_>) -> Option<&'static str> {
    let is_on = |name: &str| rules.value(name) == Some(&true.into());
    let Some(domain) = domain_of(email) else { return Some("INVALID_EMAIL") };
    let among = |list: &str| list.lines().any(|known| known == domain);
    let listed = |name: &str| -> Option<bool> {
        let list = rules.value(name)?.as_array().filter(|list| !list.is_empty())?;
        Some(list.iter().filter_map(Value::as_str).any(|rule| fits(&rule.trim().to_lowercase(), email, domain)))
    };
    let is_alias = email.split('@').next().is_some_and(|name| name.contains('+'));
    if is_on("block_aliases") && is_alias {
        return Some("ALIAS");
    }
    if is_on("block_free_emails") && among(FREE) {
        return Some("FREE_EMAIL");
    }
    if is_on("block_disposable_emails") && among(DISPOSABLE) {
        return Some("DISPOSABLE_EMAIL");
    }
    if listed("blocklist") == Some(true) {
        return Some("BLOCKLISTED");
    }
    (listed("allowlist") == Some(false)).then_some("NOT_ALLOWED")
}

/// Whether a rule means an address: itself, its domain, or `*.` and a domain above.
fn fits(rule: &str, email: &str, domain: &str) -> bool {
    let of_domain = rule.strip_prefix('@').unwrap_or(rule);
    let is_below = || {
        let above = rule.strip_prefix("*.").or_else(|| rule.strip_prefix("*@"));
        above.is_some_and(|above| domain == above || domain.ends_with(&format!(".{above}")))
    };
    rule == email || of_domain == domain || is_below()
}

fn domain_of(email: &str) -> Option<&str> {
    let is_sound = email.len() <= 254 && is_email(email);
    email.rsplit_once('@').map(|(_, domain)| domain).filter(|_| is_sound)
}

#[cfg(test)]
mod tests {
    use kernel::object;

    use super::*;

    #[test]
    fn the_first_rule_that_is_broken_is_the_cause() {
        let judged = |email: &str, rules: Value| judge(email, Params(&object(rules)));
        let strict = json!({"block_aliases": true, "block_free_emails": true, "block_disposable_emails": true});
        assert_eq!(judged("ann+x@gmail.com", strict.clone()), Some("ALIAS"));
        assert_eq!(judged("ann@gmail.com", strict.clone()), Some("FREE_EMAIL"));
        assert_eq!(judged("ann@mailinator.com", strict.clone()), Some("DISPOSABLE_EMAIL"));
        assert_eq!(judged("ann@example.com", strict), None);
        assert_eq!(judged("ann@example.com", json!({"blocklist": ["example.com"]})), Some("BLOCKLISTED"));
        assert_eq!(judged("ann@eu.example.com", json!({"allowlist": ["*.example.com"]})), None);
        assert_eq!(
            judged("ann@example.org", json!({"allowlist": ["bob@example.org", "@example.com"]})),
            Some("NOT_ALLOWED")
        );
        for email in ["", "ann", "ann@", "@example.com", "ann@example", "a b@example.com", "ann@ex_ample.com"] {
            assert_eq!(judged(email, json!({})), Some("INVALID_EMAIL"), "{email}");
        }
    }
}
