//! Packages of npm: resolved and unpacked by the npm client, once for each set of versions.

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
use kernel::{Document, Value};
use serde_json::json;
use tokio::{fs, process::Command, sync::Mutex, time::timeout};

use crate::{Dependency, Settings, engine::find_program};

/// Why a build failed, for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);

/// How long the npm client may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The sets of packages of an installation.
pub(crate) struct Packages {
    directory: PathBuf,
    search_path: OsString,
    /// Sets that are known to be unpacked.
    unpacked: std::sync::Mutex<HashSet<PathBuf>>,
    /// One npm client at a time; those who wait find what they need unpacked.
    installing: Mutex<()>,
}

impl Packages {
    pub(crate) fn new(settings: &Settings) -> Self {
        let (directory, search_path) = (settings.directory.clone(), settings.search_path.clone());
        Self { directory, search_path, unpacked: std::sync::Mutex::default(), installing: Mutex::new(()) }
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
        let unpacked = self.install(dependencies).await?;
        let exact = exact_versions(unpacked.path(), dependencies).await?;
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
            let unpacked = self.install(dependencies).await?;
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
        self.directory.join(format!("set-{}", BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])))
    }

    /// Runs the npm client in a new directory. Scripts of packages are not run: they would run outside any worker.
    async fn install(&self, dependencies: &[Dependency]) -> Result<tempfile::TempDir, BuildError> {
        let npm = find_program("npm", &self.search_path).ok_or_else(|| {
            let names: Vec<&str> = dependencies.iter().map(|wanted| wanted.name.as_str()).collect();
            BuildError(format!(
                "The dependencies {} cannot be installed: there is no npm client here.",
                names.join(", ")
            ))
        })?;
        fs::create_dir_all(&self.directory).await.map_err(|error| failed("making its directory", &error))?;
        let unpacked = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(&self.directory);
        let unpacked = unpacked.map_err(|error| failed("making its directory", &error))?;
        let manifest = json!({"private": true, "dependencies": wanted(dependencies)}).to_string();
        fs::write(unpacked.path().join("package.json"), manifest).await.map_err(|error| failed("writing", &error))?;
        let client = Command::new(npm)
            .args([
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--no-progress",
                "--omit=dev",
                "--install-links",
            ])
            .arg("--loglevel=error")
            .current_dir(unpacked.path())
            .env("PATH", &self.search_path)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = timeout(PATIENCE, client).await.map_err(|_| BuildError("The npm client took too long.".into()))?;
        let output = output.map_err(|error| failed("starting the npm client", &error))?;
        if !output.status.success() {
            return Err(BuildError(explain(&String::from_utf8_lossy(&output.stderr))));
        }
        Ok(unpacked)
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
    let name = &dependency.name;
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '_', '-'])
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte))
    };
    let is_name = match name.strip_prefix('@') {
        None => part(name),
        Some(scoped) => scoped.split_once('/').is_some_and(|(scope, name)| part(scope) && part(name)),
    };
    if !is_name || name.len() > 214 {
        return Err(BuildError(format!("\"{name}\" is not a name of a package.")));
    }
    let is_version =
        dependency.version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+~^<>=*| ".contains(&byte));
    if !is_version {
        return Err(BuildError(format!("\"{}\" is not a version of {name}.", dependency.version)));
    }
    Ok(())
}

fn is_exact(dependency: &Dependency) -> bool {
    let version = dependency.version.split(['-', '+']).next().unwrap_or_default();
    let mut numbers = version.split('.');
    numbers.clone().count() == 3
        && numbers.all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn wanted(dependencies: &[Dependency]) -> Document {
    (dependencies.iter())
        .map(|wanted| {
            let version = if wanted.version.trim().is_empty() { "latest" } else { wanted.version.as_str() };
            (wanted.name.clone(), Value::from(version))
        })
        .collect()
}

async fn exact_versions(unpacked: &Path, dependencies: &[Dependency]) -> Result<Vec<Dependency>, BuildError> {
    let mut exact = Vec::with_capacity(dependencies.len());
    for Dependency { name, .. } in dependencies {
        let manifest = fs::read(unpacked.join("node_modules").join(name).join("package.json")).await;
        let manifest = manifest.ok().and_then(|manifest| serde_json::from_slice::<Value>(&manifest).ok());
        let version = manifest.as_ref().and_then(|manifest| manifest["version"].as_str());
        let version = version.ok_or_else(|| BuildError(format!("The package {name} was not installed.")))?;
        exact.push(Dependency { name: name.clone(), version: version.to_owned() });
    }
    Ok(exact)
}

/// What of the npm client's words its user can act on.
fn explain(words: &str) -> String {
    let lines: Vec<&str> = (words.lines())
        .filter_map(|line| line.strip_prefix("npm error ").or_else(|| line.strip_prefix("npm ERR! ")))
        .filter(|line| {
            !line.contains("complete log of this run") && !line.contains("/_logs/") && !line.trim().is_empty()
        })
        .take(6)
        .collect();
    format!("The dependencies cannot be installed: {}", lines.join("; "))
}

#[cfg(test)]
mod tests {
    use kernel::object;

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

    #[test]
    fn no_version_means_the_latest() {
        assert_eq!(wanted(&[dependency("x", "")]), object(json!({"x": "latest"})));
    }
}
