//! The wire to a PostgreSQL server, driven by the thread that waits for its answers.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, Socket};

use crate::{
    StoreError, StoreResult,
    tls::{Encryption, Stream},
};

/// One wire. Nothing moves on it but while somebody waits.
pub(super) struct Line {
    runtime: Runtime,
    /// None once it is broken.
    wire: Option<Connection<Socket, Stream>>,
    /// Notifications that nobody has taken yet.
    heard: VecDeque<String>,
}

impl Line {
    pub(super) fn open(config: &Config, encryption: &Encryption) -> StoreResult<(Arc<Client>, Self)> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let (client, wire) = runtime.block_on(config.connect(encryption.clone()))?;
        Ok((Arc::new(client), Self { runtime, wire: Some(wire), heard: VecDeque::new() }))
    }

    /// Waits for a future that the server's answers end.
    pub(super) fn wait<T>(&mut self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let Self { runtime, wire, heard } = self;
        let mut future = pin!(future);
        runtime.block_on(poll_fn(|context| {
            // The future first: what it wants to send goes out in one write.
            if let Poll::Ready(outcome) = future.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            let broken = drive(wire, heard, context);
            match (future.as_mut().poll(context), broken) {
                (Poll::Pending, Some(error)) => Poll::Ready(Err(error)),
                (outcome, _) => outcome,
            }
        }))
    }

    /// Sends what a future wants to send, and waits for nothing.
    pub(super) fn send(&mut self, mut start: impl FnMut(&mut Context<'_>)) {
        let Self { runtime, wire, heard } = self;
        runtime.block_on(poll_fn(|context| {
            start(context);
            drive(wire, heard, context);
            Poll::Ready(())
        }));
    }

    /// The next notification; none when none comes for so long.
    pub(super) fn hear(&mut self, patience: Duration) -> Result<Option<String>, Error> {
        let Self { runtime, wire, heard } = self;
        let next = poll_fn(|context| {
            let broken = drive(wire, heard, context);
            match (heard.pop_front(), broken) {
                (Some(text), _) => Poll::Ready(Ok(Some(text))),
                (None, Some(error)) => Poll::Ready(Err(error)),
                (None, None) => Poll::Pending,
            }
        });
        runtime.block_on(async { tokio::time::timeout(patience, next).await }).unwrap_or(Ok(None))
    }
}

/// Sends and receives as much as can be; the error with which the wire broke.
fn drive(
    wire: &mut Option<Connection<Socket, Stream>>,
    heard: &mut VecDeque<String>,
    context: &mut Context<'_>,
) -> Option<Error> {
    while let Some(open) = wire {
        match open.poll_message(context) {
            Poll::Ready(Some(Ok(AsyncMessage::Notification(notification)))) => {
                heard.push_back(notification.payload().to_owned());
            }
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(error))) => {
                *wire = None;
                return Some(error);
            }
            Poll::Ready(None) => *wire = None,
            Poll::Pending => break,
        }
    }
    None
}
