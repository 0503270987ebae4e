//! Files: read with what their failures are told by, and written whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::de::DeserializeOwned;

use crate::Failure;

/// The text of a file, or nothing where there is none.
pub(crate) fn read(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(path.display(), error)),
    }
}

/// The text of a file that must be there.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::new(path.display(), error))
}

/// The JSON of a file that must be there.
pub(crate) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    serde_json::from_str(&text(path)?).map_err(|error| Failure::new(path.display(), error))
}

/// When each file was last written.
pub(crate) fn written<'f>(files: impl IntoIterator<Item = &'f Path>) -> Vec<Option<SystemTime>> {
    files.into_iter().map(|file| fs::metadata(file).and_then(|found| found.modified()).ok()).collect()
}

/// Writes a file that everyone may read, replacing an earlier one.
pub(crate) fn write_public(path: &Path, text: &str) -> Result<(), Failure> {
    prepare(path, text, 0o644)
        .and_then(|draft| fs::rename(draft, path))
        .map_err(|error| Failure::new(path.display(), error))
}

/// Writes a file that only its owner may read, replacing an earlier one.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    prepare(path, text, 0o600)
        .and_then(|draft| fs::rename(draft, path))
        .map_err(|error| Failure::new(path.display(), error))
}

/// Writes a file that only its owner may read, unless it exists: then tells what it holds. Of two processes that start
/// at once, one writes and both get the same text.
pub(crate) fn write_once(path: &Path, text: &str) -> Result<String, Failure> {
    let link = || {
        let draft = prepare(path, text, 0o600)?;
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(draft)?;
        linked
    };
    match link() {
        Ok(()) => Ok(text.to_owned()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => self::text(path),
        Err(error) => Err(Failure::new(path.display(), error)),
    }
}

/// A complete, synced draft beside `path`.
fn prepare(path: &Path, text: &str, mode: u32) -> io::Result<PathBuf> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let draft = PathBuf::from(name);
    let mut file = create(&draft, mode)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(draft)
}

#[cfg(unix)]
fn create(path: &Path, mode: u32) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // A draft that a crash left behind would keep its own mode.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path, _mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}
