//! The registry that packages come from: the one that the operator has chosen, and no other server.

use std::{collections::BTreeMap, time::Duration};

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use nodejs_semver::{Range, Version};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use url::Url;

use super::{BuildError, name};

/// The short form of a package's metadata: what an installation needs and no more.
const SHORT_METADATA: &str = "application/vnd.npm.install-v1+json, application/json;q=0.9";
/// Bytes of one package's metadata; the largest public ones have some ten megabytes.
const METADATA: usize = 64 << 20;
/// Bytes of one package as it is sent.
const TARBALL: usize = 64 << 20;
/// What a scope's slash and other signs become in a path.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'/').add(b'?').add(b'#').add(b'%').add(b' ');

/// A registry. Every request that is made goes to its own scheme, host and port.
pub(super) struct Registry {
    base: Url,
    authorization: Option<HeaderValue>,
    client: outbound::Client,
}

impl Registry {
    /// The registry at an address, with credentials if it holds some.
    pub(super) fn new(address: &str) -> Result<Self, BuildError> {
        let unusable =
            || BuildError("The dependencies cannot be installed: the registry's address is not valid.".into());
        let mut base = Url::parse(address.trim()).map_err(|_| unusable())?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(unusable());
        }
        let authorization = match (base.username(), base.password()) {
            ("", None) => None,
            (user, password) => {
                let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
                let pair = format!("{}:{}", decoded(user), decoded(password.unwrap_or_default()));
                let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair)))
                    .map_err(|_| unusable())?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_query(None);
        base.set_fragment(None);
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        // The operator chose this one server, which may well stand in a private network.
        Ok(Self { base, authorization, client: outbound::Client::new(true) })
    }

    /// The metadata of a package.
    pub(super) async fn package(&self, name: &str) -> Result<Package, BuildError> {
        let address = format!("{}{}", self.base, utf8_percent_encode(name, ESCAPED));
        let body = self.get(&address, SHORT_METADATA, METADATA, name).await?;
        Package::parse(name, &body)
    }

    /// The package itself, whole and unchanged.
    pub(super) async fn tarball(&self, name: &str, dist: &Dist) -> Result<Bytes, BuildError> {
        let address = self.address_of(&dist.tarball).ok_or_else(|| {
            BuildError(format!("The dependencies cannot be installed: {name} is not a package of the registry."))
        })?;
        let body = self.get(address.as_str(), "*/*", TARBALL, name).await?;
        if dist.matches(&body) {
            return Ok(body);
        }
        Err(BuildError(format!(
            "The dependencies cannot be installed: {name} is not what the registry's metadata says, or has no checksum."
        )))
    }

    /// Where a tarball is: below the registry, whatever host its metadata names. A mirror often hands out the addresses of
    /// what it mirrors.
    fn address_of(&self, tarball: &str) -> Option<Url> {
        let mut address = Url::parse(tarball).ok()?;
        if !matches!(address.scheme(), "http" | "https") {
            return None;
        }
        if address.origin() != self.base.origin() {
            address = self.base.join(address.path().trim_start_matches('/')).ok()?;
        }
        address.set_fragment(None);
        (address.origin() == self.base.origin()).then_some(address)
    }

    async fn get(&self, address: &str, accept: &str, bytes: usize, name: &str) -> Result<Bytes, BuildError> {
        let failed = |reason: String| BuildError(format!("The dependencies cannot be installed: {name}: {reason}"));
        let mut request = Request::get(address).header(header::ACCEPT, accept);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization.clone());
        }
        let request = request.body(Bytes::new()).map_err(|_| failed("its address is not valid.".into()))?;
        // A redirect would lead elsewhere.
        let limits = outbound::Limits { time: Duration::from_secs(60), bytes, redirects: 0 };
        let answer = self.client.send(request, limits).await.map_err(|error| failed(error.to_string()))?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            StatusCode::NOT_FOUND => Err(failed("it is not in the registry.".into())),
            status => Err(failed(format!("the registry answered {status}."))),
        }
    }
}

/// What the registry tells of a package.
pub(super) struct Package {
    tags: BTreeMap<String, String>,
    versions: BTreeMap<String, Box<RawValue>>,
}

impl Package {
    fn parse(name: &str, body: &[u8]) -> Result<Self, BuildError> {
        #[derive(Deserialize)]
        struct Metadata {
            #[serde(default, rename = "dist-tags", deserialize_with = "texts")]
            tags: BTreeMap<String, String>,
            #[serde(default)]
            versions: BTreeMap<String, Box<RawValue>>,
        }
        let metadata: Metadata = serde_json::from_slice(body).map_err(|_| {
            BuildError(format!(
                "The dependencies cannot be installed: what the registry tells of {name} cannot be read."
            ))
        })?;
        Ok(Self { tags: metadata.tags, versions: metadata.versions })
    }

