//! Search criteria of v1: free text, or clauses `field:value` joined by AND.

use rest::{ApiError, ApiResult};

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clause {
    /// The field; free text has none.
    pub(super) field: Option<String>,
    /// What is looked for.
    pub(super) value: String,
    /// Whether it stood in quotation marks: then it is meant exactly.
    pub(super) is_exact: bool,
}

/// The conditions of a criterion, all of which hold.
///
/// # Errors
/// 400 when it begins with a field and is no list of clauses.
pub(super) fn clauses(criteria: &str) -> ApiResult<Vec<Clause>> {
    let malformed = || {
        let text =
            "Query validation error: 'Expected clauses of the form field:value joined by AND' on property search.";
        ApiError::invalid_query(text)
    };
    let mut rest = criteria.trim();
    if field(rest).is_none() {
        let value = rest.trim_matches('"').to_owned();
        return Ok(vec![Clause { field: None, value, is_exact: false }]);
    }
    let mut clauses = Vec::new();
    loop {
        let (name, after) = field(rest).ok_or_else(malformed)?;
        let (value, is_exact, after) = value(after.trim_start()).ok_or_else(malformed)?;
        if value.is_empty() {
            return Err(malformed());
        }
        clauses.push(Clause { field: Some(name.to_owned()), value, is_exact });
        rest = after.trim_start();
        if rest.is_empty() {
            return Ok(clauses);
        }
        rest = rest.strip_prefix("AND ").ok_or_else(malformed)?.trim_start();
    }
}

/// A field before a colon, and what follows.
fn field(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(':')?;
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "_.".contains(character));
    is_name.then_some((name, rest))
}

/// A value, whether it was quoted, and what follows. Without quotation marks it reaches to the next AND.
fn value(text: &str) -> Option<(String, bool, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(" AND ").unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), false, &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((value, true, &quoted[place + 1..])),
            '\\' => value.push(characters.next()?.1),
            character => value.push(character),
        }
    }
    None
}

/// The user search of version 2 that means the same; free text is looked for at the beginning of these fields.
pub(super) fn of_users(criteria: &str, fields: &[&str]) -> ApiResult<String> {
    let parts: Vec<String> = clauses(criteria)?.iter().map(|clause| of_user(clause, fields)).collect();
    Ok(parts.join(" AND "))
}

fn of_user(clause: &Clause, fields: &[&str]) -> String {
    let any = |names: &[&str], asked: &str| {
        let parts: Vec<String> = names.iter().map(|name| format!("{name}:{asked}")).collect();
        format!("({})", parts.join(" OR "))
    };
    let prefix = |text: &str| {
        let escaped = text.chars().map(|character| {
            if character.is_alphanumeric() { character.to_string() } else { format!("\\{character}") }
        });
        format!("{}*", escaped.collect::<String>())
    };
    let Some(field) = &clause.field else { return any(fields, &prefix(&clause.value)) };
    let asked = match clause.value.strip_suffix('*').filter(|_| !clause.is_exact) {
        Some(beginning) => prefix(beginning),
        None => format!("\"{}\"", clause.value.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    match field.as_str() {
        "loginsCount" => any(&["logins_count"], &asked),
        "connection" => any(&["identities.connection"], &asked),
        "provider" => any(&["identities.provider"], &asked),
        name if name.contains('.') || OWN.contains(&name) => any(&[name], &asked),
        // The profile of v1 is flat: metadata stand beside what the provider tells.
        name => any(&[name, &format!("app_metadata.{name}"), &format!("user_metadata.{name}")], &asked),
    }
}

/// Fields of a user that no metadata stand in for.
const OWN: &[&str] = &[
    "blocked",
    "created_at",
    "email",
    "email_verified",
    "family_name",
    "given_name",
    "last_ip",
    "last_login",
    "logins_count",
    "name",
    "nickname",
    "phone_number",
    "phone_verified",
    "updated_at",
    "user_id",
    "username",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(criteria: &str) -> Vec<(Option<String>, String, bool)> {
        clauses(criteria).unwrap().into_iter().map(|clause| (clause.field, clause.value, clause.is_exact)).collect()
    }

    #[test]
    fn criteria_are_free_text_or_clauses() {
        let of = |field: &str, value: &str, is_exact| (Some(field.to_owned()), value.to_owned(), is_exact);
        assert_eq!(read(" john s "), [(None, "john s".to_owned(), false)]);
        assert_eq!(
            read("user: jo AND application:\"My \\\"App\" AND connection:x y"),
            [of("user", "jo", false), of("application", "My \"App", true), of("connection", "x y", false)]
        );
        for criteria in ["user:", "user:\"a", "user:\"a\" b", "user:a AND b"] {
            assert!(clauses(criteria).is_err(), "{criteria}");
        }
    }

    #[test]
    fn users_are_searched_in_the_words_of_version_2() {
        let fields = ["name", "email"];
        assert_eq!(of_users("jo h*", &fields).unwrap(), "(name:jo\\ h\\** OR email:jo\\ h\\**)");
        assert_eq!(of_users("loginsCount:1", &fields).unwrap(), "(logins_count:\"1\")");
        assert_eq!(of_users("family_name:\"johnson\"", &fields).unwrap(), "(family_name:\"johnson\")");
        let metadata = "(vip:\"true\" OR app_metadata.vip:\"true\" OR user_metadata.vip:\"true\")";
        assert_eq!(of_users("vip:true", &fields).unwrap(), metadata);
    }
}
