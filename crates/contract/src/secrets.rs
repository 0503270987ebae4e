//! Which members of bodies and answers are secret, as `contract/secrets.json` lists them: what no log may hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use kernel::{Value, mask, mask_at};
use serde::Deserialize;

use crate::schema::{Additional, Schema, Schemas};

const LIST: &str = include_str!("../../../contract/secrets.json");

/// The marks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    /// Names that mean a secret wherever a schema has a member of that name that holds text.
    members: BTreeSet<String>,
    /// Operation → further places in its body and answer ([`kernel::path`]), for names that mean a secret only there.
    places: BTreeMap<String, Vec<String>>,
    /// Names that look like secrets and are none, with the reason.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is for whoever reads the list, and for the test that looks"))]
    public: BTreeMap<String, String>,
}

impl Secrets {
    /// The list that is built in, read on the first call.
    pub(crate) fn load() -> &'static Secrets {
        static SECRETS: LazyLock<Secrets> =
            LazyLock::new(|| serde_json::from_str(LIST).expect("the built-in list is tested to be readable"));
        &SECRETS
    }

    /// Masks what is marked in a body or an answer of an operation.
    pub(crate) fn mask(&self, operation: &str, schemas: &Schemas, schema: Option<&Schema>, value: &mut Value) {
        if let Some(schema) = schema {
            self.mask_members(schemas, &alternatives(schemas, &[schema]), value);
        }
        for place in self.places.get(operation).into_iter().flatten() {
            mask_at(value, place);
        }
    }

    fn mask_members(&self, schemas: &Schemas, parts: &[&Schema], value: &mut Value) {
        match value {
            Value::Array(items) => {
                let inner: Vec<&Schema> = parts.iter().filter_map(|part| part.items.as_deref()).collect();
                let inner = alternatives(schemas, &inner);
                for item in items.iter_mut() {
                    self.mask_members(schemas, &inner, item);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    let listed: Vec<&Schema> = parts.iter().filter_map(|part| part.properties.get(name)).collect();
                    let is_secret = !listed.is_empty() && self.members.contains(name);
                    let is_text =
                        member.is_string() || member.as_array().is_some_and(|items| items.iter().all(Value::is_string));
                    if is_secret && is_text {
                        mask(member);
                        continue;
                    }
                    let inner =
                        if listed.is_empty() { parts.iter().filter_map(|part| others(part)).collect() } else { listed };
                    if !inner.is_empty() {
                        self.mask_members(schemas, &alternatives(schemas, &inner), member);
                    }
                }
            }
            _ => {}
        }
    }
}

fn others(schema: &Schema) -> Option<&Schema> {
    match &schema.additional {
        Additional::Each(each) => Some(each),
        _ => None,
    }
}

