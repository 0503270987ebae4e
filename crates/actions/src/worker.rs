//! One worker process, seen from the server: starting it, talking to it, ending it.
//!
//! It is of one program. Runs come in by standard input, which the worker reads only when nothing runs in it, waiting with all else
//! standing still: what code left behind does not go on. What code asked for while it runs comes in by standard error.

use std::{
    collections::BTreeMap,
    io::{self, PipeReader},
    os::{
        fd::OwnedFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::{Buf, BytesMut};
use futures::{StreamExt, stream::FuturesUnordered};
use kernel::{Random, SystemRandom};
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

/// Bytes that a worker may hold beside its JavaScript's memory: the engine itself, and buffers outside its heap.
const NATIVE_MEMORY: usize = 160 << 20;
/// Bytes that a worker may reserve beside its JavaScript's memory. Engines reserve much more than they use.
const RESERVED_MEMORY: u64 = 1 << 30;
/// Levels of nesting in what a worker tells; the parser of the server ends at some more.
const DEPTH: usize = 100;
/// How often it is looked at what a worker holds while it runs.
const WATCH: Duration = Duration::from_millis(50);

/// A running worker process. Dropping it ends the process and all that it started.
pub(crate) struct Worker {
    child: Child,
    pid: Pid,
    reader: FramedRead<pipe::Receiver, LengthDelimitedCodec>,
    /// The way of runs.
    runs: Writer,
    /// The way of what a run asked for.
    answers: Writer,
    /// Processor time that it has used, as of its last run.
    cpu: Duration,
}

impl Worker {
    /// Starts a process for a program, confined, with an empty environment and in a group of its own.
    pub(crate) async fn start(launch: &Launch, settings: &Settings, load: Load<'_>) -> io::Result<Self> {
        let (of_answers, answers) = io::pipe()?;
        let mut child = spawn(launch, settings, &load.folders(), of_answers).await?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.ok_or_else(|| io::Error::other("the worker ended at once"))?;
        let (stdin, stdout) = (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
        // A worker needs room for its longest message: everything that a call gives back, or the body of a request.
        let longest = settings.limits.result.max(settings.limits.answer) * 2 + (64 << 10);
        let mut worker = Self {
            child,
            pid,
            reader: FramedRead::new(pipe::Receiver::from_owned_fd(stdout.into_owned_fd()?)?, frame::codec(longest)),
            runs: Writer::new(stdin.into_owned_fd()?)?,
            answers: Writer::new(answers.into())?,
            cpu: Duration::ZERO,
        };
        worker.limit_process(settings);
        let sources = if matches!(launch, Launch::Node { .. }) { prelude::for_node() } else { BTreeMap::default() };
        let limits = settings.limits;
        worker.runs.push(&ToWorker::Start {
            sources: &sources,
            console: limits.console,
            result: limits.result,
            memory: limits.memory,
        });
        worker.runs.push(&ToWorker::Load(load));
        Ok(worker)
    }

    /// Whether its process is still there.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Runs the program until it is done, `deadline` has passed or the process has broken a rule. Console lines and times
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
        let nonce = nonce();
        run.nonce = &nonce;
        self.limit_processor_time(settings.limits.cpu);
        self.runs.push(&ToWorker::Run(run));
        let mut exchange = Exchange { calls: 0, console: 0, external_since: None };
        let mut answers = FuturesUnordered::new();
        let mut watch = interval_at(Instant::now() + WATCH, WATCH);
        let done = loop {
            tokio::select! {
                biased;
                message = self.reader.next() => match self.read(message).await? {
                    FromWorker::Console { level, text } => exchange.console(settings, outcome, level, text),
                    FromWorker::Done(done) if done.run == nonce => break done,
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
                // A process that takes nothing any more has ended; reading tells how.
                sent = self.runs.flush(), if !self.runs.waiting.is_empty() => {
                    if sent.is_err() { self.runs.waiting.clear(); }
                },
                sent = self.answers.flush(), if !self.answers.waiting.is_empty() => {
                    if sent.is_err() { self.answers.waiting.clear(); }
                },
                Some((call, answer)) = answers.next(), if !answers.is_empty() => {
                    self.answers.push(&ToWorker::Answer { call, answer });
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
        self.pages().0 * rustix::param::page_size()
    }

    /// Bytes that the process holds for itself: not its program's and libraries' code, which all workers share.
    pub(crate) fn memory(&self) -> usize {
        let (resident, shared) = self.pages();
        resident.saturating_sub(shared) * rustix::param::page_size()
    }

    /// Pages that are resident, and those of them that belong to files.
    fn pages(&self) -> (usize, usize) {
        let told = self.told("statm");
        let mut numbers = told.split(' ').skip(1).map(|number| number.parse().unwrap_or_default());
        (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
    }

    /// Processor time that the process has used, as far as the system tells.
    pub(crate) fn processor_time(&self) -> Duration {
        let told = self.told("stat");
        // After the program's name, which may hold anything, come the state and twelve more fields before these two.
        let fields = told.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace().skip(11);
        let ticks: u64 = fields.take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }

    fn told(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.pid.as_raw_nonzero())).unwrap_or_default()
    }

    async fn read(&mut self, message: Option<io::Result<BytesMut>>) -> Result<FromWorker, Broken> {
        match message {
            Some(Ok(message)) if depth(&message) > DEPTH => Err(Broken::TooDeep),
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
async fn spawn(launch: &Launch, settings: &Settings, folders: &[PathBuf], answers: PipeReader) -> io::Result<Child> {
    let (program, arguments) = launch.command(settings, folders);
    let confinement = launch.confinement(folders);
    let (send, receive) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new().name("worker-start".into()).spawn(move || {
        let _inside = runtime.enter();
        let mut command = std::process::Command::new(program);
        command.args(arguments).env_clear().current_dir("/").process_group(0);
        // No worker writes to standard error; its place is taken by a second way in.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(answers);
        let child = confine_thread(&confinement).and_then(|()| Command::from(command).kill_on_drop(true).spawn());
        let _ = send.send(child);
    })?;
    receive.await.map_err(io::Error::other)?
}

/// What no code can guess.
fn nonce() -> String {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// How deep lists and objects are nested in JSON. What is no JSON has some depth, too.
fn depth(json: &[u8]) -> usize {
    let (mut now, mut deepest, mut is_text, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'[' | b'{' => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
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
    /// It gave back something that is nested too deep.
    TooDeep,
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
            Self::TooDeep => {
                ScriptError::limit(format!("The result is nested more deeply than the allowed {DEPTH} levels."))
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
    fn new(pipe: OwnedFd) -> io::Result<Self> {
        Ok(Self { pipe: pipe::Sender::from_owned_fd(pipe)?, waiting: BytesMut::new() })
    }

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
