//! Whether a connection is in use: from the head of a request to the last byte of its answer.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::time::sleep;

/// How a connection is used.
#[derive(Default)]
pub(crate) struct Usage {
    /// Requests that are being answered.
    now: AtomicUsize,
    /// Requests that there were.
    ever: AtomicUsize,
}

impl Usage {
    /// Resolves when there was no request for so long, or a little longer.
    pub(crate) async fn idle_for(&self, time: Duration) {
        let mut seen = usize::MAX;
        loop {
            let ever = self.ever.load(Ordering::Relaxed);
            if seen == ever && self.now.load(Ordering::Relaxed) == 0 {
                return;
            }
            seen = ever;
            sleep(time).await;
        }
    }
}

/// A request that is being answered.
pub(crate) struct Using(Arc<Usage>);

impl Using {
    /// Counts a request until this is dropped.
    pub(crate) fn of(usage: &Arc<Usage>) -> Self {
        usage.now.fetch_add(1, Ordering::Relaxed);
        usage.ever.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(usage))
    }

    /// The body of the answer, with whose end this is dropped.
    pub(crate) fn until_sent(self, body: Body) -> Held {
        Held { body, _using: self }
    }
}

impl Drop for Using {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer that counts as being sent.
pub(crate) struct Held {
    body: Body,
    _using: Using,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
