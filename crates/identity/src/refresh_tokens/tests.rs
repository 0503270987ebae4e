use std::sync::Arc;

use kernel::{Context, FixedClock, SeededRandom, TenantId, object};
use serde_json::json;
use store::{Database, Options, RootKey, Store, StoreError};

use super::*;

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

    async fn exchange(&self, settings: &RefreshTokenSettings, client_id: &'static str, presented: &Secret) -> Exchange {
        let (settings, presented) = (settings.clone(), presented.clone());
        self.write(move |tx| {
            exchange(tx, &settings, client_id, presented.reveal(), &Agent::new("later", "10.0.0.2", ""), |_| ())
        })
        .await
    }

    async fn issue(&self, settings: &RefreshTokenSettings) -> (RefreshToken, Secret) {
        let settings = settings.clone();
        self.write(move |tx| issue(tx, &settings, grant())).await
    }
}

fn grant() -> Grant {
    Grant {
        id: None,
        user_id: "jane".to_owned(),
        client_id: "app".to_owned(),
        session_id: None,
        access: vec![Access { audience: "api".to_owned(), scope: "read".to_owned() }],
        login: Document::new(),
        agent: Agent::new("first", "10.0.0.1", ""),
        is_online: false,
        ..Grant::default()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "tests give their values away")]
fn settings(refresh_token: serde_json::Value) -> RefreshTokenSettings {
    super::settings(&object(json!({"refresh_token": refresh_token}))).unwrap()
}

#[tokio::test]
async fn a_client_without_settings_gets_a_token_that_stays() {
    let lab = Lab::start().await;
    let settings = super::settings(&Document::new()).unwrap();
    let (token, presented) = lab.issue(&settings).await;
    assert_eq!((token.expires, token.idle_expires, token.is_rotating), (None, None, false));
    assert!(token.id.starts_with("rt_"));
    let Exchange::Kept(kept) = lab.exchange(&settings, "app", &presented).await else { panic!() };
    // No note of the device where nothing expires.
    assert_eq!((kept.last_exchanged, kept.details.device), (Some(token.created), token.details.device));
    assert!(matches!(lab.exchange(&settings, "another", &presented).await, Exchange::Unknown));
    assert!(matches!(lab.exchange(&settings, "app", &presented).await, Exchange::Kept(_)));
    let refused = super::settings(&object(json!({"refresh_token": {"leeway": "long"}})));
    assert!(refused.is_err());
}

#[tokio::test]
async fn an_expiring_token_ends_when_it_is_idle_and_in_any_case() {
    let lab = Lab::start().await;
    let settings = settings(json!({
        "rotation_type": "rotating", "expiration_type": "expiring", "token_lifetime": 1000, "idle_token_lifetime": 400,
        "infinite_token_lifetime": false, "infinite_idle_token_lifetime": false, "leeway": 5,
    }));
    let (token, mut presented) = lab.issue(&settings).await;
    for _ in 0..2 {
        lab.clock.advance(Duration::from_secs(399));
        let Exchange::Rotated(rotated, next) = lab.exchange(&settings, "app", &presented).await else { panic!() };
        assert_eq!(rotated.expires, Some(token.created + Duration::from_secs(1000)));
        assert_eq!(rotated.details.device.last().user_agent, "later");
        presented = next;
    }
    lab.clock.advance(Duration::from_secs(202));
    assert!(matches!(lab.exchange(&settings, "app", &presented).await, Exchange::Unknown));

    let (_, presented) = lab.issue(&settings).await;
    lab.clock.advance(Duration::from_secs(400));
    assert!(matches!(lab.exchange(&settings, "app", &presented).await, Exchange::Unknown));
}

#[tokio::test]
async fn a_token_takes_on_what_its_client_is_changed_to() {
    let lab = Lab::start().await;
    let (_, presented) = lab.issue(&RefreshTokenSettings::default()).await;
    let stricter = settings(json!({
        "rotation_type": "rotating", "expiration_type": "expiring", "token_lifetime": 1000,
        "infinite_token_lifetime": false,
    }));
    let Exchange::Rotated(token, next) = lab.exchange(&stricter, "app", &presented).await else { panic!() };
    assert_eq!(token.expires, Some(token.created + Duration::from_secs(1000)));
    lab.clock.advance(Duration::from_secs(1));
    let reused = presented.clone();
    let found = lab.write({
        let stricter = stricter.clone();
        move |tx| find(tx, &stricter, "app", reused.reveal())
    });
    assert!(matches!(found.await, Found::Reused(_)));
    assert!(matches!(lab.exchange(&stricter, "app", &presented).await, Exchange::Reused(_)));
    assert!(matches!(lab.exchange(&stricter, "app", &next).await, Exchange::Unknown));
}

#[tokio::test]
async fn the_oldest_of_too_many_tokens_ends() {
    let lab = Lab::start().await;
    let (first, second) = lab
        .write(|tx| {
            let first = issue(tx, &RefreshTokenSettings::default(), grant())?.0;
            let second = issue(tx, &RefreshTokenSettings::default(), grant())?.0;
            for _ in 2..=MOST_OF_A_CLIENT {
                issue(tx, &RefreshTokenSettings::default(), grant())?;
            }
            Ok((first, second))
        })
        .await;
    let left = lab.write(move |tx| Ok((tx.refresh_token(&first.id)?, tx.refresh_token(&second.id)?))).await;
    assert!(left.0.is_none() && left.1.is_some());
}

#[tokio::test]
async fn a_withdrawn_consent_ends_the_tokens_for_its_api() {
    let lab = Lab::start().await;
    let (token, _) = lab.issue(&RefreshTokenSettings::default()).await;
    let ended = lab.write(|tx| {
        assert!(end_of_grant(tx, "jane", "app", "other api")?.is_empty());
        end_of_grant(tx, "jane", "app", "api")
    });
    assert_eq!(ended.await, [token]);
}
