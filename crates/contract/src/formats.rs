//! The contract's formats: what each name asks of a string.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::Url;

/// A named check of strings.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    /// The contract's word, for messages.
    pub(crate) name: &'static str,
    check: Check,
}

impl Format {
    /// Whether a text has this format.
    pub(crate) fn accepts(&self, text: &str) -> bool {
        (self.check)(text)
    }
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The format of a name; `None` for one that is not known, which a test excludes for the contract.
pub(crate) fn named(name: &str) -> Option<Format> {
    FORMATS.iter().find(|(known, _)| *known == name).map(|&(name, check)| Format { name, check })
}

type Check = fn(&str) -> bool;

const FORMATS: &[(&str, Check)] = &[
    // Identifiers. The alphabets and lengths are in docs of each resource; older identifiers differ in length.
    ("authenticator-id", |text| {
        text.split_once('|').is_none_or(|(kind, _)| !kind.is_empty()) && is_word(text, "|-_", 1, 300)
    }),
    ("client-grant-id", |text| is_id(text, &["cgr_"])),
    ("client-id", |text| is_word(text, "-_", 1, 64)),
    ("connection-id", |text| is_id(text, &["con_"])),
    ("connection-profile-id", |text| is_id(text, &["cop_"])),
    ("credential-id", |text| is_id(text, &["cred_"])),
    ("event-id", |text| is_id(text, &["evt_"])),
    ("event-stream-id", |text| is_id(text, &["est_"])),
    ("flow-execution-id", |text| is_word(text, "-_", 1, 64)),
    ("flow-id", |text| is_id(text, &["af_"])),
    ("flows-vault-connections-id", |text| is_id(text, &["ac_"])),
    ("form-id", |text| is_id(text, &["ap_"])),
    ("log-stream-id", |text| is_id(text, &["lst_"])),
    ("organization-discovery-domain-id", |text| is_id(text, &["ord_"])),
    ("organization-id", |text| is_id(text, &["org_"])),
    ("role-id", |text| is_id(text, &["rol_"])),
    ("session-id", |text| is_word(text, "-_", 1, 50)),
    ("ticket-id", |text| is_word(text, "-_", 1, 64)),
    ("token-exchange-profile-id", |text| is_id(text, &["tep_"])),
    ("user-attribute-profile-id", |text| is_id(text, &["uap_"])),
    ("user-id", is_user_id),
    ("user-id-with-max-length", |text| is_user_id(text) && text.len() <= 300),
    ("user-invitation-id", |text| is_id(text, &["uinv_"])),
    ("uuid", is_uuid),
    // Times.
    ("date", |text| text.parse::<jiff::civil::Date>().is_ok() || is_date_time(text)),
    ("date-time", is_date_time),
    // Addresses of mail and hosts.
    ("email", is_email),
    ("email-or-empty", |text| text.is_empty() || is_email(text)),
    ("hostname", is_hostname),
    ("hostname-rfc2181", |text| is_hostname_of(text, |c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')),
    ("ipv4", is_ipv4),
    ("ipv6", is_ipv6),
    ("cidr", |text| is_network(text, is_ipv4, 32)),
    ("ipv6_cidr", |text| is_network(text, is_ipv6, 128)),
    // Addresses of pages. "Strict" ones must already be written as a URI; the others are what a browser would take.
    ("uri", is_uri),
    ("strict-uri", is_uri),
    ("strict-https-uri", is_https),
    ("strict-https-uri-or-null", is_https),
    ("url", is_web_url),
    ("url-or-null", is_web_url),
    ("forms-url-https", |text| is_https(text) || is_expression(text)),
    ("absolute-uri-or-empty", |text| text.is_empty() || is_uri(text)),
    ("absolute-https-uri-or-empty", |text| text.is_empty() || is_https(text)),
    ("absolute-https-uri-with-placeholders-or-empty", |text| text.is_empty() || is_https(&without_placeholders(text))),
    ("url-with-placeholders", |text| is_url_or_origin(&without_placeholders(text))),
    ("callback-url", |text| is_url_or_origin(&without_placeholders(text))),
    ("ec-initiate-login-uri-template-url", |text| is_https(&without_placeholders(text))),
    // Names and small words.
    ("acr", |text| !text.is_empty() && !text.contains(char::is_whitespace)),
    ("connection-realm", |text| is_word(text, "-._", 1, 128)),
    ("forms-custom-identifier", |text| is_word(text, "-_$", 1, 255)),
    ("forms-expression", is_expression),
    ("forms-file-extension", |text| text.strip_prefix('.').is_some_and(|extension| is_word(extension, "", 1, 20))),
    ("forms-hex-color", is_hex_color),
    ("hexadecimal", |text| !text.is_empty() && text.bytes().all(|c| c.is_ascii_hexdigit())),
    ("html-color", is_html_color),
    ("html-color-or-null", is_html_color),
    ("non-empty-string", |text| !text.is_empty()),
    ("organization-name", is_organization_name),
];

/// ASCII letters, digits and the given others, between `least` and `most` of them.
fn is_word(text: &str, others: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

fn is_id(text: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().filter_map(|prefix| text.strip_prefix(prefix)).any(|tail| is_word(tail, "-_", 1, 64))
}

/// `<provider>|<id>`; the id may contain nearly everything.
fn is_user_id(text: &str) -> bool {
    text.split_once('|').is_some_and(|(provider, id)| !provider.is_empty() && !id.is_empty())
        && !text.contains(char::is_control)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == b'-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// RFC 3339 with a zone; the service also takes what ISO 8601 writes without seconds.
fn is_date_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_local_character = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c) || !c.is_ascii();
    (1..=64).contains(&local.len())
        && text.len() <= 254
        && local.chars().all(is_local_character)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.contains('.')
        && is_hostname_of(domain, |c| c.is_ascii_alphanumeric() || c == b'-' || !c.is_ascii())
}

fn is_hostname(text: &str) -> bool {
    is_hostname_of(text, |c| c.is_ascii_alphanumeric() || c == b'-')
}

fn is_hostname_of(text: &str, may_have: fn(u8) -> bool) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(may_have)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_ipv4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

fn is_ipv6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
}

fn is_network(text: &str, is_address: fn(&str) -> bool, longest_prefix: u8) -> bool {
    text.split_once('/').is_some_and(|(address, prefix)| {
        is_address(address)
            && prefix.bytes().all(|c| c.is_ascii_digit())
            && prefix.parse::<u8>().is_ok_and(|prefix| prefix <= longest_prefix)
    })
}

/// An absolute URI of any scheme (RFC 3986).
fn is_uri(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"\\^`".contains(c)) && Url::parse(text).is_ok()
}

fn is_https(text: &str) -> bool {
    has_scheme(text, "https") && is_uri(text)
}

fn is_web_url(text: &str) -> bool {
    (has_scheme(text, "https") || has_scheme(text, "http")) && is_uri(text)
}

fn has_scheme(text: &str, scheme: &str) -> bool {
    text.split_once("://").is_some_and(|(start, rest)| start.eq_ignore_ascii_case(scheme) && !rest.starts_with('/'))
}

/// A callback, logout page or origin: an absolute URI of any scheme (`com.example.app://callback`), without a fragment
/// being necessary; a bare host is taken too, as old settings contain them.
fn is_url_or_origin(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control) && !text.contains(' ')
}

