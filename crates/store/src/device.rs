//! Who uses a session or a refresh token, as far as the requests tell.

use serde::{Deserialize, Serialize};

use crate::index::beginning;

/// The longest user agent that is kept, in bytes; the rest of a longer one is dropped.
const LONGEST_USER_AGENT: usize = 512;
/// The longest address and number of a network.
const LONGEST_ORIGIN: usize = 64;

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// The `User-Agent` header.
    #[serde(rename = "u", default, skip_serializing_if = "String::is_empty")]
    pub user_agent: String,
    /// The address.
    #[serde(rename = "i", default, skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// The number of the autonomous system that the address belongs to.
    #[serde(rename = "a", default, skip_serializing_if = "String::is_empty")]
    pub asn: String,
}

impl Agent {
    /// An agent whose texts are as long as may be kept.
    pub fn new(user_agent: &str, ip: &str, asn: &str) -> Self {
        Self {
            user_agent: beginning(user_agent, LONGEST_USER_AGENT).to_owned(),
            ip: beginning(ip, LONGEST_ORIGIN).to_owned(),
            asn: beginning(asn, LONGEST_ORIGIN).to_owned(),
        }
    }
}

/// The agents that used something first and last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The first.
    #[serde(rename = "f")]
    pub initial: Agent,
    /// The last, unless it is as the first.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    later: Option<Agent>,
}

impl Device {
    /// A device that one agent uses.
    pub fn of(agent: Agent) -> Self {
        Self { initial: agent, later: None }
    }

    /// The last agent.
    pub fn last(&self) -> &Agent {
        self.later.as_ref().unwrap_or(&self.initial)
    }

    /// Notes a further use.
    pub fn used_by(&mut self, agent: Agent) {
        self.later = (agent != self.initial).then_some(agent);
    }
}
