//! Lists as they are applied: compiled from the records once, and judged without waiting for anything.

use std::{net::IpAddr, sync::Arc};

use http::HeaderValue;
use ipnet::IpNet;
use kernel::{Document, Peer, Record, TenantId};
use serde::Deserialize;

use super::summary::Count;

/// What is known of a request.
pub(super) struct Asked<'a> {
    pub(super) path: &'a str,
    pub(super) peer: &'a Peer,
    pub(super) user_agent: &'a str,
    /// The name of the host that was asked.
    pub(super) host: &'a str,
}

/// What the lists say.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict<'l> {
    Admitted,
    Blocked,
    Redirected(&'l HeaderValue),
}

/// The lists of a tenant that are active, in the order in which they are asked.
#[derive(Debug)]
pub(super) struct Lists(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    scope: Scope,
    action: Action,
    /// All of these hold.
    wanted: Conditions,
    /// None of these holds.
    unwanted: Conditions,
    count: Arc<Count>,
}

#[derive(Debug)]
enum Action {
    Block,
    Allow,
    Log,
    Redirect(HeaderValue),
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    Management,
    Authentication,
    Tenant,
    DynamicClientRegistration,
}

/// A list as it is stored.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    description: String,
    #[serde(default)]
    active: bool,
    #[serde(default)]
    priority: f64,
    rule: StoredRule,
}

