//! Sessions, refresh tokens, things of single use and tallies: what every database must do with them.

use std::time::Duration;

use kernel::{Document, Secret, Timestamp, object};
use serde_json::json;

use super::Lab;
use crate::{
    Access, Agent, AuthenticationMethod, Database, Device, Exchange, Held, Paging, Permit, Presented, Rate,
    RefreshToken, RefreshTokenDetails, Resealing, Session, SessionDetails, Snapshot, StoreError, Tally, Tx, Window,
};

const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn session(id: &str, user_id: &str, now: Timestamp) -> Session {
    Session {
        id: id.to_owned(),
        user_id: user_id.to_owned(),
        created: now,
        updated: now,
        authenticated: now,
        last_interacted: now,
        idle_expires: now + HOUR,
        expires: now + 3 * HOUR,
        is_persistent: true,
        details: SessionDetails {
            device: Device::of(Agent::new("Mozilla/5.0", "10.1.2.3", "64496")),
            methods: vec![AuthenticationMethod { name: "pwd".to_owned(), at: now, kind: None }],
            ..SessionDetails::default()
        },
    }
}

fn token(id: &str, user_id: &str, client_id: &str, now: Timestamp) -> RefreshToken {
    let access = Access { audience: "https://api".to_owned(), scope: "read offline_access".to_owned() };
    RefreshToken {
        id: id.to_owned(),
        user_id: user_id.to_owned(),
        client_id: client_id.to_owned(),
        session_id: Some("sid".to_owned()),
        created: now,
        last_exchanged: None,
        idle_expires: Some(now + HOUR),
        expires: None,
        is_rotating: true,
        is_online: false,
        details: RefreshTokenDetails { resource_servers: vec![access], ..RefreshTokenDetails::default() },
    }
}

/// Issues a token and gives what its client presents.
async fn issue(lab: &Lab, token: RefreshToken) -> String {
    lab.write(move |tx| tx.insert_refresh_token(&token)).await.reveal().to_owned()
}

/// What comes of presenting a token.
async fn exchange(lab: &Lab, presented: &str, leeway: Duration) -> Exchange {
    let presented = presented.to_owned();
    lab.write(move |tx| {
        let now = tx.now();
        tx.exchange_refresh_token(&presented, leeway, |token| token.last_exchanged = Some(now))
    })
    .await
}

fn rotated(exchange: Exchange) -> String {
    let Exchange::Rotated(_, next) = exchange else { panic!("{exchange:?}") };
    next.reveal().to_owned()
}

pub(super) async fn a_session_is_found_by_what_its_browser_presents(lab: &mut Lab) {
    let new = session("sid-1", "auth0|1", lab.now());
    let copy = new.clone();
    let secret = lab.write(move |tx| tx.insert_session(&copy)).await;
    let find = |secret: &Secret| {
        let secret = secret.clone();
        move |snapshot: &Snapshot| snapshot.session_by_secret(secret.reveal())
    };
    assert_eq!(lab.read(find(&secret)).await, Some(new.clone()));
    assert_eq!(lab.store.read(&lab.two, find(&secret)).await, Ok(None));
    assert_eq!(lab.read(|snapshot| snapshot.session_by_secret("sid-1")).await, None);
    assert_eq!(lab.read(|snapshot| snapshot.session("sid-1")).await, Some(new.clone()));
    let copy = new.clone();
    let again = lab.store.write(&lab.one, move |tx: &mut Tx| tx.insert_session(&copy)).await;
    assert_eq!(again.err(), Some(StoreError::Taken { key: "id".to_owned() }));

    let renewed = lab.write(|tx| tx.renew_session_secret("sid-1")).await.unwrap();
    assert_eq!(lab.read(find(&secret)).await, None);
    let mut changed = new;
    changed.details.clients.push("client".to_owned());
    changed.details.metadata = Some(object(json!({"kiosk": true})));
    changed.details.device.used_by(Agent::new("curl/8", "10.1.2.4", ""));
    changed.idle_expires = changed.idle_expires + HOUR;
    let copy = changed.clone();
    assert!(lab.write(move |tx| tx.update_session(&copy)).await);
    assert_eq!(lab.read(find(&renewed)).await, Some(changed.clone()));
    assert_eq!(lab.write(|tx| tx.delete_session("sid-1")).await, Some(changed.clone()));
    assert_eq!(lab.read(find(&renewed)).await, None);
    assert!(!lab.write(move |tx| tx.update_session(&changed)).await);
}

