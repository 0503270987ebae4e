//! What an operation answers.

use bytes::Bytes;
use futures::stream::BoxStream;
use http::StatusCode;
use kernel::{Document, Value};

/// The content of an answer.
pub enum Content {
    /// No body.
    Empty,
    /// A JSON value that is still projected onto the response schema.
    Json(Value),
    /// Bytes that are sent as they are, with their media type.
    Bytes(&'static str, Bytes),
    /// A stream, with its media type (server-sent events).
    Stream(&'static str, BoxStream<'static, Bytes>),
}

/// An answer: content, and a status where it is not the contract's.
pub struct Answer {
    /// Overrides the contract's success status.
    pub status: Option<StatusCode>,
    /// Headers beside `content-type`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub content: Content,
}

impl Answer {
    /// A JSON body under the contract's status.
    pub fn json(value: impl Into<Value>) -> Self {
        Self { status: None, headers: Vec::new(), content: Content::Json(value.into()) }
    }

    /// A JSON array of objects.
    pub fn list(items: Vec<Document>) -> Self {
        Self::json(Value::Array(items.into_iter().map(Value::Object).collect()))
    }

    /// No body.
    pub fn empty() -> Self {
        Self { status: None, headers: Vec::new(), content: Content::Empty }
    }

    /// 204, whatever the contract's status is.
    pub fn no_content() -> Self {
        Self::empty().status(StatusCode::NO_CONTENT)
    }

    /// Bytes of some media type.
    pub fn bytes(media_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        Self { status: None, headers: Vec::new(), content: Content::Bytes(media_type, bytes.into()) }
    }

    /// The same answer under another status.
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// The same answer with one more header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The JSON value, where there is one.
    pub fn value(&self) -> Option<&Value> {
        match &self.content {
            Content::Json(value) => Some(value),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("value", &self.value()).finish_non_exhaustive()
    }
}