#[derive(Deserialize)]
struct StoredRule {
    scope: Scope,
    action: StoredAction,
    #[serde(rename = "match")]
    wanted: Option<StoredConditions>,
    #[serde(rename = "not_match")]
    unwanted: Option<StoredConditions>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct StoredAction {
    block: bool,
    allow: bool,
    log: bool,
    redirect_uri: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredConditions {
    ipv4_cidrs: Option<Vec<String>>,
    ipv6_cidrs: Option<Vec<String>>,
    connecting_ipv4_cidrs: Option<Vec<String>>,
    connecting_ipv6_cidrs: Option<Vec<String>>,
    user_agents: Option<Vec<String>>,
    hostnames: Option<Vec<String>>,
    geo_country_codes: Option<Vec<String>>,
    /// What asks for facts that nobody here knows: networks' numbers, regions, fingerprints, lists that the service keeps.
    #[serde(flatten)]
    unknown: Document,
}

/// What requests are compared with. Each asks something else, and of several values of one any suffices.
#[derive(Debug, Default)]
struct Conditions {
    addresses: Option<Vec<IpNet>>,
    connecting: Option<Vec<IpNet>>,
    user_agents: Option<Vec<String>>,
    hostnames: Option<Vec<String>>,
    countries: Option<Vec<String>>,
}

impl Lists {
    /// The active ones of these records. One that asks for facts that nobody here knows never applies, whatever its action: it would let
    /// in or keep out people of whom nothing is known.
    pub(super) fn compiled(tenant: &TenantId, records: &[Record]) -> Self {
        let mut rules: Vec<(f64, Rule)> = Vec::new();
        for record in records {
            let stored = match Stored::deserialize(&record.document) {
                Ok(stored) if stored.active => stored,
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!(%tenant, acl = record.id, %error, "a network ACL cannot be read, and does not apply");
                    continue;
                }
            };
            let unknown = stored.rule.unknown();
            if !unknown.is_empty() {
                let facts = unknown.join(", ");
                tracing::warn!(%tenant, acl = record.id, facts, "a network ACL asks for facts that are not known here, and does not apply");
                continue;
            }
            let priority = stored.priority;
            rules.extend(Rule::of(&record.id, stored).map(|rule| (priority, rule)));
        }
        rules.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        Self(rules.into_iter().map(|(_, rule)| rule).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is counted of each.
    pub(super) fn counts(&self) -> impl Iterator<Item = &Arc<Count>> {
        self.0.iter().map(|rule| &rule.count)
    }

    /// What the lists say of a request, and whether any has applied. The first that applies decides, but for those that only log.
    pub(super) fn judge(&self, asked: &Asked<'_>) -> (Verdict<'_>, bool) {
        let mut is_counted = false;
        for rule in self.0.iter().filter(|rule| rule.scope.holds(asked.path)) {
            let applies = rule.applies(asked);
            rule.count.note(applies);
            if !applies {
                continue;
            }
            is_counted = true;
            match &rule.action {
                Action::Log => {}
                Action::Allow => return (Verdict::Admitted, is_counted),
                Action::Block => return (Verdict::Blocked, is_counted),
                Action::Redirect(address) => return (Verdict::Redirected(address), is_counted),
            }
        }
        (Verdict::Admitted, is_counted)
    }
}

impl StoredRule {
    /// The names of what asks for facts that nobody here knows.
    fn unknown(&self) -> Vec<&str> {
        let both = [&self.wanted, &self.unwanted].into_iter().flatten();
        both.flat_map(|conditions| conditions.unknown.keys()).map(String::as_str).collect()
    }
}

impl Rule {
    fn of(id: &str, stored: Stored) -> Option<Self> {
        let StoredRule { scope, action, wanted, unwanted } = stored.rule;
        let (action, name) = match action {
            StoredAction { block: true, .. } => (Action::Block, "block"),
            StoredAction { allow: true, .. } => (Action::Allow, "allow"),
            StoredAction { log: true, .. } => (Action::Log, "log"),
            // An address that no header can hold leads nowhere: whoever was to be sent away is kept out.
            StoredAction { redirect_uri: Some(address), .. } => {
                (HeaderValue::try_from(address).map_or(Action::Block, Action::Redirect), "redirect")
            }
            StoredAction { .. } => return None,
        };
        let count = Count::new(id, stored.description, stored.priority, name);
        Some(Self {
            scope,
            action,
            wanted: wanted.map(Conditions::of).unwrap_or_default(),
            unwanted: unwanted.map(Conditions::of).unwrap_or_default(),
            count: Arc::new(count),
        })
    }

    fn applies(&self, asked: &Asked<'_>) -> bool {
        let asks_for_country = self.wanted.countries.is_some() || self.unwanted.countries.is_some();
        if asks_for_country && asked.peer.country.is_none() {
            return false;
        }
        self.wanted.answers(asked).into_iter().flatten().all(|holds| holds)
            && !self.unwanted.answers(asked).into_iter().flatten().any(|holds| holds)
    }
}

impl Conditions {
    fn of(stored: StoredConditions) -> Self {
        Self {
            addresses: networks(stored.ipv4_cidrs, stored.ipv6_cidrs),
            connecting: networks(stored.connecting_ipv4_cidrs, stored.connecting_ipv6_cidrs),
            user_agents: stored.user_agents,
            hostnames: stored.hostnames.map(|names| names.iter().map(|name| kernel::host_name(name)).collect()),
            countries: stored.geo_country_codes,
        }
    }

    /// Which of them hold, of those that there are.
    fn answers(&self, asked: &Asked<'_>) -> [Option<bool>; 5] {
        let within = |networks: &Option<Vec<IpNet>>, address: &IpAddr| {
            networks.as_ref().map(|networks| networks.iter().any(|network| network.contains(address)))
        };
        let among = |texts: &Option<Vec<String>>, text: &str| {
            texts.as_ref().map(|texts| texts.iter().any(|known| known == text))
        };
        [
            within(&self.addresses, &asked.peer.address),
            within(&self.connecting, &asked.peer.connecting),
            among(&self.user_agents, asked.user_agent),
            among(&self.hostnames, asked.host),
            asked.peer.country.and_then(|country| among(&self.countries, country.code())),
        ]
    }
}

/// Networks of both families ask one thing.
fn networks(one: Option<Vec<String>>, other: Option<Vec<String>>) -> Option<Vec<IpNet>> {
    if one.is_none() && other.is_none() {
        return None;
    }
    let parse = |text: String| text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    Some([one, other].into_iter().flatten().flatten().filter_map(parse).collect())
}

impl Scope {
    /// Whether a request of this path is in it.
    fn holds(self, path: &str) -> bool {
        match self {
            Self::Management => is_management(path),
            Self::Authentication => !is_management(path),
            Self::Tenant => true,
            Self::DynamicClientRegistration => path == oauth::REGISTRATION,
        }
    }
}

/// The Management API with its older version and what it exports, and provisioning by directories.
fn is_management(path: &str) -> bool {
    path == "/api" || ["/api/", "/exports/", "/scim/"].iter().any(|prefix| path.starts_with(prefix))
}

/// Whether a path is that of a tool of the installation, which decides itself whom it serves.
pub(super) fn is_of_installation(path: &str) -> bool {
    path.starts_with("/_aught/")
}

#[cfg(test)]
mod tests {
    use kernel::{Country, Timestamp, Value, object};
    use serde_json::json;

    use super::*;

    fn lists(rules: &[(u32, Value)]) -> Lists {
        let record = |(priority, rule): &(u32, Value)| {
            let document =
                object(json!({"description": "d", "active": true, "priority": priority, "rule": rule.clone()}));
            Record::new(format!("acl_{priority}"), document, Timestamp::EPOCH)
        };
        Lists::compiled(&TenantId::new("t"), &rules.iter().map(record).collect::<Vec<_>>())
    }

    /// What is said of a request from an address through another, by its last letters.
    fn judged(lists: &Lists, path: &str, address: &str, connecting: &str) -> String {
        let peer = Peer {
            address: address.parse().unwrap(),
            connecting: connecting.parse().unwrap(),
            is_secure: true,
            country: None,
        };
        let asked = Asked { path, peer: &peer, user_agent: "Robot/1.0", host: "login.example" };
        match lists.judge(&asked) {
            (Verdict::Admitted, false) => "in".to_owned(),
            (Verdict::Admitted, true) => "in, counted".to_owned(),
            (Verdict::Blocked, _) => "out".to_owned(),
            (Verdict::Redirected(address), _) => address.to_str().unwrap().to_owned(),
        }
    }

    #[test]
    fn the_first_list_that_applies_decides() {
        let lists = lists(&[
            (9, json!({"action": {"block": true}, "scope": "tenant", "match_all": true})),
            (
                2,
                json!({"action": {"allow": true}, "scope": "tenant", "match": {"ipv4_cidrs": ["10.0.0.0/8"], "ipv6_cidrs": ["2001:db8::1"]}}),
            ),
            (1, json!({"action": {"log": true}, "scope": "management", "match": {"user_agents": ["Robot/1.0"]}})),
            (
                3,
                json!({"action": {"redirect": true, "redirect_uri": "https://a.example/"}, "scope": "authentication", "match": {"hostnames": ["LOGIN.example"]}}),
            ),
        ]);
        let judged = |path, address| judged(&lists, path, address, "10.0.0.1");
        assert_eq!(judged("/authorize", "10.1.2.3"), "in, counted");
        assert_eq!(judged("/authorize", "2001:db8::1"), "in, counted");
        assert_eq!(judged("/authorize", "2001:db8::2"), "https://a.example/");
        assert_eq!(judged("/api/v2/users", "192.0.2.1"), "out");
        assert_eq!(judged("/api/v2/users", "10.1.2.3"), "in, counted");
    }

    #[test]
    fn several_conditions_are_all_asked_and_unwanted_ones_none() {
        let lists = lists(&[(
            1,
            json!({
                "action": {"block": true}, "scope": "dynamic_client_registration",
                "match": {"connecting_ipv4_cidrs": ["10.0.0.0/8"], "user_agents": ["x", "Robot/1.0"]},
                "not_match": {"ipv4_cidrs": ["192.0.2.0/24"], "hostnames": ["other.example"]},
            }),
        )]);
        assert_eq!(judged(&lists, "/oidc/register", "198.51.100.1", "10.0.0.1"), "out");
        assert_eq!(judged(&lists, "/oidc/register", "192.0.2.9", "10.0.0.1"), "in");
        assert_eq!(judged(&lists, "/oidc/register", "198.51.100.1", "11.0.0.1"), "in");
        assert_eq!(judged(&lists, "/authorize", "198.51.100.1", "10.0.0.1"), "in");
    }

    #[test]
    fn what_cannot_be_known_neither_admits_nor_keeps_out() {
        let of_country =
            json!({"action": {"block": true}, "scope": "tenant", "not_match": {"geo_country_codes": ["US"]}});
        let of_country = lists(&[(1, of_country)]);
        let here = "192.0.2.1".parse().unwrap();
        for (country, expected) in
            [(None, Verdict::Admitted), (Some("US"), Verdict::Admitted), (Some("DE"), Verdict::Blocked)]
        {
            let peer =
                Peer { address: here, connecting: here, is_secure: true, country: country.and_then(Country::parse) };
            let asked = Asked { path: "/authorize", peer: &peer, user_agent: "", host: "" };
            assert_eq!(of_country.judge(&asked).0, expected, "{country:?}");
        }
        for conditions in [
            json!({"match": {"asns": [64500]}}),
            json!({"not_match": {"ja4_fingerprints": ["x"], "ipv4_cidrs": ["10.0.0.0/8"]}}),
        ] {
            let mut rule = json!({"action": {"block": true}, "scope": "tenant"});
            rule.as_object_mut().unwrap().extend(conditions.as_object().unwrap().clone());
            assert!(lists(&[(1, rule)]).is_empty());
        }
    }
}
