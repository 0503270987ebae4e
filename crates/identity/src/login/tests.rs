//! Tests of logins by password, on a store in memory.

use std::{sync::Arc, time::Duration};

use kernel::{Context, FixedClock, SeededRandom, TenantId, Timestamp, object};
use model::CONNECTION_CLIENTS;
use serde_json::json;
use store::{Database, LogQuery, Options, RootKey};

use super::*;
use crate::{
    Channel, Passwords, blocks,
    reset::{self, Asked, Forgotten},
    triggers::NoTriggers,
    users::registration::{self, NewUser},
};

struct World {
    store: Store,
    clock: Arc<FixedClock>,
    services: Services,
    tenant: TenantId,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_700_000_000)));
        let context = Context::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        let root_key = RootKey::generate(&context);
        let options = Options { database: Database::Memory, root_key, context: context.clone() };
        let store = Store::open(options).await.unwrap();
        let tenant = TenantId::new("t");
        store.create_tenant(&tenant).await.unwrap();
        let set_up = |tx: &mut Tx| {
            let now = tx.now();
            let users = object(
                json!({"id": "con_1", "name": "Users", "strategy": "auth0", "options": {"requires_username": true}}),
            );
            tx.insert(&CONNECTION, Record::new("con_1", users, now))?;
            tx.insert(&CLIENT, Record::new("app", object(json!({"client_id": "app", "name": "App"})), now))?;
            tx.relate(&CONNECTION_CLIENTS, "con_1", "app", Document::new())?;
            let provider = object(json!({"name": "custom", "enabled": true}));
            tx.insert(&model::EMAIL_PROVIDER, Record::new(model::EMAIL_PROVIDER.name, provider, now)).map(drop)
        };
        store.write(&tenant, set_up).await.unwrap();
        let services = Services { passwords: Passwords::new(context), triggers: Arc::new(NoTriggers) };
        Self { store, clock, services, tenant }
    }

    fn actor(&self, ip: &str) -> Actor {
        Actor {
            ip: ip.to_owned(),
            client_id: Some("app".to_owned()),
            ..Actor::new(self.tenant.clone(), Channel::Public, "t.localhost:8080")
        }
    }

    async fn sign_up(&self, name: &str) -> Result<Record> {
        let actor = self.actor("192.0.2.1");
        let new = NewUser {
            connection: "Users".into(),
            attributes: object(json!({"email": format!("{name}@example.com"), "username": name})),
            password: Some(Secret::new("correct Horse 7")),
            ..NewUser::default()
        };
        let prepared = registration::prepare(&self.services, &self.store, &actor, new).await?;
        let services = self.services.clone();
        let work = move |tx: &mut Tx| registration::apply(tx, &services, &actor, &prepared);
        self.store.write(&self.tenant, work).await
    }

    async fn log_in(&self, identifier: &str, password: &str, ip: &str) -> Outcome {
        let actor = self.actor(ip);
        let attempt = Attempt {
            connection: "Users".into(),
            identifier: identifier.into(),
            kinds: Vec::new(),
            password: Secret::new(password),
            organization_id: None,
        };
        let prepared = prepare(&self.services, &self.store, &actor, attempt).await.unwrap();
        self.store.write(&self.tenant, move |tx: &mut Tx| apply(tx, &actor, &prepared)).await.unwrap()
    }

    async fn refusal(&self, identifier: &str, password: &str, ip: &str) -> Option<Refusal> {
        match self.log_in(identifier, password, ip).await {
            Outcome::LoggedIn(_) => None,
            Outcome::Refused(refusal) => Some(refusal),
        }
    }

    async fn codes(&self) -> Vec<String> {
        let read = |reader: &Snapshot| reader.logs(&LogQuery::default());
        let events = self.store.read(&self.tenant, read).await.unwrap().items;
        let mut codes: Vec<String> =
            events.iter().map(|event| event.document["type"].as_str().unwrap().to_owned()).collect();
        codes.reverse();
        codes
    }

    async fn change(&self, id: &str, change: impl Fn(&mut Record) + Send + 'static) {
        let id = id.to_owned();
        let work = move |tx: &mut Tx| {
            let mut user = tx.get(&USER, &id)?.unwrap();
            change(&mut user);
            users::update(tx, user, Document::new()).map(drop)
        };
        self.store.write(&self.tenant, work).await.unwrap();
    }
}

