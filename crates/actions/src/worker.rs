//! One worker process, seen from the server: starting it, talking to it, ending it.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use bytes::{Buf, BytesMut};
use futures::{StreamExt, stream::FuturesUnordered};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group};
use tokio::{
    net::unix::pipe,
    process::{Child, Command},
    sync::oneshot,
    time::{Instant, interval_at, sleep_until, timeout},
};
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

use crate::{
    ConsoleLine, Invocation, Outbound, Outcome, ScriptError, Settings,
    confine::confine_thread,
    engine::Launch,
    frame::{self, Answer, Done, FromWorker, Load, Run, ToWorker},
    network::carry_out,
    prelude,
};

/// Programs that one worker keeps loaded; the one that was not used for longest goes first.
const PROGRAMS: usize = 16;
/// Bytes that a worker may hold beside its JavaScript's memory: the engine itself, and buffers outside its heap.
const NATIVE_MEMORY: usize = 160 << 20;
/// Bytes that a worker may reserve beside its JavaScript's memory. Engines reserve much more than they use.
const RESERVED_MEMORY: u64 = 1 << 30;
/// How often it is looked at what a worker holds while it runs.
const WATCH: Duration = Duration::from_millis(50);

/// A running worker process. Dropping it ends the process and all that it started.
pub(crate) struct Worker {
    child: Child,
    pid: Pid,
    reader: FramedRead<pipe::Receiver, LengthDelimitedCodec>,
    writer: Writer,
    /// Ids of the programs that it has loaded, the last used one last.
    loaded: VecDeque<String>,
    runs: u64,
    /// Processor time that it has used, as of its last run.
    cpu: Duration,
}

impl Worker {
    /// Starts a process, confined, with an empty environment and in a group of its own.
    pub(crate) async fn start(launch: &Launch, settings: &Settings) -> io::Result<Self> {
        let mut child = spawn(launch, settings).await?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.ok_or_else(|| io::Error::other("the worker ended at once"))?;
        let (stdin, stdout) = (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
        // A worker needs room for its longest message: everything that a call gives back, or the body of a request.
        let longest = settings.limits.result.max(settings.limits.answer) * 2 + (64 << 10);
        let mut worker = Self {
            child,
            pid,
            reader: FramedRead::new(pipe::Receiver::from_owned_fd(stdout.into_owned_fd()?)?, frame::codec(longest)),
            writer: Writer { pipe: pipe::Sender::from_owned_fd(stdin.into_owned_fd()?)?, waiting: BytesMut::new() },
            loaded: VecDeque::new(),
            runs: 0,
            cpu: Duration::ZERO,
        };
        worker.limit_process(settings);
        let sources = if matches!(launch, Launch::Node { .. }) { prelude::for_node() } else { BTreeMap::default() };
        let limits = settings.limits;
        worker.writer.push(&ToWorker::Start {
            sources: &sources,
            console: limits.console,
            result: limits.result,
            memory: limits.memory,
        });
        Ok(worker)
    }

    /// Whether its process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Whether it has loaded the program.
    pub(crate) fn has(&self, program: &str) -> bool {
        self.loaded.iter().any(|loaded| loaded == program)
    }

    /// Tells it a program that a later run will name. `load` is only asked when it does not know the program.
    pub(crate) fn load<'a>(&mut self, program: &str, load: impl FnOnce() -> Load<'a>) {
        if let Some(position) = self.loaded.iter().position(|loaded| loaded == program) {
            self.loaded.remove(position);
        } else {
            self.writer.push(&ToWorker::Load(load()));
            if self.loaded.len() == PROGRAMS {
                let oldest = self.loaded.pop_front().expect("it is full");
                self.writer.push(&ToWorker::Drop { program: &oldest });
            }
        }
        self.loaded.push_back(program.to_owned());
    }