    /// The version that a tag or a range means: the newest that is marked as such before all others.
    pub(super) fn choose(&self, name: &str, wanted: &Wanted) -> Result<Manifest, BuildError> {
        let chosen = match wanted {
            Wanted::Tag(tag) => self.tags.get(tag).cloned(),
            Wanted::Range(range) => self.newest(range),
        };
        let missing = || {
            BuildError(format!(
                "The dependencies cannot be installed: the registry has no version of {name} that is wanted ({wanted})."
            ))
        };
        let manifest = chosen.and_then(|version| self.versions.get(&version)).ok_or_else(missing)?;
        serde_json::from_str(manifest.get()).map_err(|_| {
            BuildError(format!(
                "The dependencies cannot be installed: what the registry tells of {name} cannot be read."
            ))
        })
    }

    fn newest(&self, range: &Range) -> Option<String> {
        let satisfies = |version: &str| Version::parse(version).ok().filter(|version| range.satisfies(version));
        let latest = self.tags.get("latest").filter(|latest| satisfies(latest).is_some());
        let newest = || {
            let found = self.versions.keys().filter_map(|text| Some((satisfies(text)?, text)));
            found.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, text)| text)
        };
        latest.or_else(newest).cloned()
    }
}

/// Which version of a package is wanted.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Tag(String),
    Range(Range),
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Range(range) => range.fmt(f),
        }
    }
}

/// One version of a package, as far as it matters here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) version: String,
    #[serde(deserialize_with = "texts")]
    pub(super) dependencies: BTreeMap<String, String>,
    #[serde(deserialize_with = "texts")]
    pub(super) optional_dependencies: BTreeMap<String, String>,
    #[serde(deserialize_with = "texts")]
    pub(super) peer_dependencies: BTreeMap<String, String>,
    peer_dependencies_meta: BTreeMap<String, Peer>,
    /// Names of dependencies that the package itself carries, or whether it carries all.
    #[serde(alias = "bundledDependencies")]
    bundle_dependencies: kernel::Value,
    os: kernel::Value,
    cpu: kernel::Value,
    pub(super) dist: Dist,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Peer {
    optional: bool,
}

impl Manifest {
    /// Whether the package brings this dependency itself.
    pub(super) fn carries(&self, name: &str) -> bool {
        match &self.bundle_dependencies {
            kernel::Value::Bool(all) => *all,
            kernel::Value::Array(names) => names.iter().any(|carried| carried == name),
            _ => false,
        }
    }

    /// Whether it works without this peer.
    pub(super) fn can_miss(&self, peer: &str) -> bool {
        self.peer_dependencies_meta.get(peer).is_some_and(|peer| peer.optional)
    }

    /// Whether it is made for certain machines: a native part, which no worker loads.
    pub(super) fn is_native(&self) -> bool {
        [&self.os, &self.cpu].into_iter().any(|named| named.as_array().is_some_and(|named| !named.is_empty()))
    }
}

/// Where a version's tarball is, and what it must be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Dist {
    tarball: String,
    integrity: Option<String>,
    shasum: Option<String>,
}

impl Dist {
    /// Whether these are the bytes that the metadata promises. Without a checksum none are.
    fn matches(&self, bytes: &[u8]) -> bool {
        let strongest =
            [("sha512", &SHA512), ("sha384", &SHA384), ("sha256", &SHA256), ("sha1", &SHA1_FOR_LEGACY_USE_ONLY)];
        let hashes = || self.integrity.as_deref().unwrap_or_default().split_whitespace();
        for (name, algorithm) in strongest {
            let mut of_kind = hashes()
                .filter_map(|hash| hash.strip_prefix(name)?.strip_prefix('-'))
                .filter_map(|hash| BASE64_STANDARD.decode(hash.split('?').next()?).ok())
                .peekable();
            if of_kind.peek().is_some() {
                let made = digest::digest(algorithm, bytes);
                return of_kind.any(|hash| hash == made.as_ref());
            }
        }
        let Some(expected) = &self.shasum else { return false };
        let made = digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
        let made = made.as_ref().iter().fold(String::new(), |made, byte| made + &format!("{byte:02x}"));
        made.eq_ignore_ascii_case(expected)
    }
}

