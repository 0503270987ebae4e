//! Telling clients that a session has ended (OpenID Connect Back-Channel Logout 1.0; reference: sessions-and-login-rules §9).

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use identity::{Algorithm, Signing, SigningKeys, log::Line, sessions::BackChannelLogout};
use kernel::{Context, Document, Record, Value, id, id::Form, object};
use model::{CLIENT, queues};
use outbound::{Client, Limits};
use serde_json::json;
use store::{Job, Snapshot, Store, StoreResult, Tx};

use crate::runner::{self, Failed, Queue};

const QUEUE: Queue = Queue {
    name: queues::BACK_CHANNEL_LOGOUT,
    at_once: 16,
    lease: Duration::from_secs(60),
    // More than the tries of a client that does not answer: this is for what goes wrong here.
    attempts: 10,
    pause: Duration::from_secs(30),
    given_up: Some(|tx, job| {
        let Some(told) = told(job) else { return Ok(()) };
        note(tx, &told, None, &Outcome::never("The client could not be told."))
    }),
};
/// A client has this long to answer.
const LIMITS: Limits = Limits { time: Duration::from_secs(5), bytes: 16 << 10, redirects: 0 };
/// The waits before a client that did not answer, or could not, is told again.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];
/// Seconds in which a token is to be accepted.
const LIFETIME: i64 = 120;
/// The event that a token tells of.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How a client took it.
struct Outcome {
    status: Option<StatusCode>,
    /// Why it did not.
    error: Option<String>,
    /// Whether another try may end otherwise.
    may_pass: bool,
}

impl Outcome {
    fn never(error: &str) -> Self {
        Self { status: None, error: Some(error.to_owned()), may_pass: false }
    }

    fn of(status: StatusCode) -> Self {
        let error = (!status.is_success()).then(|| format!("The client answers {status}."));
        Self { status: Some(status), error, may_pass: runner::may_pass(status) }
    }
}

/// Tells the clients of all tenants until it is dropped.
pub async fn work(store: Store, keys: SigningKeys, outbound: Client) {
    runner::run(&store, &QUEUE, |job| {
        let (store, keys, outbound) = (&store, &keys, &outbound);
        async move { tell(store, keys, outbound, job).await }
    })
    .await;
}

fn told(job: &Job) -> Option<BackChannelLogout> {
    serde_json::from_value(job.payload.clone().into()).ok()
}

async fn tell(store: &Store, keys: &SigningKeys, outbound: &Client, job: Job) -> Result<(), Failed> {
    let told = told(&job).ok_or_else(|| Failed::ForEver("nobody is named".to_owned()))?;
    let id = told.client_id.clone();
    let read = move |reader: &Snapshot| reader.get(&CLIENT, &id);
    let client = store.read(&job.tenant, read).await.map_err(Failed::for_now)?;
    let tenant = store.tenant(&job.tenant).await.map_err(Failed::for_now)?;
    let (Some(client), Some(tenant)) = (client, tenant) else {
        // Nobody is left to be told.
        return store.complete_job(&job).await.map(drop).map_err(Failed::for_now);
    };
    let claims = claims(store.context(), tenant.issuer(), &told);
    let token = keys.sign(tenant.id(), Signing::Key(algorithm(&client)), "logout+jwt", claims).await;
    let outcome = post(outbound, &told.url, &token.map_err(Failed::for_now)?).await;
    settle(store, job, told, client, outcome).await.map_err(Failed::for_now)
}

/// That of the client's ID tokens (OpenID Connect Back-Channel Logout 1.0 §2.6), where it is one of the tenant's key.
fn algorithm(client: &Record) -> Algorithm {
    let named = client.document.get("jwt_configuration").and_then(|configuration| configuration.get("alg"));
    match named.and_then(Value::as_str).and_then(Algorithm::named) {
        Some(Algorithm::Ps256) => Algorithm::Ps256,
        _ => Algorithm::Rs256,
    }
}

/// The claims, in the service's order. There is never a `nonce`, so that nobody takes it for an ID token.
fn claims(context: &Context, issuer: &str, told: &BackChannelLogout) -> Document {
    let now = context.now().seconds();
    object(json!({
        "iss": issuer,
        "sub": told.user_id,
        "aud": told.client_id,
        "iat": now,
        "exp": now.saturating_add(LIFETIME),
        "jti": context.id(Form::Uuid),
        "events": { EVENT: {} },
        "trace_id": context.text(id::HEX, 16),
        "sid": told.session_id,
    }))
}

async fn post(outbound: &Client, url: &str, token: &str) -> Outcome {
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(format!("logout_token={token}")));
    let Ok(request) = request else { return Outcome::never("The address cannot be called.") };
    match outbound.send(request, LIMITS).await {
        Ok(answer) => Outcome::of(answer.status()),
        Err(refused) => Outcome { status: None, error: Some(refused.to_string()), may_pass: true },
    }
}