pub(super) async fn a_session_ends_when_it_is_idle_or_too_old(lab: &mut Lab) {
    let now = lab.now();
    let secret = lab.write(move |tx| tx.insert_session(&session("sid", "u", now))).await;
    let is_there = async |lab: &Lab| {
        let secret = secret.clone();
        let found = lab.read(move |snapshot| snapshot.session_by_secret(secret.reveal())).await.is_some();
        let by_id = lab.read(|snapshot| snapshot.session("sid")).await.is_some();
        let listed = lab.read(|snapshot| snapshot.sessions_of("u", &Paging::All, true)).await;
        assert_eq!((found, u64::from(found), listed.items.len()), (by_id, listed.total.unwrap(), usize::from(found)));
        found
    };
    lab.clock.advance(HOUR.checked_sub(Duration::from_micros(1)).unwrap());
    assert!(is_there(lab).await);
    lab.write(|tx| {
        let mut session = tx.session("sid")?.unwrap();
        session.idle_expires = tx.now() + 10 * HOUR;
        tx.update_session(&session)
    })
    .await;
    lab.clock.advance(HOUR);
    assert!(is_there(lab).await);
    lab.clock.advance(HOUR + Duration::from_micros(1));
    assert!(!is_there(lab).await);
    // Its row is there until it is swept, and whoever sweeps it is given it.
    lab.clock.advance(HOUR);
    assert_eq!(lab.store.tenants_with_expired_sessions().await.unwrap(), std::slice::from_ref(&lab.one));
    let taken = lab.write(|tx| tx.take_expired_sessions(10)).await;
    assert_eq!(taken.iter().map(|session| session.id.as_str()).collect::<Vec<_>>(), ["sid"]);
    assert!(lab.store.tenants_with_expired_sessions().await.unwrap().is_empty());
}

pub(super) async fn sessions_of_a_user_are_listed_and_ended_together(lab: &mut Lab) {
    let now = lab.now();
    for tenant in [&lab.one, &lab.two] {
        let insert = move |tx: &mut Tx| {
            for (id, user) in [("a", "u"), ("b", "u"), ("c", "other"), ("d", "u")] {
                tx.insert_session(&session(id, user, now))?;
            }
            Ok::<_, StoreError>(())
        };
        lab.store.write(tenant, insert).await.unwrap();
    }
    let page = |cursor: Option<String>| {
        move |snapshot: &Snapshot| snapshot.sessions_of("u", &Paging::After { cursor: cursor.clone(), limit: 2 }, true)
    };
    let ids = |sessions: &[Session]| sessions.iter().map(|session| session.id.clone()).collect::<Vec<_>>();
    let first = lab.read(page(None)).await;
    assert_eq!((ids(&first.items), first.total), (vec!["a".to_owned(), "b".to_owned()], Some(3)));
    let second = lab.read(page(first.next)).await;
    assert_eq!((ids(&second.items), second.next), (vec!["d".to_owned()], None));
    assert_eq!(ids(&lab.write(|tx| tx.delete_sessions_of("u")).await), ["a", "b", "d"]);
    assert!(lab.read(page(None)).await.items.is_empty());
    assert!(lab.read(|snapshot| snapshot.session("c")).await.is_some());
    assert_eq!(lab.store.read(&lab.two, page(None)).await.unwrap().items.len(), 2);
}

