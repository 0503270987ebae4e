//! The protocol between server and worker: JSON messages, each after its length in four bytes.

use std::{collections::BTreeMap, path::PathBuf};

use kernel::{Document, Value};
use serde::{Deserialize, Serialize};
use tokio_util::codec::LengthDelimitedCodec;

use crate::{Command, ScriptError, program::ProgramKind};

/// What the server tells a worker.
#[derive(Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub(crate) enum ToWorker<'a> {
    /// First of all: the prelude, for an engine that does not carry it, and the limits that it keeps itself.
    Start { sources: &'a BTreeMap<&'static str, &'static str>, console: usize, result: usize, memory: usize },
    /// The program that the worker is for. Its code is evaluated at its first run.
    Load(Load<'a>),
    /// Call a program's handler.
    Run(Run<'a>),
    /// What came of a `fetch` or an `ask`; it goes a way of its own, since a worker reads the others only when nothing runs in it.
    Answer {
        call: u64,
        #[serde(flatten)]
        answer: Answer,
    },
}

#[derive(Serialize)]
pub(crate) struct Load<'a> {
    pub name: &'a str,
    pub kind: ProgramKind,
    pub code: &'a str,
    pub modules: Vec<LoadModule<'a>>,
    pub packages: Option<String>,
    pub secrets: &'a Document,
    pub configuration: &'a Document,
}

impl Load<'_> {
    /// The folders of packages that the program may read.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let of_modules = self.modules.iter().map(|module| &module.packages);
        of_modules.chain([&self.packages]).flatten().map(PathBuf::from).collect()
    }
}

#[derive(Serialize)]
pub(crate) struct LoadModule<'a> {
    pub name: &'a str,
    pub code: &'a str,
    pub secrets: &'a Document,
    pub packages: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Run<'a> {
    /// Random; only who has it can end the run, and the code of the run does not see it.
    #[serde(rename = "run")]
    pub nonce: &'a str,
    pub trigger: &'a str,
    pub version: &'a str,
    pub handler: &'a str,
    pub event: &'a Value,
    pub facts: &'a Document,
    pub cache: BTreeMap<String, CacheEntry>,
}

/// What came of a worker's question.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    Ok(Value),
    Error(String),
}

/// What a worker tells the server.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub(crate) enum FromWorker {
    Console {
        level: String,
        text: String,
    },
    Fetch(Fetch),
    Ask {
        call: u64,
        question: String,
        #[serde(default)]
        arguments: Vec<Value>,
    },
    Done(Box<Done>),
}

/// A call to another server that code asks for.
#[derive(Debug, Deserialize)]
pub(crate) struct Fetch {
    pub call: u64,
    pub method: String,
    pub url: String,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// In base64.
    #[serde(default)]
    pub body: String,
}

/// The end of a run.
#[derive(Debug, Deserialize)]
pub(crate) struct Done {
    pub run: String,
    #[serde(default)]
    pub commands: Vec<Command>,
    pub result: Option<Value>,
    pub event: Option<Value>,
    pub error: Option<ScriptError>,
    /// Entries of `api.cache` that changed; `None` for those that are gone.
    #[serde(default)]
    pub cache: BTreeMap<String, Option<CacheEntry>>,
    /// Microseconds of processor time that the process used since it began.
    #[serde(default)]
    pub cpu: u64,
    /// Whether the code changed what later runs rely on, or its engine is in a doubtful state.
    #[serde(default)]
    pub tainted: bool,
}

/// A value in `api.cache`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CacheEntry {
    pub value: String,
    /// Milliseconds since 1970.
    pub expires_at: f64,
}

/// Cuts a stream of bytes into messages of at most `limit` bytes.
pub(crate) fn codec(limit: usize) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().length_field_type::<u32>().little_endian().max_frame_length(limit).new_codec()
}

/// A message with its length before it.
pub(crate) fn encode(message: &ToWorker) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message).expect("messages are made of plain JSON");
    let length = u32::try_from(bytes.len() - 4).expect("a program and an event are far below 4 GiB");
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes
}