/// Tells the tenant's log how it ended, or tries again later.
async fn settle(store: &Store, job: Job, told: BackChannelLogout, client: Record, outcome: Outcome) -> StoreResult {
    let tenant = job.tenant.clone();
    let tried = usize::try_from(job.attempts).unwrap_or(usize::MAX).saturating_sub(1);
    let wait = WAITS.get(tried).filter(|_| outcome.may_pass);
    let work = move |tx: &mut Tx| {
        if let (Some(wait), Some(error)) = (wait, &outcome.error) {
            let later = tx.now() + *wait;
            return tx.retry_job(&job, later, error).map(drop);
        }
        if tx.complete_job(&job)? {
            note(tx, &told, Some(&client), &outcome)?;
        }
        Ok(())
    };
    store.write(&tenant, work).await
}

fn note(tx: &mut Tx, told: &BackChannelLogout, client: Option<&Record>, outcome: &Outcome) -> StoreResult {
    let details = json!({
        "errors": outcome.error.iter().collect::<Vec<_>>(),
        "initiator": told.initiator,
        "request": {"backchannel_logout_uri": told.url, "method": "POST"},
        "response": {"statusCode": outcome.status.map(|status| status.as_u16())},
        "session_id": told.session_id,
        "session_metadata": told.session_metadata,
    });
    let kind = match outcome.error {
        None => "oidc_backchannel_logout_succeeded",
        Some(_) => "oidc_backchannel_logout_failed",
    };
    let line = Line {
        description: outcome.error.as_deref().unwrap_or_default(),
        client_id: Some(&told.client_id),
        client_name: client.and_then(|client| client.text("name")),
        user_id: Some(&told.user_id),
        ..Line::of(kind)
    };
    tx.append_log(line.to_document(details, tx.now())).map(drop)
}

#[cfg(test)]
mod tests {
    use identity::{jwt::Jwt, keys};
    use kernel::TenantId;
    use store::{Database, LogQuery, NewJob, Options, RootKey, StoreError};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (status, is_taken, may_pass) in
            [(200, true, false), (204, true, false), (400, false, false), (302, false, false), (503, false, true)]
        {
            let outcome = Outcome::of(StatusCode::from_u16(status).unwrap());
            assert_eq!((outcome.error.is_none(), outcome.may_pass), (is_taken, may_pass), "{status}");
        }
    }

    /// Answers one request, and gives the token that it brought.
    async fn answer(listener: &TcpListener, status: u16) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        let mut bytes = [0; 4096];
        loop {
            let read = stream.read(&mut bytes).await.unwrap();
            request.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            if let Some((head, body)) = request.split_once("\r\n\r\n")
                && head.to_ascii_lowercase().contains(&format!("content-length: {}", body.len()))
            {
                break;
            }
        }
        let response = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(response.as_bytes()).await.unwrap();
        request.split_once("logout_token=").unwrap().1.to_owned()
    }

    #[tokio::test]
    async fn a_client_that_is_busy_is_told_again() {
        let context = Context::system();
        let root_key = RootKey::generate(&context);
        let store = Store::open(Options { database: Database::Memory, root_key, context }).await.unwrap();
        let tenant = TenantId::new("t");
        store.create_tenant(&tenant).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let told = BackChannelLogout {
            client_id: "app".to_owned(),
            url: format!("http://{}/", listener.local_addr().unwrap()),
            session_id: "s1".to_owned(),
            user_id: "auth0|1".to_owned(),
            initiator: "rp-logout".to_owned(),
            session_metadata: None,
        };
        let provision = move |tx: &mut Tx| {
            tx.set_domain("t.example", store::Domain::Own)?;
            keys::create_first(tx, "t.example")?;
            tx.insert(&CLIENT, Record::new("app", object(json!({"name": "App"})), tx.now()))?;
            let Value::Object(payload) = serde_json::to_value(&told)? else { panic!("an object") };
            tx.enqueue(NewJob::new(queues::BACK_CHANNEL_LOGOUT, payload))?;
            Ok::<_, StoreError>(())
        };
        store.write(&tenant, provision).await.unwrap();
        let keys = SigningKeys::new(store.clone());
        let working = tokio::spawn(work(store.clone(), keys, Client::new(true)));
        let (first, second) = (answer(&listener, 503).await, answer(&listener, 200).await);
        assert_ne!(first, second, "each try has a token of its own");
        let token = Jwt::parse(&second).unwrap();
        assert_eq!((token.typ.as_deref(), token.algorithm), (Some("logout+jwt"), Some(Algorithm::Rs256)));
        let said = |claim: &str| token.claims.get(claim).cloned().unwrap_or_default();
        let expected = [("iss", "https://t.example/"), ("sub", "auth0|1"), ("aud", "app"), ("sid", "s1")];
        for (claim, value) in expected {
            assert_eq!(said(claim), value, "{claim}");
        }
        assert_eq!(said("events"), json!({ EVENT: {} }));
        assert_eq!(said("exp").as_i64().unwrap() - said("iat").as_i64().unwrap(), LIFETIME);
        assert!(said("jti").is_string() && !token.claims.contains_key("nonce"));
        // One entry tells of both tries.
        loop {
            let logged =
                store.read(&tenant, |reader: &Snapshot| reader.logs(&LogQuery::default())).await.unwrap().items;
            if let Some(entry) = logged.first() {
                assert_eq!((logged.len(), &entry.document["type"]), (1, &json!("oidc_backchannel_logout_succeeded")));
                break;
            }
            tokio::task::yield_now().await;
        }
        working.abort();
    }
}
