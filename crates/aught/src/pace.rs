//! Bodies that come too slowly end: each has to arrive at a pace, so that many slow ones cannot hold a server up.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// How long a body may take whatever its pace.
const START: Duration = Duration::from_secs(10);
/// How many bytes must have come for each second after that.
const PACE: u64 = 1024;
/// The longest pause, at any pace.
const PAUSE: Duration = Duration::from_secs(30);

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
pub(crate) struct TooSlow;

/// A body that has to keep its pace.
pub(crate) struct Paced<B> {
    body: B,
    begun: Instant,
    received: u64,
    deadline: Pin<Box<Sleep>>,
}

impl<B> Paced<B> {
    /// The body, whose time begins now.
    pub(crate) fn new(body: B) -> Self {
        Self { body, begun: Instant::now(), received: 0, deadline: Box::pin(sleep(START)) }
    }

    /// When it is late, unless more comes before.
    fn due(&self) -> Instant {
        let earned = Duration::from_millis(self.received * 1000 / PACE);
        (self.begun + START + earned).min(Instant::now() + PAUSE)
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            if let Some(Ok(frame)) = &frame {
                self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                let due = self.due();
                self.deadline.as_mut().reset(due);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(TooSlow.into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Body as AnyBody;
    use futures::stream::unfold;
    use http_body_util::BodyExt;

    use super::*;

    async fn outcome(bytes: usize, every: Duration, times: usize) -> Result<usize, String> {
        let stream = unfold(0, move |sent| async move {
            if sent == times {
                return None;
            }
            sleep(every).await;
            Some((Ok::<_, Infallible>(Bytes::from(vec![b'x'; bytes])), sent + 1))
        });
        let body = Paced::new(AnyBody::from_stream(stream)).collect().await;
        body.map(|body| body.to_bytes().len()).map_err(|error| error.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_dripping_body_is_cut_off_and_a_slow_line_is_not() {
        assert!(outcome(1, Duration::from_secs(1), 1000).await.is_err());
        assert_eq!(outcome(2048, Duration::from_secs(1), 500).await, Ok(1_024_000));
        assert!(outcome(1 << 19, Duration::from_secs(31), 2).await.is_err(), "a pause is too long at any pace");
    }
}
