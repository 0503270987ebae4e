//! Unpacking: plain files of a tarball, below one folder, within bounds.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Component, Path, PathBuf},
};

use flate2::read::GzDecoder;

/// Files of one set.
const FILES: usize = 60_000;
/// Bytes of one set.
const BYTES: u64 = 512 << 20;

/// What may still be unpacked of a set.
pub(super) struct Room {
    files: usize,
    bytes: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self { files: FILES, bytes: BYTES }
    }
}

/// Unpacks a package into `folder`. Links, devices and whatever else is no plain file are left out.
pub(super) fn unpack(tarball: &[u8], folder: &Path, room: &mut Room) -> io::Result<()> {
    // Padding and headers take their share of what is read, too.
    let reader = GzDecoder::new(tarball).take(room.bytes.saturating_mul(2));
    let mut archive = tar::Archive::new(reader);
    fs::create_dir_all(folder)?;
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let Some(path) = within(&entry.path()?) else { continue };
        room.files = room.files.checked_sub(1).ok_or_else(too_large)?;
        room.bytes = room.bytes.checked_sub(entry.size()).ok_or_else(too_large)?;
        let target = folder.join(path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = fs::File::create(&target)?;
        io::copy(&mut entry, &mut file)?;
        file.flush()?;
    }
    Ok(())
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "the packages are too large")
}

/// The path without its first part, which is the package's own folder; nothing for one that would lead out.
fn within(path: &Path) -> Option<PathBuf> {
    let mut parts = path.components().filter(|part| !matches!(part, Component::CurDir));
    parts.next().filter(|part| matches!(part, Component::Normal(_)))?;
    let kept: Option<PathBuf> = parts.map(|part| matches!(part, Component::Normal(_)).then_some(part)).collect();
    kept.filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn a_path_stays_within_its_folder() {
        for (path, kept) in [
            ("package/index.js", Some("index.js")),
            ("./package/lib/a.js", Some("lib/a.js")),
            ("package/../../x", None),
            ("../x", None),
            ("/etc/passwd", None),
            ("package", None),
        ] {
            assert_eq!(within(Path::new(path)), kept.map(PathBuf::from), "{path}");
        }
    }

    #[test]
    fn links_are_left_out() {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, "package/out", "/etc").unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        archive.append_data(&mut header, "package/out/passwd", &b"x"[..]).unwrap();
        let tarball = archive.into_inner().unwrap().finish().unwrap();
        let folder = tempfile::tempdir().unwrap();
        unpack(&tarball, folder.path(), &mut Room::default()).unwrap();
        assert_eq!(fs::read(folder.path().join("out/passwd")).unwrap(), b"x");
        assert!(!folder.path().join("out").is_symlink());
        let mut room = Room { files: 0, ..Room::default() };
        assert!(unpack(&tarball, folder.path(), &mut room).is_err());
    }
}
