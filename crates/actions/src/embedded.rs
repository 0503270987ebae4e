//! The embedded engine's worker process: messages in, realms of QuickJS that run programs, messages out.

mod crypto;
mod native;

use std::{collections::HashMap, io, process::ExitCode, rc::Rc, time::Duration};

use rquickjs::{CatchResultExt, Context, Ctx, Function, Object, Persistent, Runtime, context::EvalOptions};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;

use crate::prelude;

/// Bytes of native stack that JavaScript may use. The process's own main thread has eight times as much.
const STACK: usize = 1 << 20;

/// Works for a server at the other end of standard input and output until it closes them. The embedded worker's process does
/// nothing else.
pub fn script_worker() -> ExitCode {
    match Worker::default().serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// What the worker itself must understand of a message; the rest is the prelude's.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Message {
    Start(Limits),
    Load { program: String },
    Drop { program: String },
    Run { program: String },
    Answer,
}

/// The limits that a realm keeps.
#[derive(Clone, Copy, Default, Deserialize)]
pub(crate) struct Limits {
    console: usize,
    result: usize,
    memory: usize,
}

#[derive(Default)]
struct Worker {
    limits: Limits,
    realms: HashMap<String, Realm>,
    /// The program that runs or ran last: the only one that may go on.
    current: String,
    incoming: Vec<u8>,
}

impl Worker {
    fn serve(mut self) -> io::Result<()> {
        loop {
            let next_timer = self.realms.get(&self.current).and_then(Realm::go_on);
            if !is_readable(next_timer)? {
                continue;
            }
            if !self.receive()? {
                return Ok(());
            }
            while let Some(message) = self.next_message() {
                self.obey(&message)?;
            }
        }
    }

    /// Reads what there is; false when the server is gone.
    fn receive(&mut self) -> io::Result<bool> {
        let mut chunk = vec![0; 64 << 10];
        let read = rustix::io::read(rustix::stdio::stdin(), &mut *chunk)?;
        self.incoming.extend_from_slice(&chunk[..read]);
        Ok(read > 0)
    }

    fn next_message(&mut self) -> Option<Vec<u8>> {
        let length = u32::from_le_bytes(self.incoming.get(..4)?.try_into().ok()?);
        let end = 4 + usize::try_from(length).ok()?;
        let message = self.incoming.get(4..end)?.to_vec();
        self.incoming.drain(..end);
        Some(message)
    }

    fn obey(&mut self, message: &[u8]) -> io::Result<()> {
        match serde_json::from_slice(message)? {
            Message::Start(limits) => self.limits = limits,
            Message::Load { program } => {
                let realm = Realm::new(self.limits).map_err(io::Error::other)?;
                realm.receive(message);
                self.realms.insert(program, realm);
            }
            Message::Drop { program } => drop(self.realms.remove(&program)),
            Message::Run { program } => {
                self.current = program;
                self.tell_current(message);
            }
            Message::Answer => self.tell_current(message),
        }
        Ok(())
    }

    fn tell_current(&self, message: &[u8]) {
        if let Some(realm) = self.realms.get(&self.current) {
            realm.receive(message);
        }
    }
}

/// Waits until there is something to read, or the time is over.
fn is_readable(wait: Option<Duration>) -> io::Result<bool> {
    let stdin = rustix::stdio::stdin();
    let wait = wait.map(|wait| Timespec::try_from(wait).expect("timers are at most days away"));
    match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], wait.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// An engine of its own for one program, with its own memory limit: nothing is shared with other programs.
struct Realm {
    // Dropped in this order: what refers to the context before it.
    functions: Functions,
    context: Context,
    runtime: Runtime,
}

/// What the prelude answers with, see `js/embedded/host.js`.
#[derive(Clone)]
struct Functions {
    receive: Persistent<Function<'static>>,
    tick: Persistent<Function<'static>>,
    settle: Persistent<Function<'static>>,
}

impl Realm {
    fn new(limits: Limits) -> Result<Self, String> {
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        runtime.set_memory_limit(limits.memory);
        runtime.set_max_stack_size(STACK);
        let context = Context::full(&runtime).map_err(|error| error.to_string())?;
        let (functions, track) = context.with(|ctx| {
            start(&ctx, limits).catch(&ctx).map_err(|error| format!("the prelude does not start: {error}"))
        })?;
        let track = Rc::new(track);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, is_handled| {
            if let Ok(track) = Persistent::clone(&track).restore(&ctx) {
                let _: Result<(), _> = track.call((promise, reason, is_handled));
            }
        })));
        Ok(Self { functions, context, runtime })
    }

    fn receive(&self, message: &[u8]) {
        let text = String::from_utf8_lossy(message);
        self.context.with(|ctx| {
            if let Ok(receive) = self.functions.receive.clone().restore(&ctx) {
                let _: Option<()> = receive.call((text.as_ref(),)).catch(&ctx).ok();
            }
        });
    }

    /// Does all that can be done now; tells how long until the next timer.
    fn go_on(&self) -> Option<Duration> {
        loop {
            while let Ok(true) | Err(_) = self.runtime.execute_pending_job() {}
            let next = self.context.with(|ctx| {
                let _ = self.functions.settle.clone().restore(&ctx).and_then(|settle| settle.call::<_, ()>(()));
                self.functions.tick.clone().restore(&ctx).and_then(|tick| tick.call::<_, f64>(())).unwrap_or(-1.0)
            });
            if self.runtime.is_job_pending() {
                continue;
            }
            return (next >= 0.0).then(|| Duration::from_secs_f64(next / 1000.0));
        }
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        // It holds a function of the context, which must not outlive it.
        self.runtime.set_host_promise_rejection_tracker(None);
    }
}

/// Runs the prelude in a new context.
fn start(ctx: &Ctx<'_>, limits: Limits) -> rquickjs::Result<(Functions, Persistent<Function<'static>>)> {
    let native = native::functions(ctx, limits)?;
    let mut options = EvalOptions::default();
    options.filename = Some("aught:embedded/start".into());
    let start: Function = ctx.eval_with_options(prelude::EMBEDDED_START, options)?;
    let started: Object = start.call((native,))?;
    let function = |name: &str| rquickjs::Result::Ok(Persistent::save(ctx, started.get::<_, Function>(name)?));
    Ok((
        Functions { receive: function("receive")?, tick: function("tick")?, settle: function("settle")? },
        function("track")?,
    ))
}
