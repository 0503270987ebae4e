//! What a store must bear: serialization failures in the midst of transactions and at their ends, connections that are lost in between, and a
//! commit whose answer is.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Mutex,
};

use super::{Database, Lab, Query, StoreError, StoreResult, THING, Tx, on_server, record};

/// Every so many transactions that write fail in their midst, and as many at their end.
const FAILING: u32 = 11;
/// Every so many transactions lose their connection before they commit.
const LOST: u64 = 13;

/// Has the database refuse every so many transactions.
pub(super) fn failures() -> String {
    format!(
        "CREATE FUNCTION fail_at_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF pg_current_xact_id()::text::bigint % {FAILING} = 0 THEN RAISE EXCEPTION 'injected' USING ERRCODE = '40001'; END IF; \
           RETURN NULL; END $$; \
         CREATE FUNCTION fail_at_last() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF pg_current_xact_id()::text::bigint % {FAILING} = 5 THEN RAISE EXCEPTION 'injected' USING ERRCODE = '40001'; END IF; \
           RETURN NULL; END $$; \
         DO $$ DECLARE name text; BEGIN \
           FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP \
             EXECUTE format('CREATE TRIGGER at_once AFTER INSERT OR UPDATE OR DELETE ON %I \
                             FOR EACH STATEMENT EXECUTE FUNCTION fail_at_once()', name); \
             EXECUTE format('CREATE CONSTRAINT TRIGGER at_last AFTER INSERT OR UPDATE OR DELETE ON %I \
                             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_at_last()', name); \
           END LOOP; END $$"
    )
}

