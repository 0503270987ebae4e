//! A bounded pool of threads for work that would hold up the async threads: signatures and password hashes. Those who
//! ask take turns, so that nobody waits behind all that another one has asked for.

use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The longest wait: whoever asked has given up by then, or should.
const PATIENCE: Duration = Duration::from_secs(15);
/// What part of the queue one of those who ask may fill.
const PART_OF_ONE: usize = 4;

/// Who asks: an address, as a rule. Its work waits in line, those lines take turns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Asker(Arc<str>);

impl Asker {
    /// The asker with this name.
    pub fn named(name: &str) -> Self {
        Self(name.into())
    }
}

/// Threads that take jobs from a queue of limited length. Dropping the pool ends its threads.
pub struct Pool {
    queue: Arc<Queue>,
}

/// Why a pool did not do a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// As much work waits as the pool accepts, altogether or from one asker.
    Full,
    /// It waited for too long.
    Late,
    /// The work panicked.
    Lost,
}

struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    capacity: usize,
}

#[derive(Default)]
struct State {
    /// Lines of work that waits; none is empty.
    lines: HashMap<Asker, VecDeque<Job>>,
    /// Whose turn is next.
    turns: VecDeque<Asker>,
    waiting: usize,
    is_closed: bool,
}

impl State {
    fn push(&mut self, asker: Asker, job: Job) {
        let line = self.lines.entry(asker.clone()).or_default();
        if line.is_empty() {
            self.turns.push_back(asker);
        }
        line.push_back(job);
        self.waiting += 1;
    }

    fn pop(&mut self) -> Option<Job> {
        let asker = self.turns.pop_front()?;
        let line = self.lines.get_mut(&asker)?;
        let job = line.pop_front()?;
        if line.is_empty() {
            self.lines.remove(&asker);
        } else {
            self.turns.push_back(asker);
        }
        self.waiting -= 1;
        Some(job)
    }
}

impl Pool {
    /// A pool of `threads` threads; more than `capacity` waiting jobs are refused.
    pub fn new(name: &str, threads: usize, capacity: usize) -> Self {
        let queue = Arc::new(Queue { state: Mutex::default(), wake: Condvar::new(), capacity });
        for _ in 0..threads.max(1) {
            let queue = Arc::clone(&queue);
            let thread = thread::Builder::new().name(name.to_owned());
            thread.spawn(move || queue.work()).expect("the system has room for a few threads");
        }
        Self { queue }
    }

    /// As many threads as there are cores.
    pub fn of_cores(name: &str, capacity: usize) -> Self {
        Self::new(name, thread::available_parallelism().map_or(1, Into::into), capacity)
    }

    /// Runs `work` on one of the threads. Work that nobody waits for any more when its turn comes is skipped.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
        self.run_for(Asker::default(), work).await
    }

    /// The same for one of many who ask.
    pub async fn run_for<T: Send + 'static>(
        &self,
        asker: Asker,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let (sender, receiver) = oneshot::channel();
        let job = move || {
            if !sender.is_closed() {
                // The one who asked may have left meanwhile; the result is nobody's then.
                let _ = sender.send(work());
            }
        };
        self.queue.push(asker, Box::new(job))?;
        match tokio::time::timeout(PATIENCE, receiver).await {
            Ok(done) => done.map_err(|_| Refused::Lost),
            Err(_) => Err(Refused::Late),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.lock().is_closed = true;
        self.queue.wake.notify_all();
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

impl Queue {
    fn push(&self, asker: Asker, job: Job) -> Result<(), Refused> {
        let mut state = self.lock();
        let of_asker = state.lines.get(&asker).map_or(0, VecDeque::len);
        // Work of the server's own has no asker to be fair to.
        let most_of_asker = if asker == Asker::default() { self.capacity } else { self.capacity.div_ceil(PART_OF_ONE) };
        if state.waiting >= self.capacity || of_asker >= most_of_asker {
            return Err(Refused::Full);
        }
        state.push(asker, job);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a job of a worker pool panicked");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.pop() {
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    #[tokio::test]
    async fn work_beyond_the_capacity_is_refused() {
        let pool = Pool::new("test", 1, 1);
        let (started, is_started) = mpsc::channel();
        let (release, is_released) = mpsc::channel::<()>();
        let running = pool.run(move || {
            started.send(()).unwrap();
            is_released.recv().unwrap();
            1
        });
        let mut running = Box::pin(running);
        assert!(futures_poll(&mut running).await.is_none());
        is_started.recv().unwrap();
        let mut waiting = Box::pin(pool.run(|| 2));
        assert!(futures_poll(&mut waiting).await.is_none());
        assert_eq!(pool.run(|| 3).await, Err(Refused::Full));
        release.send(()).unwrap();
        assert_eq!((running.await, waiting.await), (Ok(1), Ok(2)));
    }

    #[tokio::test]
    async fn abandoned_work_is_skipped() {
        let pool = Pool::new("test", 1, 8);
        let (release, is_released) = mpsc::channel::<()>();
        let mut first = Box::pin(pool.run(move || is_released.recv().unwrap()));
        assert!(futures_poll(&mut first).await.is_none());
        let done = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&done);
        let mut abandoned = Box::pin(pool.run(move || counter.fetch_add(1, Ordering::SeqCst)));
        assert!(futures_poll(&mut abandoned).await.is_none());
        drop(abandoned);
        release.send(()).unwrap();
        first.await.unwrap();
        pool.run(|| ()).await.unwrap();
        assert_eq!(done.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn nobody_waits_behind_all_that_another_one_asks_for() {
        let pool = Pool::new("test", 1, 40);
        let (release, is_released) = mpsc::channel::<()>();
        let mut first = Box::pin(pool.run(move || is_released.recv().unwrap()));
        assert!(futures_poll(&mut first).await.is_none());
        let order = Arc::new(Mutex::new(Vec::new()));
        let ask = |name: &'static str| {
            let order = Arc::clone(&order);
            pool.run_for(Asker::named(name), move || order.lock().unwrap().push(name))
        };
        let mut many: Vec<_> = (0..10).map(|_| Box::pin(ask("many"))).collect();
        for asked in &mut many {
            assert!(futures_poll(asked).await.is_none());
        }
        assert_eq!(ask("many").await, Err(Refused::Full), "a quarter of the queue is the most for one");
        let mut one = Box::pin(ask("one"));
        assert!(futures_poll(&mut one).await.is_none());
        release.send(()).unwrap();
        first.await.unwrap();
        one.await.unwrap();
        for asked in many {
            asked.await.unwrap();
        }
        let order = order.lock().unwrap();
        assert!(order[..2].contains(&"one"), "{order:?}");
    }

    #[tokio::test]
    async fn a_panic_costs_one_job_only() {
        let pool = Pool::new("test", 1, 8);
        assert_eq!(pool.run(|| panic!("expected by the test")).await, Err::<(), _>(Refused::Lost));
        assert_eq!(pool.run(|| 1).await, Ok(1));
    }

    /// Polls a future once.
    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            let outcome = std::pin::Pin::new(&mut *future).poll(context);
            std::task::Poll::Ready(match outcome {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