pub(super) async fn a_refresh_token_rotates_and_a_spent_one_ends_its_family(lab: &mut Lab) {
    let (now, leeway) = (lab.now(), Duration::from_secs(10));
    let first = issue(lab, token("rt", "u", "c", now)).await;
    assert_eq!((first.len(), &first[..3]), (67, "v1."));
    lab.clock.advance(Duration::from_secs(1));
    let second = rotated(exchange(lab, &first, leeway).await);
    assert_ne!(first, second);
    // The same successor for all that present the same token in time.
    assert_eq!(rotated(exchange(lab, &first, leeway).await), second);
    lab.clock.advance(Duration::from_micros(9_999_999));
    assert_eq!(rotated(exchange(lab, &first, leeway).await), second);
    let presented = first.clone();
    let seen = lab.read(move |snapshot| snapshot.presented_refresh_token(&presented)).await;
    assert!(matches!(seen, Presented::Previous(token, at) if at == now + Duration::from_secs(1) && token.id == "rt"));

    let third = rotated(exchange(lab, &second, leeway).await);
    // The one before the last is too old, leeway or not.
    assert!(matches!(exchange(lab, &first, leeway).await, Exchange::Reused(token) if token.id == "rt"));
    for presented in [&first, &second, &third] {
        assert!(matches!(exchange(lab, presented, leeway).await, Exchange::Unknown));
    }
    assert_eq!(lab.read(|snapshot| snapshot.refresh_token("rt")).await, None);

    let first = issue(lab, token("rt", "u", "c", now)).await;
    let second = rotated(exchange(lab, &first, leeway).await);
    lab.clock.advance(Duration::from_secs(10));
    assert!(matches!(exchange(lab, &first, leeway).await, Exchange::Reused(_)));
    assert!(matches!(exchange(lab, &second, leeway).await, Exchange::Unknown));
}

pub(super) async fn a_refresh_token_is_good_for_its_own_tenant_and_time(lab: &mut Lab) {
    let now = lab.now();
    let fixed = RefreshToken { is_rotating: false, expires: Some(now + 2 * HOUR), ..token("rt", "u", "c", now) };
    let presented = issue(lab, fixed.clone()).await;
    let elsewhere = presented.clone();
    let foreign =
        lab.store.write(&lab.two, move |tx: &mut Tx| tx.exchange_refresh_token(&elsewhere, Duration::ZERO, |_| ()));
    assert!(matches!(foreign.await, Ok(Exchange::Unknown)));
    for wrong in ["", "v1.", "rt", &presented[3..], &presented[..60], &format!("{presented}A")] {
        assert!(matches!(exchange(lab, wrong, HOUR).await, Exchange::Unknown), "{wrong}");
    }
    for _ in 0..2 {
        let Exchange::Kept(kept) = exchange(lab, &presented, Duration::ZERO).await else { panic!() };
        assert_eq!(kept, RefreshToken { last_exchanged: Some(now), ..fixed.clone() });
    }
    lab.write(|tx| {
        let mut token = tx.refresh_token("rt")?.unwrap();
        token.idle_expires = None;
        tx.update_refresh_token(&token)
    })
    .await;
    lab.clock.advance(HOUR);
    assert!(matches!(exchange(lab, &presented, Duration::ZERO).await, Exchange::Kept(_)));
    lab.clock.advance(HOUR);
    assert!(matches!(exchange(lab, &presented, Duration::ZERO).await, Exchange::Unknown));
    lab.clock.advance(HOUR);
    assert_eq!(lab.store.sweep(10).await.unwrap(), 1);
    assert_eq!(lab.store.sweep(10).await.unwrap(), 0);
}

pub(super) async fn a_hundred_uses_of_one_refresh_token_log_nobody_out_within_the_leeway(lab: &mut Lab) {
    let first = issue(lab, token("rt", "u", "c", lab.now())).await;
    let mut given = Vec::new();
    for outcome in present_at_once(lab, &first, HOUR).await {
        given.push(rotated(outcome));
    }
    given.dedup();
    assert_eq!(given.len(), 1);
    rotated(exchange(lab, &given[0], Duration::ZERO).await);
}

pub(super) async fn a_hundred_uses_of_one_refresh_token_leave_no_family_without_leeway(lab: &mut Lab) {
    let first = issue(lab, token("rt", "u", "c", lab.now())).await;
    let outcomes = present_at_once(lab, &first, Duration::ZERO).await;
    let count = |is_meant: fn(&Exchange) -> bool| outcomes.iter().filter(|outcome| is_meant(outcome)).count();
    assert_eq!(count(|outcome| matches!(outcome, Exchange::Rotated(..))), 1);
    assert_eq!(count(|outcome| matches!(outcome, Exchange::Reused(..))), 1);
    for outcome in outcomes {
        if let Exchange::Rotated(_, next) = outcome {
            assert!(matches!(exchange(lab, next.reveal(), HOUR).await, Exchange::Unknown));
        }
    }
    let left = lab.read(|snapshot| snapshot.refresh_tokens(Held::default(), &Paging::All, true)).await;
    assert_eq!(left.total, Some(0));
}