/// The schemas with all that they refer to, join and choose from.
fn alternatives<'a>(schemas: &'a Schemas, of: &[&'a Schema]) -> Vec<&'a Schema> {
    let mut all = of.to_vec();
    let mut next = 0;
    while next < all.len() {
        let schema = all[next];
        let further = schema.all_of.iter().chain(&schema.any_of).chain(&schema.one_of);
        for part in schema.reference.map(|index| schemas.at(index)).into_iter().chain(further) {
            if !all.iter().any(|known| std::ptr::eq(*known, part)) {
                all.push(part);
            }
        }
        next += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::*;
    use crate::{Contract, Operation};

    /// Parts of names by which people call secrets.
    const TELLING: &[&str] = &[
        "apikey",
        "bearer",
        "cert",
        "code",
        "connectionstring",
        "credential",
        "endpoint",
        "hash",
        "jwt",
        "key",
        "otp",
        "p12",
        "passphrase",
        "passw",
        "_pass",
        "pem",
        "private",
        "secret",
        "signature",
        "ticket",
        "token",
        "webhook",
    ];

    fn looks_secret(name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        TELLING.iter().any(|part| name.contains(part))
    }

    /// The members, at any depth, that may hold text.
    fn texts<'a>(schemas: &'a Schemas, schema: &'a Schema, seen: &mut Vec<&'a Schema>, found: &mut BTreeSet<String>) {
        if seen.iter().any(|known| std::ptr::eq(*known, schema)) {
            return;
        }
        seen.push(schema);
        for part in alternatives(schemas, &[schema]) {
            for (name, member) in &part.properties {
                let parts = alternatives(schemas, &[member]);
                let holds_text = |part: &&Schema| {
                    let is_open = part.types.is_any() && part.reference.is_none() && parts.len() == 1;
                    (part.types.has("string") || is_open) && part.allowed.is_none()
                };
                let items = parts.iter().filter_map(|part| part.items.as_deref());
                let items: Vec<&Schema> = items.flat_map(|items| alternatives(schemas, &[items])).collect();
                if parts.iter().chain(&items).any(holds_text) {
                    found.insert(name.clone());
                }
                texts(schemas, member, seen, found);
            }
            for inner in part.items.as_deref().into_iter().chain(others(part)) {
                texts(schemas, inner, seen, found);
            }
        }
    }

    fn names_of(operation: &Operation) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for schema in [operation.request_schema(), operation.response_schema()].into_iter().flatten() {
            texts(operation.schemas(), schema, &mut Vec::new(), &mut found);
        }
        found
    }

    #[test]
    fn every_member_that_is_named_like_a_secret_is_marked_or_has_a_reason() {
        let secrets = Secrets::load();
        let mut known = BTreeSet::new();
        let mut unmarked: BTreeMap<String, String> = BTreeMap::new();
        for operation in Contract::load().operations().iter().filter(|operation| operation.method != Method::GET) {
            for name in names_of(operation) {
                if looks_secret(&name) && !secrets.members.contains(&name) && !secrets.public.contains_key(&name) {
                    unmarked.insert(name.clone(), operation.name());
                }
                known.insert(name);
            }
        }
        assert!(unmarked.is_empty(), "{unmarked:#?}");
        let listed = secrets.members.iter().chain(secrets.public.keys());
        let stale: Vec<&String> = listed.filter(|name| !known.contains(*name)).collect();
        assert!(stale.is_empty(), "no schema has {stale:?}");
        let both: Vec<&String> = secrets.members.iter().filter(|name| secrets.public.contains_key(*name)).collect();
        assert!(both.is_empty(), "{both:?}");
        let places = secrets.places.keys().filter(|name| Contract::load().find(name).is_none());
        assert_eq!(places.count(), 0);
    }

    #[test]
    fn a_mark_masks_what_the_schema_has_and_nothing_of_the_callers_own() {
        let operation = Contract::load().find("PATCH /users/{id}").unwrap();
        let body = json!({"password": "s", "user_metadata": {"password": "hunting lodge", "token": "x"}, "name": "a"});
        let shown = operation.masked_body(&body);
        assert_eq!(
            shown,
            json!({"password": "*****", "user_metadata": {"password": "hunting lodge", "token": "x"}, "name": "a"})
        );
        let operation = Contract::load().find("PATCH /clients/{id}").unwrap();
        let body =
            json!({"token_endpoint_auth_method": "none", "addons": {"layer": {"keyId": "k", "privateKey": "s"}}});
        assert_eq!(
            operation.masked_body(&body),
            json!({"token_endpoint_auth_method": "none", "addons": {"layer": {"keyId": "k", "privateKey": "*****"}}})
        );
        let operation = Contract::load().find("PATCH /log-streams/{id}").unwrap();
        let body = json!({"sink": {"httpCustomHeaders": [{"header": "x-key", "value": "s"}]}});
        let shown = json!({"sink": {"httpCustomHeaders": [{"header": "x-key", "value": "*****"}]}});
        assert_eq!(operation.masked_body(&body), shown);
    }
}
