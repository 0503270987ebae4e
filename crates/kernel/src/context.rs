//! Where time and randomness come from, so that tests and a tenant's own clock can set them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use crate::{Timestamp, id};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Fills bytes that nobody can guess.
pub trait Random: Send + Sync {
    /// Overwrites `bytes` with random ones.
    fn fill(&self, bytes: &mut [u8]);
}

/// The clock of the operating system.
#[derive(Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::of_system()
    }
}

/// The generator of the cryptographic library.
#[derive(Debug)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "this is what the system's randomness is made of")]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// A clock that stands still until it is moved: for tests.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// A clock that shows `time`.
    pub fn at(time: Timestamp) -> Self {
        Self(AtomicI64::new(time.micros()))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: std::time::Duration) {
        let micros = i64::try_from(by.as_micros()).expect("a test moves the clock by less than an age");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A generator that repeats itself for the same seed: for tests, never for a server.
#[derive(Debug)]
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Random for SeededRandom {
    /// SplitMix64: good enough to look random, and short.
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().expect("no holder of this lock panics");
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let word = (z ^ (z >> 31)).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

/// Time and randomness together, and whether messages are kept for whoever develops. Cheap to clone; everything that needs one of
/// them holds one.
#[derive(Clone)]
pub struct Context {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    has_outbox: Arc<AtomicBool>,
}

impl Context {
    /// A context of this clock and this generator.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random, has_outbox: Arc::default() }
    }

    /// The context of a real server.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    /// Messages are kept in an outbox from now on, by whatever shares this context.
    pub fn open_outbox(&self) {
        self.has_outbox.store(true, Ordering::Relaxed);
    }

    /// Whether messages are kept in an outbox, which takes those that no provider delivers.
    pub fn has_outbox(&self) -> bool {
        self.has_outbox.load(Ordering::Relaxed)
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    /// `length` characters of `alphabet` (at most 256 of them), each equally likely.
    pub fn text(&self, alphabet: &[u8], length: usize) -> String {
        let fair = 256 - 256 % alphabet.len();
        let mut text = String::with_capacity(length);
        let mut pool = [0; 64];
        while text.len() < length {
            self.random.fill(&mut pool);
            let chosen = pool.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
            text.extend(chosen.take(length - text.len()).map(|byte| char::from(alphabet[byte % alphabet.len()])));
        }
        text
    }

    /// An identifier of this form.
    pub fn id(&self, form: id::Form) -> String {
        form.make(self)
    }

    /// A client secret: 64 characters of the base64url alphabet.
    pub fn client_secret(&self) -> String {
        self.text(id::BASE64URL, 64)
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}