async fn present_at_once(lab: &Lab, presented: &str, leeway: Duration) -> Vec<Exchange> {
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (store, tenant, presented) = (lab.store.clone(), lab.one.clone(), presented.to_owned());
            tokio::spawn(async move {
                store.write(&tenant, move |tx: &mut Tx| tx.exchange_refresh_token(&presented, leeway, |_| ())).await
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap().unwrap());
    }
    outcomes
}

pub(super) async fn refresh_tokens_are_found_and_ended_by_who_holds_them(lab: &mut Lab) {
    let now = lab.now();
    lab.write(move |tx| {
        for (id, user, client) in [("1", "u", "c"), ("2", "u", "d"), ("3", "v", "c")] {
            tx.insert_refresh_token(&token(id, user, client, now))?;
        }
        let online = RefreshToken { is_online: true, session_id: Some("s".into()), ..token("4", "u", "c", now) };
        tx.insert_refresh_token(&online).map(drop)
    })
    .await;
    let found = async |held: Held<'static>| {
        let page = lab.read(move |snapshot| snapshot.refresh_tokens(held, &Paging::All, true)).await;
        assert_eq!(page.total, Some(page.items.len() as u64));
        page.items.into_iter().map(|token| token.id).collect::<Vec<_>>()
    };
    let of_user = Held { user_id: Some("u"), ..Held::default() };
    assert_eq!(found(of_user).await, ["1", "2"]);
    assert_eq!(found(Held { client_id: Some("c"), ..Held::default() }).await, ["1", "3"]);
    assert_eq!(found(Held { client_id: Some("c"), ..of_user }).await, ["1"]);
    assert_eq!(found(Held { session_id: Some("sid"), ..Held::default() }).await, ["1", "2", "3"]);
    let ended = |held: Held<'static>, audience: &'static str| {
        move |tx: &mut Tx| {
            tx.delete_refresh_tokens(held, |token| {
                token.details.resource_servers.iter().any(|access| access.audience == audience)
            })
        }
    };
    let of_client = Held { client_id: Some("d"), ..of_user };
    assert!(lab.write(ended(of_client, "https://other")).await.is_empty());
    assert_eq!(lab.write(ended(of_client, "https://api")).await.len(), 1);
    assert_eq!(lab.write(ended(Held { session_id: Some("s"), ..Held::default() }, "https://api")).await.len(), 1);
    assert_eq!(found(of_user).await, ["1"]);
    assert_eq!(lab.write(|tx| tx.delete_refresh_token("1")).await.map(|token| token.id), Some("1".to_owned()));
    assert_eq!(found(Held::default()).await, ["3"]);
}

pub(super) async fn something_of_single_use_is_consumed_once(lab: &mut Lab) {
    let expires = lab.now() + HOUR;
    let payload = object(json!({"scope": "openid", "n": 1}));
    let put = |payload: &Document| {
        let payload = payload.clone();
        move |tx: &mut Tx| tx.put_single_use("code", "secret-code", payload.clone(), Some("u"), expires)
    };
    lab.write(put(&payload)).await;
    let taken = lab.store.write(&lab.one, put(&payload)).await;
    assert_eq!(taken, Err(StoreError::Taken { key: "id".to_owned() }));
    lab.store.write(&lab.two, put(&payload)).await.unwrap();
    let peek = |kind: &'static str| move |snapshot: &Snapshot| snapshot.peek_single_use(kind, "secret-code");
    assert_eq!(lab.read(peek("code")).await.unwrap().payload, payload);
    assert_eq!(lab.read(peek("ticket")).await, None);
    assert_eq!(lab.read(|snapshot| snapshot.count_single_use("code", "u")).await, 1);
    let other = object(json!({"n": 2}));
    let changed = other.clone();
    assert!(lab.write(move |tx| tx.update_single_use("code", "secret-code", changed.clone())).await);

    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (store, tenant) = (lab.store.clone(), lab.one.clone());
            tokio::spawn(async move {
                store.write(&tenant, |tx: &mut Tx| tx.consume_single_use("code", "secret-code")).await
            })
        })
        .collect();
    let mut got = Vec::new();
    for task in tasks {
        got.extend(task.await.unwrap().unwrap());
    }
    assert_eq!(got.len(), 1);
    assert_eq!((&got[0].payload, got[0].user_id.as_deref(), got[0].expires), (&other, Some("u"), expires));
    assert_eq!(lab.read(peek("code")).await, None);
    assert!(!lab.write(|tx| tx.update_single_use("code", "secret-code", Document::new())).await);
    assert!(lab.store.read(&lab.two, peek("code")).await.unwrap().is_some());
}

