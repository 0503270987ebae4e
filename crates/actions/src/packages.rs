//! Packages of npm: found in the registry and unpacked, once for each set of versions. Nothing that they bring is run, and nothing
//! but the one registry is asked.

mod registry;
mod resolve;
mod unpack;

use std::{
    collections::{BTreeSet, HashSet},
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use tokio::{
    fs,
    process::Command,
    sync::{Mutex, OnceCell},
    time::timeout,
};

use self::{
    registry::{Registry, wanted},
    resolve::{Placed, Tree},
    unpack::{Room, unpack},
};
use crate::{Dependency, Settings, engine::find_program};

/// Why a build failed, for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);

/// How long a build may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Packages that are fetched at a time.
const AT_A_TIME: usize = 6;

/// The sets of packages of an installation.
pub(crate) struct Packages {
    directory: PathBuf,
    search_path: OsString,
    home: OsString,
    /// The registry's address, where the operator names it.
    named: Option<String>,
    registry: OnceCell<Registry>,
    /// Sets that are known to be unpacked.
    unpacked: std::sync::Mutex<HashSet<PathBuf>>,
    /// One build at a time; those who wait find what they need unpacked.
    installing: Mutex<()>,
}

impl Packages {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            directory: settings.directory.clone(),
            search_path: settings.search_path.clone(),
            home: settings.home.clone(),
            named: settings.registry.clone(),
            registry: OnceCell::new(),
            unpacked: std::sync::Mutex::default(),
            installing: Mutex::new(()),
        }
    }

    /// Unpacks the dependencies and returns them with the versions that were found.
    pub(crate) async fn build(&self, dependencies: &[Dependency]) -> Result<Vec<Dependency>, BuildError> {
        if dependencies.is_empty() {
            return Ok(Vec::new());
        }
        for dependency in dependencies {
            check(dependency)?;
        }
        if dependencies.iter().all(is_exact) {
            self.directory(dependencies).await?;
            return Ok(dependencies.to_vec());
        }
        let _alone = self.installing.lock().await;
        let (unpacked, exact) = self.install(dependencies).await?;
        self.keep(unpacked, &exact).await?;
        Ok(exact)
    }

    /// Where the packages of exact versions are unpacked; they are unpacked now if they are not yet.
    pub(crate) async fn directory(&self, dependencies: &[Dependency]) -> Result<PathBuf, BuildError> {
        let directory = self.path(dependencies);
        if self.known().contains(&directory) {
            return Ok(directory);
        }
        let _alone = self.installing.lock().await;
        if !is_directory(&directory).await {
            for dependency in dependencies {
                check(dependency)?;
            }
            let (unpacked, _) = self.install(dependencies).await?;
            self.keep(unpacked, dependencies).await?;
        }
        self.known().insert(directory.clone());
        Ok(directory)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.unpacked.lock().expect("no holder of this lock panics")
    }

    fn path(&self, dependencies: &[Dependency]) -> PathBuf {
        let names: BTreeSet<String> =
            dependencies.iter().map(|wanted| format!("{}@{}\n", wanted.name, wanted.version)).collect();
        let digest = digest(&SHA256, names.into_iter().collect::<String>().as_bytes());
        self.directory.join(format!("packages-{}", BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])))
    }

    /// Finds all packages of the set, fetches and unpacks them into a new folder, and tells the versions of those that were asked
    /// for.
    async fn install(&self, dependencies: &[Dependency]) -> Result<(tempfile::TempDir, Vec<Dependency>), BuildError> {
        let registry = self.registry.get_or_try_init(|| self.find_registry(dependencies)).await?;
        fs::create_dir_all(&self.directory).await.map_err(|error| failed("making its directory", &error))?;
        let unpacked = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(&self.directory);
        let unpacked = unpacked.map_err(|error| failed("making its directory", &error))?;
        let wished: Vec<(String, String)> =
            dependencies.iter().map(|wanted| (wanted.name.clone(), wanted.version.clone())).collect();
        let work = async {
            let placed = Tree::grow(registry, &wished).await?;
            fetch(registry, &placed, unpacked.path()).await?;
            let version = |name: &str| {
                placed
                    .iter()
                    .find(|found| found.depth == 0 && found.given() == name)
                    .map(|found| &found.manifest.version)
            };
            let exact = dependencies.iter().map(|wanted| Dependency {
                name: wanted.name.clone(),
                version: version(&wanted.name).cloned().unwrap_or_else(|| wanted.version.clone()),
            });
            Ok(exact.collect())
        };
        let exact = timeout(PATIENCE, work)
            .await
            .map_err(|_| BuildError("The dependencies cannot be installed: the registry took too long.".into()))??;
        // Where Node looks for the nearest manifest, there must be one that says nothing.
        let manifest = unpacked.path().join("package.json");
        fs::write(manifest, r#"{"private":true}"#).await.map_err(|error| failed("writing", &error))?;
        Ok((unpacked, exact))
    }

    /// The registry that the operator names, else the one that the machine's npm client is set to.
    async fn find_registry(&self, dependencies: &[Dependency]) -> Result<Registry, BuildError> {
        if let Some(named) = &self.named {
            return Registry::new(named);
        }
        let npm = find_program("npm", &self.search_path).ok_or_else(|| {
            let names: Vec<&str> = dependencies.iter().map(|wanted| wanted.name.as_str()).collect();
            BuildError(format!(
                "The dependencies {} cannot be installed: no registry is set, and there is no npm client here to tell one.",
                names.join(", ")
            ))
        })?;
        // It reads the operator's own settings; nothing of a tenant's is told to it.
        let mut client = Command::new(npm);
        client.args(["config", "get", "registry"]).current_dir("/").env_clear().env("PATH", &self.search_path);
        if !self.home.is_empty() {
            client.env("HOME", &self.home);
        }
        let client = client.stdin(Stdio::null()).kill_on_drop(true).output();
        let told = timeout(Duration::from_secs(30), client).await.map_err(io::Error::other).flatten();
        let told = told.map_err(|error| failed("asking the npm client for its registry", &error))?;
        Registry::new(&String::from_utf8_lossy(&told.stdout))
    }

    /// Moves what was unpacked to its place, at once and as a whole.
    async fn keep(&self, unpacked: tempfile::TempDir, dependencies: &[Dependency]) -> Result<(), BuildError> {
        let directory = self.path(dependencies);
        match fs::rename(unpacked.path(), &directory).await {
            // Another server has unpacked the same.
            Err(_) if is_directory(&directory).await => Ok(()),
            Err(error) => Err(failed("moving it to its place", &error)),
            Ok(()) => {
                let _ = unpacked.keep();
                Ok(())
            }
        }
    }
}