    /// Runs a loaded program until it is done, `deadline` has passed or the process has broken a rule. Console lines and times
    /// go to `outcome` in any case.
    pub(crate) async fn run(
        &mut self,
        mut run: Run<'_>,
        call: &Invocation,
        settings: &Settings,
        outbound: &Arc<dyn Outbound>,
        deadline: Instant,
        outcome: &mut Outcome,
    ) -> Result<Done, Broken> {
        self.runs += 1;
        run.number = self.runs;
        self.limit_processor_time(settings.limits.cpu);
        self.writer.push(&ToWorker::Run(run));
        let mut exchange = Exchange { calls: 0, console: 0, external_since: None };
        let mut answers = FuturesUnordered::new();
        let mut watch = interval_at(Instant::now() + WATCH, WATCH);
        let done = loop {
            tokio::select! {
                biased;
                message = self.reader.next() => match self.read(message).await? {
                    FromWorker::Console { level, text } => exchange.console(settings, outcome, level, text),
                    FromWorker::Done(done) if done.run == self.runs => break done,
                    FromWorker::Done(_) => return Err(Broken::Protocol),
                    FromWorker::Fetch(fetch) => {
                        let permitted = exchange.permit_call(settings);
                        answers.push(Box::pin(async move {
                            let (id, limit) = (fetch.call, settings.limits.answer);
                            match permitted {
                                Ok(()) => (id, carry_out(&**outbound, fetch, limit).await),
                                Err(refusal) => (id, Answer::Error(refusal)),
                            }
                        }) as futures::future::BoxFuture<'_, (u64, Answer)>);
                    }
                    FromWorker::Ask { call: id, question, arguments } => {
                        let permitted = exchange.permit_call(settings);
                        answers.push(Box::pin(async move {
                            (id, match permitted {
                                Ok(()) => ask(call, &question, arguments).await,
                                Err(refusal) => Answer::Error(refusal),
                            })
                        }));
                    }
                },
                sent = self.writer.flush(), if !self.writer.waiting.is_empty() => {
                    // A process that takes nothing any more has ended; reading tells how.
                    if sent.is_err() { self.writer.waiting.clear(); }
                },
                Some((call, answer)) = answers.next(), if !answers.is_empty() => {
                    self.writer.push(&ToWorker::Answer { call, answer });
                    if answers.is_empty() { exchange.end_wait(outcome); }
                },
                _ = watch.tick() => if self.resident() > settings.limits.memory + NATIVE_MEMORY {
                    return Err(Broken::Memory);
                },
                () = sleep_until(deadline) => return Err(Broken::Timeout),
            }
        };
        exchange.end_wait(outcome);
        let used = Duration::from_micros(done.cpu);
        outcome.stats.cpu = used.saturating_sub(self.cpu);
        self.cpu = used;
        Ok(*done)
    }

    /// Bytes that the process holds, as far as the system tells.
    fn resident(&self) -> usize {
        let pages = std::fs::read_to_string(format!("/proc/{}/statm", self.pid.as_raw_nonzero())).ok();
        let pages = pages.and_then(|told| told.split(' ').nth(1)?.parse::<usize>().ok());
        pages.unwrap_or_default() * rustix::param::page_size()
    }

    async fn read(&mut self, message: Option<io::Result<BytesMut>>) -> Result<FromWorker, Broken> {
        match message {
            Some(Ok(message)) => serde_json::from_slice(&message).map_err(|_| Broken::Protocol),
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Err(Broken::TooLarge),
            Some(Err(_)) | None => {
                let status = timeout(Duration::from_secs(1), self.child.wait()).await;
                Err(Broken::Died(status.ok().and_then(Result::ok).and_then(|status| status.signal())))
            }
        }
    }

    /// Bounds what the process may take for all of its life.
    fn limit_process(&self, settings: &Settings) {
        let same = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
        let limits = [
            (Resource::Core, 0),
            (Resource::Fsize, 0),
            (Resource::Nofile, 256),
            (Resource::Data, settings.limits.memory as u64 + RESERVED_MEMORY),
        ];
        for (resource, value) in limits {
            self.set_limit(resource, same(value));
        }
    }

    /// Lets the process use so much more processor time. The kernel counts whole seconds, and kills it after them.
    fn limit_processor_time(&self, more: Duration) {
        let seconds = (self.cpu + more).as_secs() + 1;
        self.set_limit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: None });
    }

    fn set_limit(&self, resource: Resource, limit: Rlimit) {
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::prlimit(Some(self.pid), resource, limit) {
            tracing::warn!(%error, ?resource, "a limit of a script worker could not be set");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.is_alive() {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }
}

async fn ask(call: &Invocation, question: &str, arguments: Vec<kernel::Value>) -> Answer {
    match &call.services {
        None => Answer::Error(format!("{question} is not available here.")),
        Some(services) => services.ask(question, arguments).await.map_or_else(Answer::Error, Answer::Ok),
    }
}

/// The process is started by a thread of its own that first denies itself what the worker must not have, and ends then.
async fn spawn(launch: &Launch, settings: &Settings) -> io::Result<Child> {
    let (program, arguments) = launch.command(settings);
    let confinement = launch.confinement(settings);
    let (send, receive) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new().name("worker-start".into()).spawn(move || {
        let _inside = runtime.enter();
        let mut command = std::process::Command::new(program);
        command.args(arguments).env_clear().current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = confine_thread(&confinement).and_then(|()| Command::from(command).kill_on_drop(true).spawn());
        let _ = send.send(child);
    })?;
    receive.await.map_err(io::Error::other)?
}

/// Why a run did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Its time was over.
    Timeout,
    /// It held too much memory.
    Memory,
    /// The process ended, by this signal.
    Died(Option<i32>),
    /// It gave back more than it may.
    TooLarge,
    /// It said what no worker says.
    Protocol,
}