pub(super) async fn something_of_single_use_goes_with_its_user_and_its_time(lab: &mut Lab) {
    let now = lab.now();
    lab.write(move |tx| {
        for (kind, code, user) in [("code", "1", Some("u")), ("ticket", "2", Some("u")), ("code", "3", None)] {
            tx.put_single_use(kind, code, Document::new(), user, now + HOUR)?;
        }
        Ok(())
    })
    .await;
    assert_eq!(lab.write(|tx| tx.delete_single_use_of("u", Some("ticket"))).await, 1);
    // What becomes another user's goes with that one.
    assert_eq!(lab.write(|tx| tx.give_single_use("code", "u", "v")).await, 1);
    assert_eq!(lab.write(|tx| tx.delete_single_use_of("u", None)).await, 0);
    assert_eq!(lab.write(|tx| tx.delete_single_use_of("v", None)).await, 1);
    assert!(lab.read(|snapshot| snapshot.peek_single_use("code", "3")).await.is_some());
    lab.clock.advance(HOUR);
    assert_eq!(lab.read(|snapshot| snapshot.peek_single_use("code", "3")).await, None);
    assert_eq!(lab.write(|tx| tx.consume_single_use("code", "3")).await, None);
    // What has expired is not in the way of a new one.
    let later = lab.now() + HOUR;
    lab.write(move |tx| tx.put_single_use("code", "3", Document::new(), None, later)).await;
    lab.clock.advance(2 * HOUR);
    assert_eq!(lab.store.sweep(10).await.unwrap(), 1);
}

pub(super) async fn a_tally_counts_every_attempt_until_it_is_forgotten(lab: &mut Lab) {
    let count = |window: Window| move |tx: &mut Tx| tx.count_up("failed logins", "jane 10.1.2.3", window);
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let (store, tenant) = (lab.store.clone(), if number % 2 == 0 { lab.one.clone() } else { lab.two.clone() });
            tokio::spawn(async move { store.write(&tenant, count(Window::FromFirst(HOUR))).await })
        })
        .collect();
    let mut values = Vec::new();
    for task in tasks {
        values.push(task.await.unwrap().unwrap().value);
    }
    values.sort_unstable();
    assert_eq!(values, (1..=20).flat_map(|value| [value, value]).collect::<Vec<_>>());
    let now = lab.now();
    let expected = Tally { value: 20, since: now, expires: now + HOUR };
    assert_eq!(lab.read(|snapshot| snapshot.tally("failed logins", "jane 10.1.2.3")).await, Some(expected));
    assert_eq!(lab.read(|snapshot| snapshot.tally("failed logins", "jane")).await, None);

    lab.clock.advance(HOUR / 2);
    lab.write(|tx| tx.count_up("failed logins", "john", Window::FromLast(HOUR))).await;
    let listed = lab.read(|snapshot| snapshot.tallies("failed logins", "j", 10)).await;
    assert_eq!(
        listed.iter().map(|(key, tally)| (key.as_str(), tally.value)).collect::<Vec<_>>(),
        [("jane 10.1.2.3", 20), ("john", 1)]
    );
    assert_eq!(lab.read(|snapshot| snapshot.tallies("failed logins", "jane ", 10)).await.len(), 1);
    assert_eq!(lab.read(|snapshot| snapshot.tallies("failed logins", "", 1)).await.len(), 1);
    lab.clock.advance(HOUR / 2);
    assert_eq!(lab.write(count(Window::FromFirst(HOUR))).await.value, 1);
    assert_eq!(lab.write(|tx| tx.count_up("failed logins", "john", Window::FromLast(HOUR))).await.value, 2);
    assert!(lab.write(|tx| tx.forget_tally("failed logins", "john")).await);
    assert!(!lab.write(|tx| tx.forget_tally("failed logins", "john")).await);
    assert_eq!(lab.write(|tx| tx.forget_tallies("failed logins", "jane")).await, 1);
    lab.clock.advance(2 * HOUR);
    assert_eq!(lab.store.sweep(10).await.unwrap(), 1);
}

