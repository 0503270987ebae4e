//! Where a PostgreSQL server is, and how it is reached without a pooler that stands before it.

use std::time::Duration;

use tokio_postgres::Config;

use crate::{StoreResult, tls::Encryption};

/// The word in a database's URL for the server's own address, `HOST:PORT`, where the URL leads to a pooler.
const DIRECT: &str = "direct=";

/// What a URL says.
pub(crate) struct Address {
    pub(crate) config: Config,
    /// The same without a pooler.
    pub(crate) direct: Config,
    pub(crate) encryption: Encryption,
}

impl Address {
    pub(crate) fn parse(url: &str) -> StoreResult<Self> {
        let (url, direct) = split(url);
        let config = config(&url)?;
        let direct = direct.map_or_else(|| Ok(config.clone()), |direct| self::config(&direct))?;
        let encryption = Encryption::of(&config)?;
        Ok(Self { config, direct, encryption })
    }
}

fn config(url: &str) -> StoreResult<Config> {
    let mut config: Config = url.parse()?;
    config.application_name("aught").keepalives_idle(Duration::from_secs(30));
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(10));
    }
    Ok(config)
}

/// The URL as the driver knows it, and the same at the server's own address.
fn split(url: &str) -> (String, Option<String>) {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (direct, others): (Vec<_>, Vec<_>) = query.split('&').partition(|word| word.starts_with(DIRECT));
    let query = others.join("&");
    let with = |base: &str| if query.is_empty() { base.to_owned() } else { format!("{base}?{query}") };
    let elsewhere = direct.first().and_then(|word| {
        let (scheme, rest) = base.split_once("://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let user = authority.rsplit_once('@').map_or(String::new(), |(user, _)| format!("{user}@"));
        Some(with(&format!("{scheme}://{user}{}/{path}", &word[DIRECT.len()..])))
    });
    (with(base), elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, pooled: &str, direct: Option<&str>) {
        assert_eq!(split(url), (pooled.to_owned(), direct.map(str::to_owned)));
    }

    #[test]
    fn a_url_names_the_server_behind_a_pooler() {
        check("postgres://me@pool/aught", "postgres://me@pool/aught", None);
        check(
            "postgres://me:p%40ss@pool:6432/aught?sslmode=require&direct=db:5432&password=x",
            "postgres://me:p%40ss@pool:6432/aught?sslmode=require&password=x",
            Some("postgres://me:p%40ss@db:5432/aught?sslmode=require&password=x"),
        );
        check("postgres://pool?direct=db", "postgres://pool", Some("postgres://db/"));
    }
}
