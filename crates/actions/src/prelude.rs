//! The JavaScript that surrounds tenants' code, the same for both engines.

use std::collections::BTreeMap;

/// What Node evaluates first: it reads the prelude from its standard input and starts it.
pub(crate) const NODE_START: &str = include_str!("../js/node/start.js");

/// What the embedded engine evaluates first.
pub(crate) const EMBEDDED_START: &str = include_str!("../js/embedded/start.js");

macro_rules! sources {
    ($($name:literal),* $(,)?) => { BTreeMap::from([$(($name, include_str!(concat!("../js/", $name, ".js")))),*]) };
}

/// The prelude's modules for Node.
pub(crate) fn for_node() -> BTreeMap<&'static str, &'static str> {
    let mut sources = shared();
    sources.append(&mut sources!["node/host", "node/network", "node/guard", "node/timers"]);
    sources
}

/// The prelude's modules for the embedded engine.
pub(crate) fn for_embedded() -> BTreeMap<&'static str, &'static str> {
    let mut sources = shared();
    sources.append(&mut sources![
        "embedded/abort",
        "embedded/assert",
        "embedded/buffer",
        "embedded/crypto",
        "embedded/encoding",
        "embedded/events",
        "embedded/globals",
        "embedded/host",
        "embedded/intl",
        "embedded/modules",
        "embedded/path",
        "embedded/querystring",
        "embedded/stream",
        "embedded/timers",
        "embedded/url",
        "embedded/util",
        "embedded/web",
        "embedded/webcrypto",
    ]);
    sources
}

/// The prelude's modules that know no engine.
fn shared() -> BTreeMap<&'static str, &'static str> {
    sources![
        "worker",
        "program",
        "errors",
        "legacy",
        "packages",
        "cache",
        "fetch",
        "api/index",
        "api/check",
        "api/common",
        "api/post-login",
        "api/saml",
        "api/session",
        "api/redirect",
        "api/registration",
        "api/exchange",
        "api/messages",
        "api/passwords",
    ]
}