impl Broken {
    /// The error that the author of the code reads.
    pub(crate) fn error(self, settings: &Settings) -> ScriptError {
        let limits = &settings.limits;
        match self {
            Self::Timeout => ScriptError::limit("Request to Webtask exceeded allowed execution time"),
            Self::TooLarge => {
                ScriptError::limit(format!("The result is larger than the allowed {} bytes.", limits.result))
            }
            Self::Memory => out_of_memory(settings),
            Self::Protocol => ScriptError::worker("The code disturbed the worker that ran it."),
            Self::Died(Some(signal)) if signal == Signal::XCPU.as_raw() => ScriptError::limit(format!(
                "The code used more than the allowed {} seconds of processor time.",
                limits.cpu.as_secs()
            )),
            Self::Died(Some(signal))
                if [Signal::ABORT, Signal::TRAP, Signal::KILL].map(Signal::as_raw).contains(&signal) =>
            {
                out_of_memory(settings)
            }
            Self::Died(_) => ScriptError::worker("The code ended the worker that ran it."),
        }
    }
}

fn out_of_memory(settings: &Settings) -> ScriptError {
    let megabytes = settings.limits.memory >> 20;
    ScriptError::limit(format!("The code used more than the allowed {megabytes} MB of memory."))
}

/// What is counted during one run.
struct Exchange {
    calls: usize,
    console: usize,
    external_since: Option<Instant>,
}

impl Exchange {
    fn console(&mut self, settings: &Settings, outcome: &mut Outcome, level: String, text: String) {
        self.console += text.len();
        if self.console <= settings.limits.console {
            outcome.console.push(ConsoleLine { level, text });
        }
    }

    fn permit_call(&mut self, settings: &Settings) -> Result<(), String> {
        self.calls += 1;
        self.external_since.get_or_insert_with(Instant::now);
        let most = settings.limits.calls;
        if self.calls > most {
            return Err(format!("The code made more than the allowed {most} calls to other servers."));
        }
        Ok(())
    }

    fn end_wait(&mut self, outcome: &mut Outcome) {
        if let Some(since) = self.external_since.take() {
            outcome.stats.external += since.elapsed();
        }
    }
}

/// The way to the worker: what the pipe does not take at once waits here.
struct Writer {
    pipe: pipe::Sender,
    waiting: BytesMut,
}

impl Writer {
    fn push(&mut self, message: &ToWorker) {
        self.waiting.extend_from_slice(&frame::encode(message));
        if let Ok(written) = self.pipe.try_write(&self.waiting) {
            self.waiting.advance(written);
        }
    }

    /// Writes some of what waits. Nothing is lost when the future is dropped.
    async fn flush(&mut self) -> io::Result<()> {
        self.pipe.writable().await?;
        match self.pipe.try_write(&self.waiting) {
            Ok(written) => self.waiting.advance(written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
