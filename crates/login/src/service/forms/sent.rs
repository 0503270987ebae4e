//! What a visitor sent of a form: fields, and files with them.

use axum::{body::Body, extract::Request};
use flows::journey::{Entered, Upload};
use http::header;
use kernel::{Context, id};

/// Longest form without files, in bytes.
const LONGEST: usize = 256 * 1024;
/// Longest form with files, in bytes.
pub const LONGEST_FORM: usize = 12 << 20;
/// Most fields of a form that are read.
const FIELDS: usize = 500;
/// Most files of a form that are read.
const FILES: usize = 20;

/// A form that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) entered: Entered,
}

/// A file that was sent with a form.
pub(crate) struct SentFile {
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

impl Sent {
    /// Whether a request sends files.
    pub(crate) fn has_files(request: &Request) -> bool {
        boundary(request).is_some()
    }

    /// Reads a form that was sent to this place; `None` where it is too long, or not a form.
    pub(crate) async fn read(place: &str, request: Request, takes_files: bool, context: &Context) -> Option<Self> {
        if let Some(boundary) = boundary(&request) {
            if !takes_files {
                return None;
            }
            return Self::with_files(place, request.into_body(), boundary, context).await;
        }
        let body = axum::body::to_bytes(request.into_body(), LONGEST).await.ok()?;
        Some(Self::without_files(&body))
    }

    /// A form without files.
    pub(crate) fn without_files(body: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(body).take(FIELDS);
        let entered = Entered::of(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())));
        Self { entered }
    }

    async fn with_files(place: &str, body: Body, boundary: String, context: &Context) -> Option<Self> {
        let body = axum::body::to_bytes(body, LONGEST_FORM).await.ok()?;
        let stream = futures::stream::once(async move { Ok::<_, std::convert::Infallible>(body) });
        let mut parts = multer::Multipart::new(stream, boundary);
        let (mut pairs, mut files) = (Vec::new(), Vec::new());
        while let Some(part) = parts.next_field().await.ok()? {
            if pairs.len() >= FIELDS || files.len() > FILES {
                return None;
            }
            let name = part.name()?.to_owned();
            let Some(file) = part.file_name().map(named) else {
                let text = part.text().await.ok()?;
                if text.len() > LONGEST {
                    return None;
                }
                pairs.push((name, text));
                continue;
            };
            let media_type =
                part.content_type().map_or("application/octet-stream", |kind| kind.essence_str()).to_owned();
            let content = part.bytes().await.ok()?.to_vec();
            let id = format!("file_{}", context.text(id::BASE58, 22));
            let url = format!("{place}/file/{id}");
            files.push((name, Upload { id, url, name: file, media_type, content }));
        }
        let mut entered = Entered::of(pairs);
        for (name, upload) in files {
            entered.upload(name, upload);
        }
        Some(Self { entered })
    }
}

fn boundary(request: &Request) -> Option<String> {
    let kind = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    multer::parse_boundary(kind).ok()
}

/// The name of a file, without the folders and what no name has.
fn named(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|letter| !letter.is_control()).take(150).collect()
}