#[tokio::test]
async fn a_login_is_noted_in_the_users_record() {
    let world = World::new().await;
    world.sign_up("jane").await.unwrap();
    for identifier in ["jane", "Jane@Example.com"] {
        assert_eq!(world.refusal(identifier, "correct Horse 7", "192.0.2.1").await, None, "{identifier}");
    }
    let Outcome::LoggedIn(found) = world.log_in("jane", "correct Horse 7", "192.0.2.9").await else {
        panic!("refused")
    };
    assert_eq!(found.user.document["logins_count"], 3);
    assert_eq!(found.user.document["last_ip"], "192.0.2.9");
    assert_eq!(found.account, found.user.id);
    assert_eq!(world.codes().await, ["ss"]);
}

#[tokio::test]
async fn strangers_are_not_told_who_exists() {
    let world = World::new().await;
    world.sign_up("jane").await.unwrap();
    for identifier in ["jane", "nobody"] {
        let refusal = world.refusal(identifier, "wrong", "192.0.2.1").await;
        assert_eq!(refusal, Some(Refusal::WrongCredentials), "{identifier}");
    }
    assert_eq!(world.codes().await, ["ss", "fp", "fu"]);
    assert!(matches!(world.sign_up("jane").await, Err(Error::UserExists)));
}

#[tokio::test]
async fn ten_failures_block_the_account_from_that_address_for_a_month() {
    let world = World::new().await;
    world.sign_up("jane").await.unwrap();
    for _ in 0..10 {
        assert_eq!(world.refusal("jane", "wrong", "192.0.2.1").await, Some(Refusal::WrongCredentials));
        world.clock.advance(Duration::from_secs(60));
    }
    let blocked = Some(Refusal::Limited(Limited::BruteForce { is_notified: true }));
    assert_eq!(world.refusal("jane", "correct Horse 7", "192.0.2.1").await, blocked);
    assert_eq!(world.refusal("jane", "correct Horse 7", "192.0.2.2").await, None);
    let codes = world.codes().await;
    assert_eq!(codes.iter().filter(|code| *code == "limit_wc").count(), 1, "{codes:?}");
    world.clock.advance(Duration::from_secs(30 * 86_400));
    assert_eq!(world.refusal("jane", "correct Horse 7", "192.0.2.1").await, None);
}

#[tokio::test]
async fn the_end_of_a_block_forgets_what_led_to_it() {
    let world = World::new().await;
    let jane = world.sign_up("jane").await.unwrap();
    for _ in 0..10 {
        world.refusal("jane", "wrong", "192.0.2.1").await;
        world.clock.advance(Duration::from_secs(60));
    }
    let lift = move |tx: &mut Tx| blocks::lift_of(tx, &jane);
    world.store.write(&world.tenant, lift).await.unwrap();
    assert_eq!(world.refusal("jane", "wrong", "192.0.2.1").await, Some(Refusal::WrongCredentials));
    assert_eq!(world.refusal("jane", "correct Horse 7", "192.0.2.1").await, None);
}

#[tokio::test]
async fn twenty_logins_of_a_user_are_possible_at_once() {
    let world = World::new().await;
    world.sign_up("jane").await.unwrap();
    for _ in 0..20 {
        assert_eq!(world.refusal("jane", "correct Horse 7", "192.0.2.1").await, None);
    }
    let refusal = world.refusal("jane", "correct Horse 7", "192.0.2.1").await;
    assert!(matches!(refusal, Some(Refusal::Limited(Limited::SameUser { .. }))), "{refusal:?}");
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(world.refusal("jane", "correct Horse 7", "192.0.2.1").await, None);
}

