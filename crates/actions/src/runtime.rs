//! The runtime: programs in, outcomes out.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{sync::OnceCell, time::Instant};

use crate::{
    Dependency, Invocation, Outbound, Outcome, Program, ScriptError, Settings,
    cache::Caches,
    engine::Launch,
    frame::{Done, Load, LoadModule, Run},
    packages::{BuildError, Packages},
    pool::{Exhausted, Lease, Pool},
    worker::Worker,
};

/// How often it is looked after workers that nobody uses.
const WATCH: Duration = Duration::from_secs(1);

/// Runs tenants' code in worker processes. Cheap to clone; nothing is started before the first run.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    settings: Settings,
    outbound: Arc<dyn Outbound>,
    launch: OnceCell<Result<Launch, String>>,
    pool: Pool,
    caches: Caches,
    packages: Packages,
}

impl Runtime {
    /// A runtime with these settings, whose code reaches other servers through `outbound`.
    pub fn new(mut settings: Settings, outbound: Arc<dyn Outbound>) -> Self {
        // Workers have another working directory.
        if let Ok(directory) = std::path::absolute(&settings.directory) {
            settings.directory = directory;
        }
        let packages = Packages::new(&settings);
        let (launch, pool, caches) = (OnceCell::new(), Pool::default(), Caches::default());
        Self(Arc::new(Inner { settings, outbound, launch, pool, caches, packages }))
    }

    /// Runs one program once. What goes wrong is told by [`Outcome::error`].
    pub async fn run(&self, program: &Arc<Program>, call: Invocation) -> Outcome {
        let started = Instant::now();
        let mut outcome = Outcome::default();
        match self.attempt(program, &call, started, &mut outcome).await {
            Ok(done) => {
                self.0.caches.change(&program.tenant, &call.trigger, done.cache);
                outcome.commands = done.commands;
                outcome.result = done.result;
                outcome.event = done.event;
                outcome.error = done.error;
            }
            Err(error) => outcome.error = Some(error),
        }
        outcome.stats.total = started.elapsed();
        outcome
    }

    /// Resolves a program's dependencies, its modules' included, unpacks them, and returns the program's own with exact versions.
    pub async fn build(&self, program: &Program) -> Result<Vec<Dependency>, BuildError> {
        if program.has_packages()
            && let Ok(launch) = self.launch().await
            && let Some(refusal) = launch.refusal(true)
        {
            return Err(BuildError(refusal.to_owned()));
        }
        for module in &program.modules {
            self.0.packages.build(&module.dependencies).await?;
        }
        self.0.packages.build(&program.dependencies).await
    }

    async fn attempt(
        &self,
        program: &Program,
        call: &Invocation,
        started: Instant,
        outcome: &mut Outcome,
    ) -> Result<Done, ScriptError> {
        let Inner { settings, outbound, pool, caches, .. } = &*self.0;
        let deadline = started + call.time_left;
        let launch = self.launch().await.map_err(ScriptError::worker)?;
        if let Some(refusal) = launch.refusal(program.has_packages()) {
            return Err(ScriptError::worker(refusal));
        }
        let load = self.load_message(program).await?;
        let mut lease = self.lease(program, launch, load, call.time_left, pool).await?;
        outcome.stats.boot = started.elapsed();
        let running = Instant::now();
        let run = Run {
            nonce: "",
            trigger: &call.trigger,
            version: &call.version,
            handler: &call.handler,
            event: &call.event,
            facts: &call.facts,
            cache: caches.entries(&program.tenant, &call.trigger),
        };
        let done = lease.worker().run(run, call, settings, outbound, deadline, outcome).await;
        outcome.stats.action = running.elapsed();
        let done = done.map_err(|broken| broken.error(settings))?;
        if !done.tainted {
            lease.release();
        }
        Ok(done)
    }

    async fn lease<'a>(
        &self,
        program: &Program,
        launch: &Launch,
        load: Load<'_>,
        time: Duration,
        pool: &'a Pool,
    ) -> Result<Lease<'a>, ScriptError> {
        let settings = &self.0.settings;
        let patience = settings.limits.patience.min(time);
        let lease = pool.acquire(&program.tenant, &program.id, settings, patience).await;
        let mut lease = lease.map_err(|Exhausted| ScriptError::limit("resource_exhausted"))?;
        if lease.is_empty() {
            let started = Worker::start(launch, settings, load).await;
            lease.put(started.map_err(|error| {
                tracing::error!(%error, "a script worker could not be started");
                ScriptError::worker("The worker for the code could not be started.")
            })?);
        }
        Ok(lease)
    }

    /// How workers are started here, or what is missing for it.
    async fn launch(&self) -> Result<&Launch, &str> {
        let launch = self.0.launch.get_or_init(|| async {
            tokio::spawn(watch_workers(Arc::downgrade(&self.0)));
            Launch::find(&self.0.settings).await
        });
        launch.await.as_ref().map_err(String::as_str)
    }

    /// The program as its worker needs it, its packages unpacked if they were not.
    async fn load_message<'a>(&self, program: &'a Program) -> Result<Load<'a>, ScriptError> {
        let mut modules = Vec::with_capacity(program.modules.len());
        for module in &program.modules {
            let packages = self.packages_of(&module.dependencies).await?;
            modules.push(LoadModule { name: &module.name, code: &module.code, secrets: &module.secrets, packages });
        }
        Ok(Load {
            name: &program.name,
            kind: program.kind,
            code: &program.code,
            modules,
            packages: self.packages_of(&program.dependencies).await?,
            secrets: &program.secrets,
            configuration: &program.configuration,
        })
    }

    async fn packages_of(&self, dependencies: &[Dependency]) -> Result<Option<String>, ScriptError> {
        if dependencies.is_empty() {
            return Ok(None);
        }
        let directory = self.0.packages.directory(dependencies).await;
        directory.map(|path| Some(path.to_string_lossy().into_owned())).map_err(|error| ScriptError::worker(error.0))
    }
}

/// Looks after the workers that nobody uses, as long as the runtime is there.
async fn watch_workers(runtime: Weak<Inner>) {
    while let Some(inner) = runtime.upgrade() {
        inner.pool.watch(&inner.settings);
        drop(inner);
        tokio::time::sleep(WATCH).await;
    }
}
