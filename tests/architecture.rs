//! What the structure of the code promises in ARCHITECTURE.md, read from the sources.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Our crates, those that others may use first: a crate uses only what stands before it.
const ORDER: &[&str] = &[
    "kernel",
    "outbound",
    "actions",
    "contract",
    "store",
    "model",
    "identity",
    "rest",
    "delivery",
    "extensibility",
    "login",
    "oauth",
    "management",
    "aught",
];
/// What may not be used although it stands before.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("store", &["actions", "contract"]),
    ("model", &["rest", "actions"]),
    ("identity", &["rest", "contract", "actions"]),
    ("delivery", &["rest", "contract", "actions"]),
    ("extensibility", &["rest", "contract"]),
    ("rest", &["model", "actions", "outbound"]),
    ("login", &["oauth", "rest"]),
    ("oauth", &["management", "login"]),
    ("management", &["oauth", "login"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The sources of our crates, with the crate of each.
fn sources() -> Vec<(String, PathBuf, String)> {
    let mut found = Vec::new();
    for name in ORDER {
        let mut folders = vec![root().join("crates").join(name).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path).unwrap();
                    found.push(((*name).to_owned(), path, text));
                }
            }
        }
    }
    assert!(found.len() > 100, "the sources are where they are looked for");
    found
}

#[test]
fn a_crate_uses_only_those_below_it() {
    for (place, name) in ORDER.iter().enumerate() {
        let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
        let section =
            manifest.split("\n[").find_map(|section| section.strip_prefix("dependencies]")).unwrap_or_default();
        for used in section.lines().filter_map(|line| line.split(['.', ' ']).next()) {
            let Some(other) = ORDER.iter().position(|known| *known == used) else { continue };
            let is_forbidden =
                FORBIDDEN.iter().any(|(user, forbidden)| user == name && forbidden.contains(&used)) || other >= place;
            assert!(!is_forbidden, "{name} must not use {used}");
        }
    }
}

#[test]
fn kinds_and_relations_are_named_in_the_model_alone() {
    for (name, path, text) in sources() {
        let is_owner = name == "model" || name == "store";
        for made in ["RelationKind::new(\"", "Kind::new(\"", "Kind::single(\"", "NewJob::new(\""] {
            assert!(is_owner || !text.contains(made), "{}: {made}…", path.display());
        }
    }
}

#[test]
fn what_holds_a_secret_is_not_serialized() {
    for (_, path, text) in sources() {
        for item in text.split("#[derive(").skip(1) {
            let (derived, rest) = item.split_once(')').unwrap();
            let body = rest.split("\n}").next().unwrap_or_default();
            let is_serialized = derived.split(", ").any(|name| name == "Serialize");
            let holds = ["Secret", "Sealed"].iter().any(|secret| {
                body.lines().any(|line| line.contains(&format!(": {secret},")) || line.contains(&format!("<{secret}>")))
            });
            assert!(!(is_serialized && holds), "{}: {}", path.display(), body.lines().nth(1).unwrap_or_default());
        }
    }
}
