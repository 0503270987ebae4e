//! Finding the engine, and how its workers are started.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use crate::{Engine, Settings, confine::Confinement, prelude::NODE_START};

/// How workers of an installation are started.
#[derive(Debug, Clone)]
pub(crate) enum Launch {
    /// As Node of this version.
    Node { path: PathBuf, version: (u32, u32) },
    /// As this program's own hidden command.
    Embedded { command: Vec<OsString> },
}

impl Launch {
    /// Finds the engine that the settings ask for, or tells what is missing.
    pub(crate) async fn find(settings: &Settings) -> Result<Self, String> {
        // It must be there when a worker starts, to be among what that may read.
        if let Err(error) = tokio::fs::create_dir_all(&settings.directory).await {
            tracing::warn!(%error, "the directory for packages cannot be made");
        }
        let embedded = || {
            if settings.embedded.is_empty() {
                return Err("No JavaScript engine: there is neither Node 18 or newer nor the embedded one.".to_owned());
            }
            Ok(Self::Embedded { command: settings.embedded.clone() })
        };
        match settings.engine {
            Engine::Embedded => embedded(),
            Engine::Node => {
                find_node(settings).await.ok_or_else(|| "Node 18 or newer is not on the search path.".to_owned())
            }
            Engine::Auto => match find_node(settings).await {
                Some(node) => Ok(node),
                None => embedded(),
            },
        }
    }

    /// The program with its arguments.
    pub(crate) fn command(&self, settings: &Settings) -> (OsString, Vec<OsString>) {
        match self {
            Self::Embedded { command } => (command[0].clone(), command[1..].to_vec()),
            Self::Node { path, version } => {
                let megabytes = settings.limits.memory >> 20;
                let mut flags: Vec<OsString> =
                    ["--no-warnings", "--preserve-symlinks", "--no-addons", "--no-global-search-paths"]
                        .map(Into::into)
                        .to_vec();
                flags.push(format!("--max-old-space-size={megabytes}").into());
                // Node starts a thread for each of these at once; on a server's many cores they would only cost memory.
                flags.push("--v8-pool-size=1".into());
                if *version >= (20, 0) {
                    let stable = *version >= (23, 5) || (version.0 == 22 && version.1 >= 13);
                    flags.push(if stable { "--permission" } else { "--experimental-permission" }.into());
                    flags.push(join("--allow-fs-read=", &settings.directory));
                }
                flags.extend(["-e".into(), NODE_START.into()]);
                (path.into(), flags)
            }
        }
    }

    /// What the worker's process may execute and read.
    pub(crate) fn confinement(&self, settings: &Settings) -> Confinement {
        let program = match self {
            Self::Node { path, .. } => path.clone(),
            Self::Embedded { command } => PathBuf::from(&command[0]),
        };
        Confinement { programs: vec![program], readable: vec![settings.directory.clone()] }
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
