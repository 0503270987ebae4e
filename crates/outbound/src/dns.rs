//! Questions to the domain name system: whether a name carries the record that proves whose it is, and whether it takes mail.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use hickory_resolver::{
    ResolverBuilder, TokioResolver,
    proto::rr::{RData, RecordType},
};

/// Where records are looked up.
#[derive(Clone, Debug)]
pub enum Dns {
    /// With the system's name servers.
    System(System),
    /// Nowhere: every record is taken to be there, for machines without names of their own.
    Trusting,
    /// In a table of names and their records, for tests.
    Table(Arc<HashMap<String, String>>),
}

/// The system's name servers, asked when they are first needed.
#[derive(Clone, Debug, Default)]
pub struct System(Arc<OnceLock<TokioResolver>>);

/// The kind of record that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Another name for the name.
    Cname,
    /// A text.
    Txt,
}

impl Default for Dns {
    fn default() -> Self {
        Self::System(System::default())
    }
}

impl Dns {
    /// Whether a name carries this record. The error tells a tenant why nobody knows.
    pub async fn carries(&self, name: &str, proof: Proof, record: &str) -> Result<bool, String> {
        let is_meant = |found: &str| match proof {
            Proof::Cname => found.trim_end_matches('.').eq_ignore_ascii_case(record),
            Proof::Txt => found == record,
        };
        match self {
            Self::Trusting => Ok(true),
            Self::Table(table) => Ok(table.get(name).is_some_and(|found| is_meant(found))),
            Self::System(system) => Ok(system.lookup(name, proof).await?.iter().any(|found| is_meant(found))),
        }
    }

    /// Whether a domain names servers that take its mail. The error tells a tenant why nobody knows.
    pub async fn takes_mail(&self, domain: &str) -> Result<bool, String> {
        match self {
            Self::Trusting => Ok(true),
            Self::Table(table) => Ok(table.contains_key(domain)),
            Self::System(system) => {
                let found = system.records(domain, RecordType::MX).await?;
                // A lone dot says that the domain takes none (RFC 7505).
                let is_server = |data: &RData| matches!(data, RData::MX(server) if !server.exchange.is_root());
                Ok(found.iter().any(is_server))
            }
        }
    }
}

impl System {
    async fn lookup(&self, name: &str, proof: Proof) -> Result<Vec<String>, String> {
        let kind = match proof {
            Proof::Cname => RecordType::CNAME,
            Proof::Txt => RecordType::TXT,
        };
        Ok(self.records(name, kind).await?.iter().filter_map(text).collect())
    }

    async fn records(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, String> {
        // A dot at the end: the name is whole, and not one within the machine's own domain.
        match self.resolver()?.lookup(format!("{name}."), kind).await {
            Ok(found) => Ok(found.answers().iter().map(|record| record.data.clone()).collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => {
                tracing::warn!(name, %error, "a name could not be looked up");
                Err(format!("The records of \"{name}\" could not be looked up."))
            }
        }
    }

    fn resolver(&self) -> Result<&TokioResolver, String> {
        if let Some(resolver) = self.0.get() {
            return Ok(resolver);
        }
        let resolver = TokioResolver::builder_tokio().and_then(ResolverBuilder::build).map_err(|error| {
            tracing::warn!(%error, "the system's name servers are not known");
            "Names cannot be looked up.".to_owned()
        })?;
        Ok(self.0.get_or_init(|| resolver))
    }
}

fn text(data: &RData) -> Option<String> {
    match data {
        RData::CNAME(name) => Some(name.to_string()),
        RData::TXT(text) => Some(text.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_compared_without_case_and_a_text_exactly() {
        let record = |text: &str| Dns::Table(Arc::new(HashMap::from([("a.example".to_owned(), text.to_owned())])));
        assert_eq!(record("Edge.Example.").carries("a.example", Proof::Cname, "edge.example").await, Ok(true));
        assert_eq!(record("Token").carries("a.example", Proof::Txt, "token").await, Ok(false));
        assert_eq!(record("token").carries("b.example", Proof::Txt, "token").await, Ok(false));
        assert_eq!(Dns::Trusting.carries("b.example", Proof::Txt, "token").await, Ok(true));
    }
}
