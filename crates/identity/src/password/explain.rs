//! What a connection asks of passwords, as sign-up tells scripts: a tree of rules with whether each is kept, and a text.

use kernel::Value;
use serde_json::json;

use super::{
    PasswordRules,
    rules::{Class, longest_run},
};

impl Class {
    /// Code and text of the class.
    fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Lower => ("lowerCase", "lower case letters (a-z)"),
            Self::Upper => ("upperCase", "upper case letters (A-Z)"),
            Self::Digit => ("numbers", "numbers (i.e. 0-9)"),
            Self::Special => ("specialCharacters", "special characters (e.g. !@#$%^&*)"),
        }
    }
}

impl PasswordRules {
    /// The rules of length and characters, each with whether the password keeps to it.
    pub fn explain(&self, password: &str) -> Value {
        let is_long = password.chars().count() >= self.min_length();
        let mut rules = vec![json!({
            "message": "At least %d characters in length",
            "format": [self.min_length()],
            "code": "lengthAtLeast",
            "verified": is_long,
        })];
        let (wanted, at_least) = self.wanted_classes();
        if !wanted.is_empty() {
            let item = |class: &Class| {
                let (code, message) = class.told();
                json!({"message": message, "code": code, "verified": class.occurs_in(password)})
            };
            let items: Vec<Value> = wanted.iter().map(item).collect();
            let is_kept = wanted.iter().filter(|class| class.occurs_in(password)).count() >= at_least;
            rules.push(if at_least < wanted.len() {
                json!({
                    "message": "Contain at least %d of the following %d types of characters:",
                    "code": "containsAtLeast",
                    "format": [at_least, wanted.len()],
                    "items": items,
                    "verified": is_kept,
                })
            } else {
                json!({"message": "Should contain:", "code": "shouldContain", "items": items, "verified": is_kept})
            });
        }
        if let Some(most) = self.identical() {
            rules.push(json!({
                "message": "No more than %d identical characters in a row (e.g., \"%s\" not allowed)",
                "code": "identicalChars",
                "format": [most, "a".repeat(most + 1)],
                "verified": longest_run(password, |a, b| a == b) <= most,
            }));
        }
        let is_kept = rules.iter().all(|rule| rule["verified"] == true);
        json!({"rules": rules, "verified": is_kept})
    }

    /// The same rules as a text.
    pub fn policy(&self) -> String {
        let mut lines = vec![format!("* At least {} characters in length", self.min_length())];
        let (wanted, at_least) = self.wanted_classes();
        if !wanted.is_empty() {
            lines.push(if at_least < wanted.len() {
                format!("* Contain at least {at_least} of the following {} types of characters:", wanted.len())
            } else {
                "* Should contain:".to_owned()
            });
            let last = wanted.len() - 1;
            let end = |place: usize| if place == last { "" } else { "," };
            lines
                .extend(wanted.iter().enumerate().map(|(place, class)| format!(" * {}{}", class.told().1, end(place))));
        }
        if let Some(most) = self.identical() {
            let example = "a".repeat(most + 1);
            lines
                .push(format!("* No more than {most} identical characters in a row (e.g., \"{example}\" not allowed)"));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_says_whether_it_is_kept() {
        let rules = PasswordRules::from_connection_options(&json!({"passwordPolicy": "good"}));
        let told = rules.explain("abcdefgh");
        assert_eq!((&told["verified"], &told["rules"][0]["verified"]), (&json!(false), &json!(true)));
        assert_eq!(told["rules"][1]["format"], json!([3, 4]));
        assert_eq!(told["rules"][1]["items"][0]["verified"], true);
        assert!(
            rules.policy().starts_with("* At least 8 characters in length\n* Contain at least 3 of the following 4")
        );
        assert_eq!(rules.explain("Abcdefg1")["verified"], true);
    }
}
