//! What a rendering may take: steps, time, and bytes of output. Whatever a template does is paid for here, so a rendering that
//! takes too much stops itself.

use std::{
    cell::Cell,
    io::{self, Write},
    time::{Duration, Instant},
};

use liquid_core::{Error, Result, model::ValueView};

/// Steps of one rendering: an element, a turn of a loop, a filter, or 64 bytes that one of them handles.
const STEPS: u64 = 200_000;
/// Bytes of one text.
pub(super) const OUTPUT: usize = 1 << 20;
/// Bytes of one value that a filter or a block makes.
pub(super) const VALUE: usize = 256 << 10;
/// How long a rendering may take; the clock is looked at once in so many steps.
const TIME: Duration = Duration::from_secs(2);
const LOOK: u64 = 512;

/// What the rendering on this thread has left.
#[derive(Clone, Copy)]
struct Left {
    steps: u64,
    until_look: u64,
    deadline: Instant,
}

thread_local! {
    // A rendering is synchronous and stays on its thread.
    static LEFT: Cell<Option<Left>> = const { Cell::new(None) };
}

/// Gives the work a budget of its own.
pub(super) fn within<T>(work: impl FnOnce() -> T) -> T {
    /// Takes the budget away again, also when the work panics.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            LEFT.set(None);
        }
    }
    LEFT.set(Some(Left { steps: STEPS, until_look: LOOK, deadline: Instant::now() + TIME }));
    let _end = End;
    work()
}

/// Pays for steps.
///
/// # Errors
/// The rendering has to stop.
pub(super) fn charge(steps: u64) -> Result<()> {
    // Nothing is rendered without a budget; if it were, it would stop at once.
    let left = LEFT.get().filter(|left| left.steps >= steps);
    let Some(mut left) = left else { return Err(Error::with_msg("The template takes too many steps")) };
    left.steps -= steps;
    if left.until_look > steps {
        left.until_look -= steps;
    } else {
        left.until_look = LOOK;
        if Instant::now() >= left.deadline {
            return Err(Error::with_msg("The template takes too long"));
        }
    }
    LEFT.set(Some(left));
    Ok(())
}

/// Pays for bytes that are handled.
pub(super) fn charge_bytes(bytes: usize) -> Result<()> {
    charge(1 + bytes as u64 / 64)
}

/// Bytes of a value, roughly; what lies deep in it counts too.
pub(super) fn size_of(value: &dyn ValueView) -> usize {
    if let Some(array) = value.as_array() {
        return array.values().map(|item| 16 + size_of(item)).sum();
    }
    if let Some(object) = value.as_object() {
        return object.iter().map(|(name, member)| 16 + name.len() + size_of(member)).sum();
    }
    value.as_scalar().map_or(0, |scalar| scalar.to_kstr().len())
}

/// The text of a rendering, or of a part of it.
#[derive(Debug)]
pub(super) struct Output {
    text: Vec<u8>,
    most: usize,
}

impl Output {
    /// An empty text that takes so many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { text: Vec::new(), most }
    }

    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.text).expect("templates and values are UTF-8")
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    // Elements that write nothing come here too, and are paid for.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.text.len() + bytes.len() > self.most {
            return Err(io::Error::other("the text is too long"));
        }
        charge_bytes(bytes.len()).map_err(|error| io::Error::other(error.to_string()))?;
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
