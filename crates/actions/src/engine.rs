//! Finding the engine, and how its workers are started.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use crate::{
    Confinement, Engine, Settings,
    confine::{self, hides_files},
    prelude::NODE_START,
};

/// The first version of Node that has permissions of its own.
const PERMISSIONS: (u32, u32) = (20, 0);

/// How workers of an installation are started.
#[derive(Debug, Clone)]
pub(crate) enum Launch {
    /// As Node of this version.
    Node { path: PathBuf, version: (u32, u32) },
    /// As this program's own hidden command.
    Embedded {
        command: Vec<OsString>,
        /// Whether code with packages is not run: nothing would keep it from files.
        refuses_packages: bool,
    },
}

impl Launch {
    /// Finds the engine that the settings ask for, or tells what is missing.
    pub(crate) async fn find(settings: &Settings) -> Result<Self, String> {
        let is_confined = tokio::task::spawn_blocking(hides_files).await.unwrap_or(false);
        let must_confine = !is_confined && settings.confinement == Confinement::Required;
        let embedded = || {
            if settings.embedded.is_empty() {
                return Err("No JavaScript engine: there is neither Node 18 or newer nor the embedded one.".to_owned());
            }
            Ok(Self::Embedded { command: settings.embedded.clone(), refuses_packages: must_confine })
        };
        let is_safe =
            |node: &Self| !must_confine || matches!(node, Self::Node { version, .. } if *version >= PERMISSIONS);
        match settings.engine {
            Engine::Embedded => embedded(),
            Engine::Node => match find_node(settings).await {
                Some(node) if is_safe(&node) => Ok(node),
                Some(_) => {
                    Err("Nothing keeps code from the server's files: the kernel cannot confine it, and this Node is \
                                older than 20. The operator may allow it all the same."
                        .to_owned())
                }
                None => Err("Node 18 or newer is not on the search path.".to_owned()),
            },
            Engine::Auto => match find_node(settings).await {
                Some(node) if is_safe(&node) => Ok(node),
                _ => embedded(),
            },
        }
    }

    /// Why a program must not be run or built here.
    pub(crate) fn refusal(&self, has_packages: bool) -> Option<&'static str> {
        let is_refused = has_packages && matches!(self, Self::Embedded { refuses_packages: true, .. });
        is_refused.then_some(
            "The dependencies are refused: the kernel cannot keep code with packages from the server's files, and the operator \
             has not allowed it.",
        )
    }

    /// The program with its arguments, for a worker that may read these folders.
    pub(crate) fn command(&self, settings: &Settings, folders: &[PathBuf]) -> (OsString, Vec<OsString>) {
        match self {
            Self::Embedded { command, .. } => (command[0].clone(), command[1..].to_vec()),
            Self::Node { path, version } => {
                let megabytes = settings.limits.memory >> 20;
                let mut flags: Vec<OsString> =
                    ["--no-warnings", "--preserve-symlinks", "--no-addons", "--no-global-search-paths"]
                        .map(Into::into)
                        .to_vec();
                flags.push(format!("--max-old-space-size={megabytes}").into());
                // Node starts a thread for each of these at once; on a server's many cores they would only cost memory.
                flags.push("--v8-pool-size=1".into());
                if *version >= PERMISSIONS {
                    let stable = *version >= (23, 5) || (version.0 == 22 && version.1 >= 13);
                    flags.push(if stable { "--permission" } else { "--experimental-permission" }.into());
                    flags.extend(folders.iter().map(|folder| join("--allow-fs-read=", folder)));
                }
                flags.extend(["-e".into(), NODE_START.into()]);
                (path.into(), flags)
            }
        }
    }

    /// What the worker's process may execute and read.
    pub(crate) fn confinement(&self, folders: &[PathBuf]) -> confine::Confinement {
        let program = match self {
            Self::Node { path, .. } => path.clone(),
            Self::Embedded { command, .. } => PathBuf::from(&command[0]),
        };
        confine::Confinement { programs: vec![program], readable: folders.to_vec() }
    }
}

fn join(flag: &str, path: &Path) -> OsString {
    let mut joined = OsString::from(flag);
    joined.push(path);
    // A directory stands for what is below it only with a star.
    joined.push("/*");
    joined
}

async fn find_node(settings: &Settings) -> Option<Launch> {
    let path = find_program("node", &settings.search_path)?;
    let output = tokio::process::Command::new(&path).arg("--version").env_clear().output().await.ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    let mut numbers = version.trim().strip_prefix('v')?.split('.').map(str::parse);
    let version = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (version >= (18, 0)).then_some(Launch::Node { path, version })
}

/// A program on a search path, links resolved.
pub(crate) fn find_program(name: &str, search_path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(search_path)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .and_then(|path| path.canonicalize().ok())
}