/// Old packages have lists, numbers and nothing where an object of texts belongs.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let found = kernel::Value::deserialize(deserializer)?;
    let members = found.as_object().into_iter().flatten();
    Ok(members.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned()))).collect())
}

/// Reads what a package's manifest says of a dependency: the name in the registry and the version. Addresses, files and
/// repositories are no packages of a registry.
pub(super) fn wanted(given_name: &str, spec: &str) -> Result<(String, Wanted), BuildError> {
    let spec = spec.trim();
    let refused = || {
        BuildError(format!(
            "The dependencies cannot be installed: \"{given_name}\" is wanted from \"{}\", and only packages of the \
             registry are installed.",
            spec.chars().take(200).collect::<String>()
        ))
    };
    let (real, version) = match spec.strip_prefix("npm:") {
        None => (given_name, spec),
        Some(alias) => {
            let at = alias.char_indices().skip(1).find(|(_, sign)| *sign == '@').map(|(at, _)| at);
            at.map_or((alias, ""), |at| (&alias[..at], &alias[at + 1..]))
        }
    };
    if !name(given_name) || !name(real) {
        return Err(refused());
    }
    let version = version.trim();
    if version.is_empty() {
        return Ok((real.to_owned(), Wanted::Tag("latest".into())));
    }
    // Only what ranges are made of; the parser might be more generous than that.
    let is_plain = version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+~^<>=*| ".contains(&byte));
    if !is_plain || version.len() > 512 {
        return Err(refused());
    }
    if let Ok(range) = Range::parse(version) {
        return Ok((real.to_owned(), Wanted::Range(range)));
    }
    let is_tag = version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if is_tag { Ok((real.to_owned(), Wanted::Tag(version.to_owned()))) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_of_the_registry_are_wanted() {
        for (name, spec) in [
            ("x", "git+http://127.0.0.1/x.git"),
            ("x", "git://host/x"),
            ("x", "user/x"),
            ("x", "github:user/x"),
            ("x", "http://127.0.0.1:1/x.tgz"),
            ("x", "file:/etc"),
            ("x", "file:../x"),
            ("x", "../x"),
            ("x", "link:/etc"),
            ("x", "workspace:*"),
            ("x", "npm:../../y@1"),
            ("../x", "1.0.0"),
            ("x/../y", "1.0.0"),
            ("node_modules/../..", "1.0.0"),
        ] {
            assert!(wanted(name, spec).is_err(), "{name}: {spec}");
        }
        for (name, spec, real) in
            [("x", "^1.2.0 || ~3", "x"), ("@a/b", "", "@a/b"), ("x", "next", "x"), ("x", "npm:@a/b@^2.0.0", "@a/b")]
        {
            assert_eq!(wanted(name, spec).unwrap().0, real, "{name}: {spec}");
        }
    }

    #[test]
    fn a_tarball_is_fetched_below_the_registry_whatever_its_metadata_says() {
        let registry = Registry::new("https://mirror.example/npm").unwrap();
        let address = |tarball: &str| registry.address_of(tarball).map(|address| address.to_string());
        assert_eq!(
            address("https://elsewhere.example/x/-/x-1.0.0.tgz").as_deref(),
            Some("https://mirror.example/npm/x/-/x-1.0.0.tgz")
        );
        assert_eq!(address("http://127.0.0.1/x").as_deref(), Some("https://mirror.example/npm/x"));
        assert_eq!(address("https://mirror.example/x.tgz").as_deref(), Some("https://mirror.example/x.tgz"));
        assert_eq!(address("file:///etc/passwd"), None);
        assert_eq!(
            address("https://a.example//b.example/x").as_deref(),
            Some("https://mirror.example/npm/b.example/x")
        );
    }

    #[test]
    fn the_strongest_checksum_counts_and_one_is_demanded() {
        let dist = |integrity: Option<&str>, shasum: Option<&str>| Dist {
            integrity: integrity.map(str::to_owned),
            shasum: shasum.map(str::to_owned),
            ..Dist::default()
        };
        let strong = format!("sha512-{}", BASE64_STANDARD.encode(digest::digest(&SHA512, b"x")));
        let weak = format!("sha1-{}", BASE64_STANDARD.encode(digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, b"y")));
        assert!(dist(Some(&format!("{weak} {strong}")), None).matches(b"x"));
        assert!(!dist(Some(&format!("{weak} {strong}")), None).matches(b"y"));
        assert!(dist(None, Some("11F6AD8EC52A2984ABAAFD7C3B516503785C2072")).matches(b"x"));
        assert!(!dist(None, None).matches(b"x"));
    }
}