/// The text with `*` and `{placeholder}` replaced by a plain word.
fn without_placeholders(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else { break };
        plain.push_str(&rest[..start]);
        plain.push('x');
        rest = &rest[start + length + 1..];
    }
    plain.push_str(rest);
    plain.replace('*', "x")
}

/// An expression of forms and flows: text with `{{ … }}` in it.
fn is_expression(text: &str) -> bool {
    text.find("{{").is_some_and(|start| text[start..].contains("}}"))
}

fn is_hex_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|c| c.is_ascii_hexdigit()))
}

/// `#rgb`, `#rrggbb`, or a name of a color.
fn is_html_color(text: &str) -> bool {
    is_hex_color(text) || ((3..=24).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphabetic()))
}

fn is_organization_name(text: &str) -> bool {
    (1..=50).contains(&text.len())
        && !text.starts_with("org_")
        && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_')
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_take_and_refuse() {
        type Row = (&'static str, &'static [&'static str], &'static [&'static str]);
        let table: &[Row] = &[
            (
                "email",
                &["a@b.co", "a.b+c@sub.example.com", "o'neil@example.org"],
                &["", "a", "a@b", "@b.co", "a@b..co", "a b@c.de", "a..b@c.de"],
            ),
            ("client-id", &["AaiyAPdpYdesoKnqjj8HJqRn4T5titww", "tpc_1c4ERbBDSEtBGwCgMvnSgr"], &["", "a b"]),
            ("user-id", &["auth0|5f7c8ec7c33c6c004bbafe82", "waad|conn|x@y.z"], &["auth0", "|x", "auth0|"]),
            ("connection-id", &["con_ALZWOsRjoTfFz3Jq"], &["", "con_", "ALZWOsRjoTfFz3Jq"]),
            ("date-time", &["2021-01-01T00:00:00.000Z", "2021-01-01T00:00:00+02:00"], &["2021-01-01", "now", ""]),
            ("url", &["http://localhost:3000/callback"], &["callback", "ftp://x", "https://"]),
            ("strict-https-uri", &["https://example.com/a?b=c"], &["http://example.com", "https://exa mple.com", ""]),
            ("absolute-https-uri-or-empty", &["", "https://example.com"], &["http://example.com", "x"]),
            (
                "url-with-placeholders",
                &["https://*.example.com", "https://{organization_name}.example.com", "com.app://x"],
                &["", "a b"],
            ),
            ("hostname", &["example.com", "localhost"], &["", "-a.com", "a_b.com", "a..b"]),
            ("cidr", &["10.0.0.0/8"], &["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8"]),
            ("ipv6_cidr", &["2001:db8::/32"], &["2001:db8::", "2001:db8::/129"]),
            ("html-color", &["#635dff", "#FFF", "red"], &["635dff", "#12345", ""]),
            ("organization-name", &["acme", "a-b_c1"], &["", "org_x", "Acme", "-a", "a-"]),
            ("uuid", &["123e4567-e89b-12d3-a456-426614174000"], &["123e4567", "123e4567-e89b-12d3-a456-42661417400g"]),
            ("forms-hex-color", &["#AbC123"], &["red"]),
        ];
        for (name, good, bad) in table {
            let format = named(name).expect("the table names known formats");
            for text in *good {
                assert!(format.accepts(text), "{name} should take {text:?}");
            }
            for text in *bad {
                assert!(!format.accepts(text), "{name} should refuse {text:?}");
            }
        }
    }
}