#[tokio::test]
async fn a_blocked_user_is_told_so_after_the_right_password_only() {
    let world = World::new().await;
    let jane = world.sign_up("jane").await.unwrap();
    world.change(&jane.id, |user| drop(user.document.insert("blocked".into(), true.into()))).await;
    assert_eq!(world.refusal("jane", "wrong", "192.0.2.1").await, Some(Refusal::WrongCredentials));
    assert_eq!(world.refusal("jane", "correct Horse 7", "192.0.2.1").await, Some(Refusal::Blocked));
    assert_eq!(world.codes().await, ["ss", "fp", "f"]);
}

#[tokio::test]
async fn a_password_of_another_system_is_ones_own_after_the_first_login() {
    let world = World::new().await;
    let jane = world.sign_up("jane").await.unwrap();
    let hash = json!({"algorithm": "md5", "hash": {"value": "5f4dcc3b5aa765d61d8327deb882cf99", "encoding": "hex"}});
    let account = jane.id.clone();
    let import = move |user: &mut Record| {
        users::remove_password(user, &account);
        users::set_imported_password(user, &account, hash.clone());
    };
    world.change(&jane.id, import).await;
    assert_eq!(world.refusal("jane", "passwort", "192.0.2.1").await, Some(Refusal::WrongCredentials));
    let Outcome::LoggedIn(found) = world.log_in("jane", "password", "192.0.2.1").await else { panic!("refused") };
    assert!(users::password(&found.user, &jane.id).is_some());
    assert!(users::imported_password(&found.user, &jane.id).is_none());
    assert_eq!(world.refusal("jane", "password", "192.0.2.1").await, None);
}

#[tokio::test]
async fn a_forgotten_password_is_set_by_a_ticket_once() {
    let world = World::new().await;
    world.sign_up("jane").await.unwrap();
    let forgotten = |identifier: &str| Forgotten {
        connection: "Users".into(),
        identifier: identifier.into(),
        ..Forgotten::default()
    };
    for (identifier, expected) in [("jane", Asked::Sent), ("nobody", Asked::Unreachable)] {
        let (actor, forgotten) = (world.actor("192.0.2.1"), forgotten(identifier));
        let ask = move |tx: &mut Tx| reset::ask(tx, &actor, &forgotten);
        assert_eq!(world.store.write(&world.tenant, ask).await.unwrap(), expected);
    }
    let jobs = world.store.lease_jobs(model::queues::MESSAGES, 10, Duration::from_secs(60)).await.unwrap();
    let link = jobs.iter().filter_map(|job| job.sealed.text("url")).find(|url| url.contains("/u/reset-password?"));
    let ticket = link.unwrap().split_once("ticket=").unwrap().1.trim_end_matches('#').to_owned();
    let actor = world.actor("192.0.2.1");
    let prepare =
        async || reset::prepare(&world.services, &world.store, &actor, &ticket, Secret::new("another Horse 8")).await;
    let prepared = prepare().await.unwrap();
    let (services, asked) = (world.services.clone(), actor.clone());
    let set = move |tx: &mut Tx| reset::apply(tx, &services, &asked, &prepared).map(|(user, _)| user);
    let user = world.store.write(&world.tenant, set).await.unwrap();
    assert_eq!(user.document["email_verified"], true);
    assert!(matches!(prepare().await, Err(Error::Ticket(_))));
    assert_eq!(world.refusal("jane", "correct Horse 7", "192.0.2.1").await, Some(Refusal::WrongCredentials));
    assert_eq!(world.refusal("jane", "another Horse 8", "192.0.2.1").await, None);
    assert_eq!(world.codes().await, ["ss", "scpr", "fcpr", "scp", "fcp", "fp"]);
}
