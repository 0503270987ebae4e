//! The embedded engine's worker process: messages in, a realm of QuickJS that runs the program, messages out.

mod crypto;
mod native;

use std::{cell::Cell, io, os::fd::BorrowedFd, path::PathBuf, process::ExitCode, rc::Rc, time::Duration};

use rquickjs::{CatchResultExt, Context, Ctx, Function, Object, Persistent, Runtime, context::EvalOptions};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;

use crate::prelude;

/// Bytes of native stack that JavaScript may use. The process's own main thread has eight times as much.
const STACK: usize = 1 << 20;

/// Works for a server at the other end of standard input and output until it closes them. The embedded worker's process does
/// nothing else.
pub fn script_worker() -> ExitCode {
    match Worker::new().serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// What the worker itself must understand of a message; the rest is the prelude's.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Message {
    Start(Limits),
    Load(Packages),
    Run,
}

/// The folders that a program and its modules may read.
#[derive(Default, Deserialize)]
struct Packages {
    packages: Option<PathBuf>,
    #[serde(default)]
    modules: Vec<Packages>,
}

impl Packages {
    /// The folders with all links in their paths resolved.
    fn folders(self) -> Vec<PathBuf> {
        let of_modules = self.modules.into_iter().filter_map(|module| module.packages);
        of_modules.chain(self.packages).filter_map(|folder| folder.canonicalize().ok()).collect()
    }
}

/// The limits that a realm keeps.
#[derive(Clone, Copy, Default, Deserialize)]
pub(crate) struct Limits {
    console: usize,
    result: usize,
    memory: usize,
}

struct Worker {
    limits: Limits,
    realm: Option<Realm>,
    /// Whether a run is under way. Between runs the realm stands still, whatever the code left behind.
    is_running: Rc<Cell<bool>>,
    runs: Incoming,
    answers: Incoming,
}

impl Worker {
    fn new() -> Self {
        let (runs, answers) = (Incoming::new(rustix::stdio::stdin()), Incoming::new(rustix::stdio::stderr()));
        Self { limits: Limits::default(), realm: None, is_running: Rc::default(), runs, answers }
    }

    fn serve(mut self) -> io::Result<()> {
        loop {
            let next_timer = self.realm.as_ref().filter(|_| self.is_running.get()).and_then(Realm::go_on);
            let is_running = self.is_running.get();
            let (of_runs, of_answers) = readable(&self.runs, &self.answers, is_running, next_timer)?;
            let is_gone = (of_runs && !self.runs.receive()?) || (of_answers && !self.answers.receive()?);
            if is_gone {
                return Ok(());
            }
            while let Some(message) = self.runs.next() {
                self.obey(&message)?;
            }
            while let Some(message) = self.answers.next() {
                if let Some(realm) = &self.realm {
                    realm.tell(&realm.functions.answer, &message);
                }
            }
        }
    }

    fn obey(&mut self, message: &[u8]) -> io::Result<()> {
        match serde_json::from_slice(message)? {
            Message::Start(limits) => self.limits = limits,
            Message::Load(packages) => {
                let folders = packages.folders();
                let realm = Realm::new(self.limits, folders, Rc::clone(&self.is_running)).map_err(io::Error::other)?;
                realm.tell(&realm.functions.receive, message);
                self.realm = Some(realm);
            }
            Message::Run => {
                self.is_running.set(true);
                if let Some(realm) = &self.realm {
                    realm.tell(&realm.functions.receive, message);
                }
            }
        }
        Ok(())
    }
}

/// Messages that come in by a pipe, each after its length in four bytes.
struct Incoming {
    pipe: BorrowedFd<'static>,
    bytes: Vec<u8>,
}

impl Incoming {
    fn new(pipe: BorrowedFd<'static>) -> Self {
        Self { pipe, bytes: Vec::new() }
    }

    /// Reads what there is; false when the server is gone.
    fn receive(&mut self) -> io::Result<bool> {
        let mut chunk = vec![0; 64 << 10];
        let read = rustix::io::read(self.pipe, &mut *chunk)?;
        self.bytes.extend_from_slice(&chunk[..read]);
        Ok(read > 0)
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let length = u32::from_le_bytes(self.bytes.get(..4)?.try_into().ok()?);
        let end = 4 + usize::try_from(length).ok()?;
        let message = self.bytes.get(4..end)?.to_vec();
        self.bytes.drain(..end);
        Some(message)
    }
}

