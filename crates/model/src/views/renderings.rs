//! The view of how a screen is rendered.

use kernel::{Document, Record};
use serde::Deserialize;

use super::{View, or_default};
use crate::rendering::{CONTEXT, HeadTag};

/// How a screen is rendered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rendering {
    #[serde(rename = "rendering_mode")]
    mode: Option<String>,
    context_configuration: Option<Vec<String>>,
    /// Whether the head has nothing but what the tenant puts there.
    #[serde(deserialize_with = "or_default")]
    pub default_head_tags_disabled: bool,
    /// What the tenant puts into the head.
    #[serde(deserialize_with = "or_default")]
    pub head_tags: Vec<HeadTag>,
    filters: Option<Filters>,
    /// Whether the tenant's page template surrounds it.
    #[serde(deserialize_with = "or_default")]
    pub use_page_template: bool,
}

/// For which logins a rendering is meant.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    match_type: Option<String>,
    #[serde(deserialize_with = "or_default")]
    clients: Vec<Meant>,
    #[serde(deserialize_with = "or_default")]
    organizations: Vec<Meant>,
    #[serde(deserialize_with = "or_default")]
    domains: Vec<Meant>,
}

/// Something by its identifier, or by a piece of its metadata.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Meant {
    id: Option<String>,
    metadata: Option<Document>,
}

/// What a login has to do with: the client, the organization and the custom domain, each with its metadata.
#[derive(Clone, Copy, Debug, Default)]
pub struct Concerned<'a> {
    /// The client.
    pub client: Option<(&'a str, Option<&'a Document>)>,
    /// The organization.
    pub organization: Option<(&'a str, Option<&'a Document>)>,
    /// The custom domain.
    pub domain: Option<(&'a str, Option<&'a Document>)>,
}

impl View for Rendering {
    fn complete(self, _: &Record) -> Self {
        self
    }
}

impl Rendering {
    /// Whether the tenant's own scripts draw the screen, where its filters say nothing else.
    pub fn is_advanced(&self) -> bool {
        self.mode.as_deref() == Some("advanced")
    }

    /// Whether it is meant for a login.
    pub fn is_meant_for(&self, login: Concerned<'_>) -> bool {
        let Some(filters) = &self.filters else { return true };
        let lists = [
            (&filters.clients, login.client),
            (&filters.organizations, login.organization),
            (&filters.domains, login.domain),
        ];
        if lists.iter().all(|(list, _)| list.is_empty()) {
            return true;
        }
        let is_any = lists.iter().any(|(list, own)| own.is_some_and(|own| list.iter().any(|meant| meant.is(own))));
        is_any != (filters.match_type.as_deref() == Some("excludes_any"))
    }

    /// Whether pages are told this.
    pub fn tells(&self, what: &str) -> bool {
        self.context().any(|told| told == what)
    }

    /// The names of what pages are told below this, such as those of a client's metadata.
    pub fn told_below<'s>(&'s self, prefix: &'s str) -> impl Iterator<Item = &'s str> {
        self.context().filter_map(move |told| told.strip_prefix(prefix))
    }

    fn context(&self) -> impl Iterator<Item = &str> {
        let chosen = self.context_configuration.as_ref();
        let usual = CONTEXT.iter().copied().filter(move |_| chosen.is_none());
        chosen.into_iter().flatten().map(String::as_str).chain(usual)
    }
}

impl Meant {
    fn is(&self, (id, metadata): (&str, Option<&Document>)) -> bool {
        if let Some(wanted) = &self.id {
            return wanted == id;
        }
        let Some(wanted) = self.metadata.as_ref().filter(|wanted| !wanted.is_empty()) else { return false };
        wanted.iter().all(|(name, value)| metadata.and_then(|metadata| metadata.get(name)) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;

    fn rendering(value: kernel::Value) -> Rendering {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn filters_say_for_whom_a_screen_is_drawn() {
        let (gold, blue) = (object(json!({"tier": "gold"})), object(json!({"tier": "blue"})));
        let login = Concerned { client: Some(("one", Some(&gold))), organization: Some(("org_1", None)), domain: None };
        let is_meant = |filters: kernel::Value| rendering(json!({"filters": filters})).is_meant_for(login);
        assert!(
            is_meant(json!(null))
                && is_meant(json!({}))
                && is_meant(json!({"match_type": "includes_any", "clients": []}))
        );
        for (lists, hits) in [
            (json!({"clients": [{"id": "one"}]}), true),
            (json!({"clients": [{"id": "two"}]}), false),
            (json!({"clients": [{"id": "two"}, {"metadata": {"tier": "gold"}}]}), true),
            (json!({"clients": [{"metadata": blue}]}), false),
            (json!({"clients": [{"metadata": {}}]}), false),
            (json!({"clients": [{"id": "two"}], "organizations": [{"id": "org_1"}]}), true),
            (json!({"organizations": [{"metadata": {"tier": "gold"}}]}), false),
            (json!({"domains": [{"id": "cd_1"}]}), false),
        ] {
            let with = |kind: &str| {
                let mut filters = lists.clone();
                filters["match_type"] = kind.into();
                is_meant(filters)
            };
            assert_eq!((with("includes_any"), with("excludes_any")), (hits, !hits), "{lists}");
        }
    }

    #[test]
    fn pages_are_told_what_was_chosen_else_the_usual() {
        let usual = rendering(json!({"context_configuration": null}));
        assert!(usual.tells("screen.texts") && !usual.tells("tenant.logo_url"));
        let chosen = rendering(json!({"context_configuration": ["client.metadata.tier", "tenant.logo_url"]}));
        assert!(chosen.tells("tenant.logo_url") && !chosen.tells("screen.texts"));
        assert_eq!(chosen.told_below("client.metadata.").collect::<Vec<_>>(), ["tier"]);
        assert!(!rendering(json!({"context_configuration": []})).tells("screen.texts"));
    }
}