pub(super) async fn a_rate_grants_a_burst_and_then_one_at_a_time(lab: &mut Lab) {
    let rate = Rate { burst: 3, interval: Duration::from_secs(60) };
    let take = move |tx: &mut Tx| tx.take_permit("signups", "10.1.2.3", rate);
    for remaining in [2, 1, 0] {
        assert!(matches!(lab.write(take).await, Permit::Granted { remaining: left, .. } if left == remaining));
    }
    let retry = lab.now() + Duration::from_secs(60);
    assert_eq!(lab.write(take).await, Permit::Refused { retry });
    lab.clock.advance(Duration::from_secs(60));
    let full = lab.now() + Duration::from_secs(180);
    assert_eq!(lab.write(take).await, Permit::Granted { remaining: 0, full });
    assert!(matches!(lab.write(take).await, Permit::Refused { .. }));
    lab.clock.advance(HOUR);
    assert!(matches!(lab.write(take).await, Permit::Granted { remaining: 2, .. }));
}

pub(super) async fn what_bearers_present_outlives_new_keys(lab: &mut Lab) {
    let now = lab.now();
    let secret = lab.write(move |tx| tx.insert_session(&session("sid", "u", now))).await;
    let presented = issue(lab, token("rt", "u", "c", now)).await;
    let payload = object(json!({"n": 1}));
    let stored = payload.clone();
    lab.write(move |tx| tx.put_single_use("code", "1", stored.clone(), None, now + HOUR)).await;
    let version = lab
        .write(|tx| {
            let root = tx.add_root_key(None)?;
            tx.wrap_master_key(root)?;
            tx.renew_master_key()
        })
        .await;
    let mut from = Some(Resealing::default());
    while let Some(at) = from {
        from = lab.write(move |tx| tx.reseal(version, at)).await;
    }
    lab.write(move |tx| tx.destroy_keys_before(version)).await;
    lab.store.shared().forget_tenants();
    assert!(lab.read(move |snapshot| snapshot.session_by_secret(secret.reveal())).await.is_some());
    assert!(matches!(exchange(lab, &presented, HOUR).await, Exchange::Rotated(..)));
    assert_eq!(lab.write(|tx| tx.consume_single_use("code", "1")).await.unwrap().payload, payload);
}

pub(super) async fn what_bearers_present_is_not_in_the_file(lab: &mut Lab) {
    let now = lab.now();
    let secret = lab.write(move |tx| tx.insert_session(&session("visible-sid", "u", now))).await;
    let presented = issue(lab, token("rt", "u", "c", now)).await;
    let next = rotated(exchange(lab, &presented, HOUR).await);
    let payload = object(json!({"state": "hidden-payload"}));
    lab.write(move |tx| tx.put_single_use("code", "hidden-code", payload.clone(), None, now + HOUR)).await;
    let Some(directory) = &lab.directory else { return };
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(has(b"visible-sid"));
    assert!(!has(secret.reveal().as_bytes()) && !has(b"hidden-code") && !has(b"hidden-payload"));
    for token in [presented, next] {
        let raw = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, &token[3..]).unwrap();
        assert!(!has(&token.as_bytes()[3..]) && !has(&raw[..16]) && !has(&raw[16..]));
    }
}

pub(super) async fn a_session_takes_less_than_600_bytes(lab: &mut Lab) {
    const SESSIONS: u64 = 20_000;
    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
    let now = lab.now();
    for _ in 0..SESSIONS / 1000 {
        lab.write(move |tx| {
            for _ in 0..1000 {
                let context = tx.context().clone();
                let user = format!("auth0|{}", context.text(kernel::id::HEX, 24));
                let mut new = session(&context.text(kernel::id::BASE64URL, 32), &user, now);
                new.details.device = Device::of(Agent::new(agent, "203.0.113.195", "64496"));
                new.details.clients.push(context.text(kernel::id::ALNUM, 32));
                new.details.connection = Some("Username-Password-Authentication".to_owned());
                tx.insert_session(&new)?;
            }
            Ok(())
        })
        .await;
    }
    lab.reopen().await;
    let Database::File(path) = &lab.database else { return };
    let each = std::fs::metadata(path).unwrap().len() / SESSIONS;

    assert!(each <= 600, "{each} bytes");
}
