//! Titles of operations, as tenant log entries describe them.

/// `clients.credentials.create` → `Create a Client Credential`.
pub(crate) fn from_sdk_name(sdk: &str) -> String {
    let mut steps: Vec<Vec<String>> = sdk.split('.').map(words).collect();
    let mut verb = steps.pop().unwrap_or_default();
    let action = verb.first().cloned().unwrap_or_default();
    // `getDefault`, `listUsersByEmail`: what follows the verb belongs to the thing.
    let rest = verb.split_off(1.min(verb.len())).join(" ");
    let many = matches!(action.as_str(), "List" | "Bulk");
    let count = steps.len();
    let nouns: Vec<String> = steps
        .into_iter()
        .enumerate()
        .map(|(at, words)| if many && at + 1 == count { words.join(" ") } else { singular(&words.join(" ")) })
        .collect();
    let noun = nouns.join(" ");
    let subject =
        [noun.as_str(), rest.as_str()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    match action.as_str() {
        "List" => format!("Get {subject}"),
        "Set" => format!("Update {} {subject}", article(&subject)),
        _ => format!("{action} {} {subject}", article(&subject)),
    }
}

/// The words of a camel-case name, each with a capital.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for character in name.chars() {
        match words.last_mut() {
            Some(word) if !character.is_uppercase() => word.push(character),
            _ => words.push(character.to_uppercase().collect()),
        }
    }
    for word in &mut words {
        let stem = word.strip_suffix('s').filter(|stem| ABBREVIATIONS.contains(&stem.to_uppercase().as_str()));
        if let Some(stem) = stem {
            *word = format!("{}s", stem.to_uppercase());
        } else if ABBREVIATIONS.contains(&word.to_uppercase().as_str()) {
            word.make_ascii_uppercase();
        }
    }
    words
}

/// Abbreviations, which keep their capitals and have no plural.
const ABBREVIATIONS: [&str; 10] = ["ACL", "APNS", "CIMD", "FCM", "IP", "SCIM", "SMS", "SNS", "SSO", "UI"];

const PLURAL_ENDINGS: [(&str, &str); 4] = [("ies", "y"), ("sses", "ss"), ("ss", "ss"), ("s", "")];

fn singular(name: &str) -> String {
    if ABBREVIATIONS.iter().any(|known| name.ends_with(known)) || name.ends_with("Settings") {
        return name.to_owned();
    }
    for (plural, ending) in PLURAL_ENDINGS {
        if let Some(stem) = name.strip_suffix(plural) {
            return format!("{stem}{ending}");
        }
    }
    name.to_owned()
}

fn article(subject: &str) -> &'static str {
    if subject.starts_with(['A', 'E', 'I', 'O']) || subject.starts_with("SMS") { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use super::from_sdk_name;

    #[test]
    fn a_title_is_a_verb_and_a_thing() {
        assert_eq!(from_sdk_name("users.delete"), "Delete a User");
        assert_eq!(from_sdk_name("clients.credentials.create"), "Create a Client Credential");
        assert_eq!(from_sdk_name("organizations.update"), "Update an Organization");
        assert_eq!(from_sdk_name("roles.list"), "Get Roles");
        assert_eq!(from_sdk_name("networkAcls.delete"), "Delete a Network ACL");
    }
}