async fn is_directory(path: &Path) -> bool {
    fs::metadata(path).await.is_ok_and(|found| found.is_dir())
}

fn failed(doing: &str, error: &io::Error) -> BuildError {
    tracing::error!(%error, "packages: {doing}");
    BuildError(format!("The dependencies cannot be installed: {doing} failed."))
}

/// Only what the registry serves under a name and a version: no addresses, files or aliases.
fn check(dependency: &Dependency) -> Result<(), BuildError> {
    let Dependency { name: given, version } = dependency;
    if !name(given) {
        return Err(BuildError(format!("\"{given}\" is not a name of a package.")));
    }
    match wanted(given, version) {
        Ok((real, _)) if real == *given => Ok(()),
        _ => Err(BuildError(format!("\"{version}\" is not a version of {given}."))),
    }
}

/// Whether this can be the name of a package, and so of a folder.
fn name(given: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '_', '-'])
            && part != "node_modules"
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte))
    };
    let is_name = match given.strip_prefix('@') {
        None => part(given),
        Some(scoped) => scoped.split_once('/').is_some_and(|(scope, name)| part(scope) && part(name)),
    };
    is_name && given.len() <= 214
}

fn is_exact(dependency: &Dependency) -> bool {
    let version = dependency.version.split(['-', '+']).next().unwrap_or_default();
    let mut numbers = version.split('.');
    numbers.clone().count() == 3
        && numbers.all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

async fn fetch_one<'a>(registry: &Registry, package: &'a Placed) -> Result<(&'a Placed, Bytes), BuildError> {
    let tarball = registry.tarball(&package.name, &package.manifest.dist).await?;
    Ok((package, tarball))
}

/// Fetches and unpacks packages, each to its place below `folder`.
async fn fetch(registry: &Registry, placed: &[Placed], folder: &Path) -> Result<(), BuildError> {
    let fetches: Vec<BoxFuture<'_, _>> = placed.iter().map(|package| fetch_one(registry, package).boxed()).collect();
    let mut fetched = stream::iter(fetches).buffered(AT_A_TIME);
    let mut room = Room::default();
    while let Some(answer) = fetched.next().await {
        let (package, tarball) = answer?;
        let target = folder.join(&package.folder);
        let work = move || {
            let done = unpack(&tarball, &target, &mut room);
            (room, done)
        };
        let done =
            tokio::task::spawn_blocking(work).await.map_err(|error| failed("unpacking", &io::Error::other(error)))?;
        room = done.0;
        done.1.map_err(|error| {
            BuildError(format!("The dependencies cannot be installed: {} cannot be unpacked: {error}.", package.name))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependency(name: &str, version: &str) -> Dependency {
        Dependency { name: name.into(), version: version.into() }
    }

    #[test]
    fn only_names_and_versions_of_the_registry_are_installed() {
        for (name, version) in [("lodash", "4.17.21"), ("@scope/a.b-c", "latest"), ("uuid", ""), ("x", "^1 || ~2.0")] {
            assert_eq!(check(&dependency(name, version)), Ok(()), "{name}@{version}");
        }
        for (name, version) in [
            ("../x", "1.0.0"),
            ("", "1.0.0"),
            ("--flag", "1"),
            ("x", "file:/etc"),
            ("x", "https://example.com/x.tgz"),
            ("x", "npm:y@1"),
            ("@x", "1.0.0"),
        ] {
            assert!(check(&dependency(name, version)).is_err(), "{name}@{version}");
        }
    }

    #[test]
    fn exact_versions_are_told_from_ranges() {
        for exact in ["1.2.3", "10.0.0-beta.1", "1.0.0+build"] {
            assert!(is_exact(&dependency("x", exact)), "{exact}");
        }
        for range in ["", "latest", "^1.2.3", "1.2", "1.x.0", "*"] {
            assert!(!is_exact(&dependency("x", range)), "{range}");
        }
    }
}
