//! What the structure of the code promises in ARCHITECTURE.md, read from the sources.
#![expect(clippy::unwrap_used, reason = "tests")]

mod circles;

use std::{
    collections::BTreeSet,
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
    "flows",
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
    ("flows", &["rest", "contract", "actions", "extensibility"]),
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

/// The sources without those that are tests.
fn code_sources() -> impl Iterator<Item = (String, PathBuf, String)> {
    let is_test = |path: &Path| {
        let place = place(path);
        place.ends_with("/tests.rs") || place.contains("/tests/") || place.contains("/conformance")
    };
    sources().into_iter().filter(move |(_, path, _)| !is_test(path)).map(|(name, path, text)| (name, path, code(&text)))
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

/// Deletions that follow references, and of what nothing refers to; beneath them is the store alone.
const DELETES: &[&str] = &["identity/src/deletion.rs", "identity/src/deletion/work.rs", "identity/src/discard.rs"];

#[test]
fn records_are_deleted_in_one_way() {
    for (name, path, text) in code_sources() {
        let is_one = DELETES.iter().any(|allowed| path.ends_with(allowed));
        assert!(name == "store" || is_one || !text.contains("tx.delete("), "{}", path.display());
    }
}

/// Files of rules that work outside of transactions too: they wait for something between two of them.
const OPENS_TRANSACTIONS: &[&str] = &[
    "identity/src/adoption.rs",
    "identity/src/databases.rs",
    "identity/src/deletion/work.rs",
    "identity/src/keys/set.rs",
    "identity/src/login.rs",
    "identity/src/login/migration.rs",
    "identity/src/reset.rs",
    "identity/src/reset/challenge.rs",
    "identity/src/users/changes.rs",
    "identity/src/users/changes/external.rs",
    "identity/src/users/exchanged.rs",
    "identity/src/users/registration.rs",
    "identity/src/users/verification.rs",
    "management/src/actions/builds.rs",
    "management/src/actions/trial.rs",
    "management/src/actions/versions.rs",
    "management/src/clients/metadata.rs",
    "management/src/connections.rs",
    "management/src/connections/directory.rs",
    "management/src/connections/keys.rs",
    "management/src/custom_domains/verification.rs",
    "management/src/events.rs",
    "management/src/flows.rs",
    "management/src/jobs/exports.rs",
    "management/src/jobs/imports.rs",
    "management/src/keys.rs",
    "management/src/keys/encryption.rs",
    "management/src/registration.rs",
    "management/src/tidy.rs",
    "management/src/users/changes.rs",
    "management/src/users/identities.rs",
    "management/src/v1.rs",
];

#[test]
fn rules_open_no_transactions() {
    let mut opening = BTreeSet::new();
    for (name, path, text) in code_sources() {
        let code = text.split_whitespace().collect::<String>();
        let opens = ["store.read(", "store.write(", "store().read(", "store().write(", "task.read(", "task.write("];
        if ["identity", "management", "model"].contains(&name.as_str()) && opens.iter().any(|open| code.contains(open))
        {
            opening.insert(place(&path));
        }
    }
    let known: BTreeSet<String> = OPENS_TRANSACTIONS.iter().map(|&path| path.to_owned()).collect();
    let new: Vec<_> = opening.difference(&known).collect();
    assert!(new.is_empty(), "a rule is given its transaction: {new:?}");
}

#[test]
fn the_management_api_knows_no_http() {
    for (name, path, text) in code_sources().filter(|(name, ..)| name == "management") {
        for word in ["axum::", "hyper::", "TcpListener", "HeaderMap"] {
            // The deprecated API is a translation of requests.
            let is_edge = path.ends_with("v1.rs");
            assert!(is_edge || !text.contains(word), "{name}: {} names {word}", path.display());
        }
    }
}

#[test]
fn the_engine_and_the_contract_know_no_resource() {
    let texts = fs::read_dir(root().join("crates/model/src"))
        .unwrap()
        .chain(fs::read_dir(root().join("crates/model/src/user")).unwrap());
    let mut kinds = BTreeSet::new();
    for path in texts.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        for made in fs::read_to_string(path).unwrap().split("Kind::").skip(1) {
            kinds.extend(
                made.split_once("(\"").and_then(|(_, rest)| rest.split_once('"')).map(|(kind, _)| kind.to_owned()),
            );
        }
    }
    assert!(kinds.len() > 60, "the kinds are where they are looked for");
    for (_, path, text) in code_sources().filter(|(name, ..)| name == "rest" || name == "contract") {
        for kind in &kinds {
            // Log entries name their user.
            let is_word = kind == "user" && path.ends_with("log.rs");
            assert!(is_word || !text.contains(&format!("\"{kind}\"")), "{} names {kind}", path.display());
        }
    }
}

#[test]
fn only_the_store_and_the_program_know_which_database_runs() {
    for (name, path, text) in code_sources() {
        let knows =
            ["rusqlite", "tokio_postgres", "postgres::", "store::Database"].iter().any(|word| text.contains(word));
        // Somebody has to list the operations of an empty store.
        let is_listing = path.ends_with("management/src/services.rs");
        assert!(!knows || is_listing || name == "store" || name == "aught", "{}", path.display());
    }
}

#[test]
fn secrets_neither_print_nor_serialize() {
    let text = fs::read_to_string(root().join("crates/kernel/src/sealed.rs")).unwrap();
    for name in ["struct Sealed", "struct Secret"] {
        let (before, _) = text.split_once(name).unwrap();
        let derived = before.rsplit("#[derive(").next().unwrap().split(')').next().unwrap();
        assert!(!derived.contains("Debug") && !derived.contains("Serialize"), "{name}: {derived}");
        let name = name.trim_start_matches("struct ");
        for wrong in [format!("impl Serialize for {name}"), format!("impl fmt::Display for {name}")] {
            assert!(!text.contains(&wrong), "{wrong}");
        }
    }
}

/// Where the clock, randomness and the environment are read: their sources, and what the program is started with.
const READS_THE_WORLD: &[&str] = &["aught/src/config.rs", "kernel/src/context.rs", "kernel/src/time.rs"];

#[test]
fn time_randomness_and_environment_have_one_source() {
    let banned = fs::read_to_string(root().join("clippy.toml")).unwrap();
    for name in ["SystemTime::now", "std::env::var", "jiff::Timestamp::now", "rand::fill"] {
        assert!(banned.contains(name), "{name} is not banned");
    }
    for (_, path, text) in code_sources() {
        let is_source = READS_THE_WORLD.iter().any(|source| path.ends_with(source));
        assert!(is_source || !text.contains("clippy::disallowed_methods"), "{}", path.display());
    }
}

/// Circles of more files than this are knots.
const MOST_IN_A_CIRCLE: usize = 3;

#[test]
fn imports_make_no_knots() {
    for name in ORDER {
        for circle in circles::of(&root().join("crates").join(name).join("src")) {
            assert!(circle.len() <= MOST_IN_A_CIRCLE, "{name}: {} files import one another: {circle:#?}", circle.len());
        }
    }
}

/// A path from the folder of crates on.
fn place(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.rsplit_once("/crates/").map_or_else(|| text.to_string(), |(_, place)| place.to_owned())
}

/// A file without its tests and comments.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}
