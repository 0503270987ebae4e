//! Files that visitors send.

use kernel::Value;
use serde_json::json;

use super::{Wrong, wrong};
use crate::journey::Component;

/// Largest file, in bytes.
const LARGEST: u64 = 5 << 20;
/// Most files of one field.
const MOST: u64 = 10;
/// What files of a category end with.
const CATEGORIES: &[(&str, &[&str])] = &[
    ("AUDIO", &["aac", "flac", "m4a", "mp3", "oga", "ogg", "opus", "wav", "weba"]),
    ("VIDEO", &["avi", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ogv", "webm"]),
    ("IMAGE", &["avif", "bmp", "gif", "heic", "jpeg", "jpg", "png", "tif", "tiff", "webp"]),
    ("DOCUMENT", &["csv", "doc", "docx", "md", "odp", "ods", "odt", "pdf", "ppt", "pptx", "rtf", "txt", "xls", "xlsx"]),
    ("ARCHIVE", &["7z", "bz2", "gz", "rar", "tar", "tgz", "xz", "zip"]),
];

/// A file that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// By what it is known from now on.
    pub id: String,
    /// Where whoever knows the address gets it.
    pub url: String,
    /// What the visitor calls it.
    pub name: String,
    /// What its browser says that it is.
    pub media_type: String,
    /// Its content.
    pub content: Vec<u8>,
}

impl Component {
    /// What files of this field may end with; nothing where they may end with anything.
    pub fn extensions(&self) -> Vec<String> {
        let listed = |name: &str| self.config(name).and_then(Value::as_array).into_iter().flatten();
        let own =
            listed("extensions").filter_map(Value::as_str).map(|text| text.trim_start_matches('.').to_lowercase());
        let of_categories = listed("categories").filter_map(|category| {
            CATEGORIES.iter().find(|(name, _)| *category == **name).map(|(_, extensions)| *extensions)
        });
        own.chain(of_categories.flatten().map(|extension| (*extension).to_owned())).collect()
    }

    /// Most bytes of one file of this field.
    pub fn most_bytes(&self) -> u64 {
        self.config("maxSize").and_then(Value::as_u64).unwrap_or(LARGEST).min(LARGEST)
    }

    /// Most files of this field.
    pub fn most_files(&self) -> u64 {
        let most = if self.is("multiple") { MOST } else { 1 };
        self.config("maxFiles").and_then(Value::as_u64).unwrap_or(most).min(most)
    }
}

/// What was sent now, else what was sent before.
pub(super) fn read(field: &Component, uploads: &[Upload], before: Option<&Value>) -> Result<Value, Wrong> {
    let uploads: Vec<&Upload> = uploads.iter().filter(|upload| !upload.content.is_empty()).collect();
    if uploads.is_empty() {
        return Ok(before.cloned().unwrap_or_default());
    }
    // Nothing is sent to a storage that belongs to somebody else.
    if field.config("storage").and_then(|storage| storage.get("type")).is_some_and(|kind| kind == "CUSTOM") {
        return wrong("ERR_NOT_AVAILABLE");
    }
    if uploads.len() as u64 > field.most_files() {
        return Err(("ERR_TOO_MANY_FILES", vec![("maxFiles", field.most_files().to_string())]));
    }
    let extensions = field.extensions();
    let mut files = Vec::new();
    for upload in uploads {
        if upload.content.len() as u64 > field.most_bytes() {
            return Err(("ERR_FILE_TOO_LARGE", vec![("maxSize", field.most_bytes().to_string())]));
        }
        let extension = upload.name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default();
        if !extensions.is_empty() && !extensions.contains(&extension) {
            return wrong("ERR_FILE_TYPE");
        }
        files.push(json!({
            "id": upload.id, "name": upload.name, "type": upload.media_type, "size": upload.content.len(), "url": upload.url,
        }));
    }
    Ok(files.into())
}
