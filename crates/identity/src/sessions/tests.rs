use std::{sync::Arc, time::Duration};

use kernel::{Context, FixedClock, SeededRandom, TenantId, object};
use model::{CLIENT, queues::BACK_CHANNEL_LOGOUT, views::RefreshTokenSettings};
use serde_json::json;
use store::{Database, Held, Options, Paging, RootKey, Store, StoreError};

use super::*;
use crate::refresh_tokens::{Grant, issue};

const HOUR: Duration = Duration::from_secs(3600);

struct Lab {
    store: Store,
    tenant: TenantId,
    clock: Arc<FixedClock>,
}

impl Lab {
    async fn start() -> Self {
        let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_800_000_000)));
        let context = Context::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        let root_key = RootKey::generate(&context);
        let store = Store::open(Options { database: Database::Memory, root_key, context }).await.unwrap();
        let tenant = TenantId::new("t");
        store.create_tenant(&tenant).await.unwrap();
        Self { store, tenant, clock }
    }

    async fn write<T: Send + 'static>(&self, work: impl Fn(&mut Tx) -> StoreResult<T> + Send + 'static) -> T {
        self.store.write::<_, StoreError>(&self.tenant, work).await.unwrap()
    }

    async fn begin(&self, user: &'static str, former: Option<Session>) -> (Session, Secret) {
        self.write(move |tx| begin(tx, &Lifetimes::default(), former.as_ref(), login(user, tx.now()))).await
    }
}

fn login(user: &str, now: Timestamp) -> Login {
    Login {
        id: None,
        authenticated: now,
        user_id: user.to_owned(),
        connection: Some("db".to_owned()),
        organization_id: None,
        methods: Vec::new(),
        agent: Agent::default(),
        is_persistent: None,
        expires: None,
        idle_expires: None,
    }
}

#[tokio::test]
async fn a_login_gives_the_browser_a_new_secret_under_the_same_session() {
    let lab = Lab::start().await;
    let (first, old) = lab.begin("jane", None).await;
    assert_eq!(first.expires, first.created + 168 * HOUR);
    assert_eq!(first.idle_expires, first.created + 72 * HOUR);
    lab.clock.advance(HOUR);
    let (second, new) = lab.begin("jane", Some(first.clone())).await;
    assert_eq!((&second.id, second.created), (&first.id, first.created + HOUR));
    let found =
        lab.write(move |tx| Ok((tx.session_by_secret(old.reveal())?, tx.session_by_secret(new.reveal())?))).await;
    assert_eq!(found, (None, Some(second.clone())));
    let (third, _) = lab.begin("joe", Some(second.clone())).await;
    assert_ne!(third.id, second.id);
    assert_eq!(lab.write(move |tx| tx.session(&second.id)).await, None);
}

#[tokio::test]
async fn a_use_moves_the_idle_time_and_a_lowered_limit_acts() {
    let lab = Lab::start().await;
    let (session, _) = lab.begin("jane", None).await;
    let lifetimes = Lifetimes::default();
    let soon = session.created + Duration::from_secs(30);
    assert_eq!(used(&session, &lifetimes, Agent::default(), soon).map(|(_, is_due)| is_due), Some(false));
    let later = session.created + 2 * HOUR;
    let (used_later, is_due) = used(&session, &lifetimes, Agent::default(), later).unwrap();
    assert!(is_due);
    assert_eq!((used_later.idle_expires, used_later.expires), (later + 72 * HOUR, session.expires));
    let raised = Lifetimes::of(&object(json!({"session_lifetime": 1000, "idle_session_lifetime": 900}))).unwrap();
    assert_eq!(used(&session, &raised, Agent::default(), later).unwrap().0.idle_expires, session.expires);
    let lowered = Lifetimes::of(&object(json!({"session_lifetime": 1.5}))).unwrap();
    assert_eq!(used(&session, &lowered, Agent::default(), later), None);
    assert!(Lifetimes::of(&object(json!({"session_lifetime": "long"}))).is_err());
}

#[tokio::test]
async fn cookies_of_ephemeral_sessions_have_their_own_lifetimes() {
    let settings = json!({"session_cookie": {"mode": "non-persistent"}, "ephemeral_session_lifetime": 10});
    let lifetimes = Lifetimes::of(&object(settings)).unwrap();
    assert!(!lifetimes.is_persistent);
    assert_eq!((lifetimes.absolute(false), lifetimes.idle(false)), (10 * HOUR, 24 * HOUR));
}

#[tokio::test]
async fn clients_are_told_of_the_endings_that_they_chose() {
    let lab = Lab::start().await;
    let (mut session, _) = lab.begin("jane", None).await;
    for id in ["all", "some", "none", "older"] {
        assert!(note_client(&mut session, id));
        assert!(!note_client(&mut session, id));
    }
    let noted = session.clone();
    lab.write(move |tx| {
        let urls = json!(["https://app/logout"]);
        for (id, logout) in [
            ("all", json!({"backchannel_logout_urls": urls, "backchannel_logout_initiators": {"mode": "all"}})),
            (
                "some",
                json!({"backchannel_logout_urls": urls, "backchannel_logout_initiators": {
                    "mode": "custom", "selected_initiators": ["rp-logout", "password-changed"],
                }}),
            ),
            ("none", json!({"backchannel_logout_urls": []})),
            ("older", json!({"backchannel_logout_urls": urls})),
        ] {
            let name = if id == "older" { "oidc_backchannel_logout" } else { "oidc_logout" };
            let client = kernel::Record::new(id, object(json!({name: logout})), tx.now());
            tx.insert(&CLIENT, client)?;
        }
        tx.update_session(&noted).map(drop)
    })
    .await;
    let told = async |lab: &Lab| {
        let jobs = lab.store.lease_jobs(BACK_CHANNEL_LOGOUT, 10, HOUR).await.unwrap();
        jobs.iter().map(|job| job.payload["client_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let ended = session.clone();
    lab.write(move |tx| end(tx, &ended, Ending::Revoked)).await;
    assert_eq!(told(&lab).await, ["all"]);
    let again = session.clone();
    lab.write(move |tx| {
        tx.insert_session(&again)?;
        end_all(tx, "jane", Ending::PasswordChanged)
    })
    .await;
    assert_eq!(told(&lab).await, ["all", "some"]);
}

#[tokio::test]
async fn what_is_bound_to_a_session_ends_with_it() {
    let lab = Lab::start().await;
    let (session, _) = lab.begin("jane", None).await;
    let id = session.id.clone();
    let left = lab
        .write(move |tx| {
            for is_online in [true, false] {
                let grant = Grant {
                    id: None,
                    user_id: "jane".to_owned(),
                    client_id: "c".to_owned(),
                    session_id: Some(id.clone()),
                    access: Vec::new(),
                    login: kernel::Document::new(),
                    agent: Agent::default(),
                    is_online,
                    ..Grant::default()
                };
                issue(tx, &RefreshTokenSettings::default(), grant)?;
            }
            end(tx, &session, Ending::Logout)?;
            tx.delete_refresh_tokens(Held::default(), |_| true)
        })
        .await;
    assert_eq!(left.iter().map(|token| token.is_online).collect::<Vec<_>>(), [false]);
}

#[tokio::test]
async fn expired_sessions_are_swept() {
    let lab = Lab::start().await;
    lab.begin("jane", None).await;
    lab.clock.advance(74 * HOUR);
    assert_eq!(lab.write(|tx| end_expired(tx, 10)).await, 1);
    assert_eq!(lab.write(|tx| tx.sessions_of("jane", &Paging::All, true)).await.total, Some(0));
}