/// Waits until there is something to read, or the time is over. Answers are only read while something runs.
fn readable(runs: &Incoming, answers: &Incoming, is_running: bool, wait: Option<Duration>) -> io::Result<(bool, bool)> {
    let wait = wait.map(|wait| Timespec::try_from(wait).expect("timers are at most days away"));
    let mut watched = [PollFd::new(&runs.pipe, PollFlags::IN), PollFd::new(&answers.pipe, PollFlags::IN)];
    let watched = if is_running { &mut watched[..] } else { &mut watched[..1] };
    match poll(watched, wait.as_ref()) {
        Ok(_) => {
            let is_ready = |at: usize| watched.get(at).is_some_and(|watched| !watched.revents().is_empty());
            Ok((is_ready(0), is_ready(1)))
        }
        Err(rustix::io::Errno::INTR) => Ok((false, false)),
        Err(error) => Err(error.into()),
    }
}

/// The engine of the program, with its memory limit.
struct Realm {
    // Dropped in this order: what refers to the context before it.
    functions: Functions,
    context: Context,
    runtime: Runtime,
    is_running: Rc<Cell<bool>>,
}

/// What the prelude answers with, see `js/embedded/host.js`.
#[derive(Clone)]
struct Functions {
    receive: Persistent<Function<'static>>,
    answer: Persistent<Function<'static>>,
    tick: Persistent<Function<'static>>,
    settle: Persistent<Function<'static>>,
}

impl Realm {
    fn new(limits: Limits, folders: Vec<PathBuf>, is_running: Rc<Cell<bool>>) -> Result<Self, String> {
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        runtime.set_memory_limit(limits.memory);
        runtime.set_max_stack_size(STACK);
        let context = Context::full(&runtime).map_err(|error| error.to_string())?;
        let (functions, track) = context.with(|ctx| {
            start(&ctx, limits, folders, &is_running)
                .catch(&ctx)
                .map_err(|error| format!("the prelude does not start: {error}"))
        })?;
        let track = Rc::new(track);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, is_handled| {
            if let Ok(track) = Persistent::clone(&track).restore(&ctx) {
                let _: Result<(), _> = track.call((promise, reason, is_handled));
            }
        })));
        Ok(Self { functions, context, runtime, is_running })
    }

    fn tell(&self, function: &Persistent<Function<'static>>, message: &[u8]) {
        let text = String::from_utf8_lossy(message);
        self.context.with(|ctx| {
            if let Ok(function) = function.clone().restore(&ctx) {
                let _: Option<()> = function.call((text.as_ref(),)).catch(&ctx).ok();
            }
        });
    }

    /// Does all that can be done now, until the run is over; tells how long until the next timer.
    fn go_on(&self) -> Option<Duration> {
        while self.is_running.get() {
            while self.is_running.get() && matches!(self.runtime.execute_pending_job(), Ok(true) | Err(_)) {}
            if !self.is_running.get() {
                break;
            }
            let next = self.context.with(|ctx| {
                let _ = self.functions.settle.clone().restore(&ctx).and_then(|settle| settle.call::<_, ()>(()));
                self.functions.tick.clone().restore(&ctx).and_then(|tick| tick.call::<_, f64>(())).unwrap_or(-1.0)
            });
            if self.runtime.is_job_pending() {
                continue;
            }
            return (next >= 0.0).then(|| Duration::from_secs_f64(next / 1000.0));
        }
        None
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        // It holds a function of the context, which must not outlive it.
        self.runtime.set_host_promise_rejection_tracker(None);
    }
}

/// Runs the prelude in a new context.
fn start(
    ctx: &Ctx<'_>,
    limits: Limits,
    folders: Vec<PathBuf>,
    is_running: &Rc<Cell<bool>>,
) -> rquickjs::Result<(Functions, Persistent<Function<'static>>)> {
    let native = native::functions(ctx, limits, folders, is_running)?;
    let mut options = EvalOptions::default();
    options.filename = Some("aught:embedded/start".into());
    let start: Function = ctx.eval_with_options(prelude::EMBEDDED_START, options)?;
    let started: Object = start.call((native,))?;
    let function = |name: &str| rquickjs::Result::Ok(Persistent::save(ctx, started.get::<_, Function>(name)?));
    Ok((
        Functions {
            receive: function("receive")?,
            answer: function("answer")?,
            tick: function("tick")?,
            settle: function("settle")?,
        },
        function("track")?,
    ))
}