/// Stands between the store and PostgreSQL, and cuts connections.
#[derive(Clone, Default)]
pub(super) struct Proxy {
    transactions: Arc<AtomicU64>,
    /// Whether the answer to the next commit is lost.
    loses_commit: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens before the server of a URL; gives the URL that leads through here.
    pub(super) async fn before(&self, url: &str) -> String {
        let (user, rest) = url.split_once('@').unwrap();
        let (server, path) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (proxy, server) = (self.clone(), server.to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(proxy.clone().pass(client, server.clone()));
            }
        });
        format!("{user}@127.0.0.1:{port}/{path}")
    }

    async fn pass(self, client: TcpStream, server: String) -> io::Result<()> {
        let server = TcpStream::connect(server).await?;
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let (is_mute, gate) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(())));
        let answers = tokio::spawn(answers(from_server, to_client, Arc::clone(&is_mute), Arc::clone(&gate)));
        let outcome = self.requests(from_client, to_server, &is_mute, &gate).await;
        // With this the client's half of the connection is closed, too.
        if !is_mute.load(Ordering::SeqCst) {
            answers.abort();
        }
        outcome
    }

    /// Passes requests on until the connection is to be cut.
    async fn requests(
        self,
        mut client: OwnedReadHalf,
        mut server: OwnedWriteHalf,
        is_mute: &AtomicBool,
        gate: &Mutex<()>,
    ) -> io::Result<()> {
        let mut buffer = Vec::new();
        // The first message has no letter before its length.
        let mut has_begun = false;
        let mut cut_after: Option<u64> = None;
        // What only reads ends by itself, and at any time.
        let mut is_writing = false;
        // Held where the connection may be cut: whoever waits for an answer then cannot begin to commit meanwhile.
        let mut held = None;
        loop {
            if client.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            while let Some(length) = length(&buffer, has_begun) {
                let message: Vec<u8> = buffer.drain(..length).collect();
                if !has_begun {
                    // A request for encryption is followed by the first message proper.
                    has_begun = message[4..8] == [0, 3, 0, 0];
                } else if message.starts_with(b"Q") && message[5..].starts_with(b"BEGIN ISOLATION") {
                    is_writing = !message.windows(9).any(|words| words == b"READ ONLY");
                    let number = self.transactions.fetch_add(1, Ordering::SeqCst);
                    cut_after = number.is_multiple_of(LOST).then_some(number / LOST % 4);
                } else if message.starts_with(b"Q") && message[5..].starts_with(b"COMMIT") {
                    cut_after = None;
                    if is_writing && self.loses_commit.swap(false, Ordering::SeqCst) {
                        is_mute.store(true, Ordering::SeqCst);
                        return server.write_all(&message).await;
                    }
                } else if message.starts_with(b"S") {
                    cut_after = cut_after.map(|count| count.saturating_sub(1));
                }
                if cut_after != Some(0) {
                    held = None;
                } else if held.is_none() {
                    held = Some(gate.lock().await);
                }
                server.write_all(&message).await?;
            }
            // Only where the client waits: what it sends along may be a commit.
            if held.is_some() && buffer.is_empty() {
                let more = tokio::time::timeout(Duration::from_millis(60), client.readable());
                if more.await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// Passes answers on; once mute, keeps them until the server has done everything, and closes the connection.
async fn answers(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    is_mute: Arc<AtomicBool>,
    gate: Arc<Mutex<()>>,
) -> io::Result<()> {
    let mut chunk = vec![0; 65_536];
    loop {
        let length = server.read(&mut chunk).await?;
        if length == 0 {
            return Ok(());
        }
        let open = gate.lock().await;
        if !is_mute.load(Ordering::SeqCst) {
            client.write_all(&chunk[..length]).await?;
        }
        drop(open);
    }
}

/// The length of the first message, if it is there as a whole.
fn length(buffer: &[u8], has_begun: bool) -> Option<usize> {
    let at = usize::from(has_begun);
    let length = u32::from_be_bytes(buffer.get(at..at + 4)?.try_into().unwrap());
    let length = at + usize::try_from(length).unwrap();
    (buffer.len() >= length).then_some(length)
}

/// What comes of work once it meets no commit in doubt any more. A slow machine may send its commit on a connection that is just
/// being cut; the cut lets nothing through, so the work has left nothing behind.
pub(super) async fn surely<T, F: Future<Output = StoreResult<T>>>(work: impl Fn() -> F) -> StoreResult<T> {
    for _ in 0..5 {
        match work().await {
            Err(StoreError::Unavailable(_)) => {}
            outcome => return outcome,
        }
    }
    work().await
}

async fn cached_number(lab: &Lab) -> Value {
    lab.store.cached(&lab.one, &THING, "1").await.unwrap().unwrap().document["n"].clone()
}

/// The answer to a commit is lost: whoever asked is told so, and nobody is shown what was there before.
pub(super) async fn a_commit_whose_answer_is_lost_is_seen(lab: &mut Lab) {
    if let Database::Postgres(url) = &lab.database {
        // This commit must not be refused.
        on_server(url, "DROP FUNCTION fail_at_last CASCADE").await;
    }
    lab.write(|tx| tx.insert(&THING, record("1", json!({"n": 1})))).await;
    assert_eq!(cached_number(lab).await, 1);
    let loses_commit = Arc::clone(&lab.proxy.as_ref().unwrap().loses_commit);
    let lost = lab.store.write(&lab.one, move |tx: &mut Tx| {
        let mut record = tx.get(&THING, "1")?.unwrap();
        record.document.insert("n".into(), 2.into());
        loses_commit.store(true, Ordering::SeqCst);
        tx.update(&THING, record)
    });
    assert!(matches!(lost.await, Err(StoreError::Unavailable(_))));
    assert_eq!(cached_number(lab).await, 2);
}

/// Many transactions beside one another, each of several statements.
pub(super) async fn faults_lose_nothing_and_write_nothing_twice(lab: &mut Lab) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 25;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (store, tenant) = (lab.store.clone(), lab.one.clone());
        writers.push(tokio::spawn(async move {
            for number in 1..=EACH {
                let write = move |tx: &mut Tx| {
                    tx.insert(&THING, record(&format!("{writer}-{number}"), json!({})))?;
                    tx.next(&format!("written by {writer}"))
                };
                assert_eq!(surely(|| store.write(&tenant, write)).await, Ok(number));
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let page = lab.read(|snapshot| snapshot.list(&THING, &Query::default().with_total())).await;
    assert_eq!(page.total, Some(WRITERS * EACH));
}
