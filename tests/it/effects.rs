//! The list of what each stored property does, compared with the contract and with the tests that it names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

const LIST: &str = include_str!("effects.txt");
const CONTRACT: &str = include_str!("../../contract/management-v2.json");
/// The sections of the list, with what the contract calls them.
const SECTIONS: [(&str, &str); 10] = [
    ("tenant", "UpdateTenantSettingsRequestContent"),
    ("client", "CreateClientRequestContent"),
    ("api", "CreateResourceServerRequestContent"),
    ("database", "ConnectionOptionsAuth0"),
    ("branding", "UpdateBrandingRequestContent"),
    ("theme", "CreateBrandingThemeRequestContent"),
    ("prompts", "UpdateSettingsRequestContent"),
    ("rendering", "UpdateAculRequestContent"),
    ("template", "UpdateUniversalLoginTemplateRequestContent"),
    ("partials", "PartialGroupsEnum"),
];
/// How many lines name no test. The number may only become smaller.
const WITHOUT: usize = 32;

fn resolved<'c>(contract: &'c Value, mut schema: &'c Value) -> &'c Value {
    while let Some(name) = schema["$ref"].as_str() {
        schema = &contract["schemas"][name.rsplit('/').next().unwrap()];
    }
    schema
}

/// The properties of a schema, and theirs; the values of one that lists them.
fn properties(contract: &Value, schema: &Value, prefix: &str, depth: u8, found: &mut BTreeSet<String>) {
    let schema = resolved(contract, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        found.insert(format!("{prefix}{name}"));
        if depth > 0 {
            properties(contract, property, &format!("{prefix}{name}."), depth - 1, found);
        }
    }
    if prefix.is_empty() {
        found.extend(schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
    for form in ["oneOf", "anyOf", "allOf"] {
        for variant in schema[form].as_array().into_iter().flatten() {
            properties(contract, variant, prefix, depth, found);
        }
    }
}

/// The lines of the list by section and property: tests, or why there are none.
fn lines() -> BTreeMap<(&'static str, &'static str), Result<Vec<&'static str>, &'static str>> {
    let mut lines = BTreeMap::new();
    let mut section = "";
    for line in LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            continue;
        }
        let (property, effect) = match (line.split_once(" = "), line.split_once(" - ")) {
            (Some((property, tests)), _) => (property, Ok(tests.split(' ').collect())),
            (None, Some((property, reason))) => (property, Err(reason)),
            (None, None) => panic!("{line}: neither tests nor a reason"),
        };
        assert!(lines.insert((section, property), effect).is_none(), "{section} {property} stands twice");
    }
    lines
}

/// All Rust sources below a folder, as one text.
pub(crate) fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_property_has_an_effect_or_a_reason() {
    let contract: Value = serde_json::from_str(CONTRACT).unwrap();
    let lines = lines();
    for (section, schema) in SECTIONS {
        let mut found = BTreeSet::new();
        properties(&contract, &contract["schemas"][schema], "", 1, &mut found);
        assert!(!found.is_empty(), "{schema} is in the contract");
        for property in &found {
            let parent = property.split('.').next().unwrap();
            let has_line = |name: &str| lines.contains_key(&(section, name));
            let members: Vec<&String> = found.iter().filter(|name| name.starts_with(&format!("{property}."))).collect();
            let has_all_members = !members.is_empty() && members.iter().all(|name| has_line(name));
            assert!(
                has_line(property) || has_line(parent) || has_all_members,
                "{section} {property}: nothing is said about it"
            );
        }
        for (_, property) in lines.keys().filter(|(of, _)| *of == section) {
            assert!(found.contains(*property), "{section} {property} is not in the contract");
        }
    }
    let without = lines.values().filter(|effect| effect.is_err()).count();
    assert!(without <= WITHOUT, "{without} properties without a test, more than before");
    assert_eq!(without, WITHOUT, "fewer properties without a test: the number here may become smaller");
}

#[test]
fn the_tests_that_the_list_names_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut text = String::new();
    for folder in ["crates", "tests"] {
        sources(&root.join(folder), &mut text);
    }
    for ((section, property), tests) in lines() {
        for test in tests.unwrap_or_default() {
            assert!(text.contains(&format!("fn {test}()")), "{section} {property}: there is no test {test}");
        }
    }
}
