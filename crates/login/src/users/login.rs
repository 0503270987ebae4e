//! A login by password: blocks before it, the password, and what is counted after it
//! (reference: sessions and rules of a login §6 and §8, protection §2).

use std::time::Duration;

use identity::{
    Actor, Checked, Error, ForeignHash, Known, PasswordHash, blocks,
    log::Entry,
    users::{self, Realm},
};
use kernel::{Record, Value};
use model::login::Refusal;
use serde::Deserialize;
use store::{Kind, Permit, Rate, Snapshot, StoreResult, Tx, Window};

use super::{Users, actor, authenticated, faults, known};
use crate::{
    accounts::{Call, Keep, Refused},
    load::FAILURES_OF_ADDRESS,
    machine::{Fault, LogIn},
};

/// How long a block lasts after the last failed attempt.
const BLOCKED_FOR: Duration = Duration::from_secs(30 * 86_400);
/// Logins of one user from one address: so many at once, then one in each interval.
const SAME_USER: Rate = Rate { burst: 20, interval: Duration::from_secs(6) };
/// For how long the failures of an address count as a risk.
const LATELY: Duration = Duration::from_secs(3600);
/// What counts failed attempts.
const FAILURES: &str = "failed_logins";

/// What stands for the tenant against guessing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct BruteForce {
    enabled: Option<bool>,
    shields: Option<Vec<String>>,
    mode: Option<String>,
    allowlist: Vec<String>,
    max_attempts: Option<u64>,
}

/// What stands for the tenant against addresses that try much.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Throttling {
    enabled: Option<bool>,
    shields: Option<Vec<String>>,
    allowlist: Vec<String>,
    stage: Stages,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Stages {
    pre_login: Stage,
}

#[derive(Deserialize)]
#[serde(default)]
struct Stage {
    max_attempts: u32,
    rate: u64,
}

impl Default for Stage {
    fn default() -> Self {
        Self { max_attempts: 100, rate: 864_000 }
    }
}

impl BruteForce {
    fn acts_on(&self, ip: &str) -> bool {
        self.enabled.unwrap_or(true) && !is_listed(&self.allowlist, ip)
    }

    fn blocks(&self) -> bool {
        self.shields.as_ref().is_none_or(|shields| shields.iter().any(|shield| shield == "block"))
    }

    /// Whose attempts are counted together: those from one address, or all.
    fn address<'i>(&self, ip: &'i str) -> Option<&'i str> {
        (self.mode.as_deref() != Some("count_per_identifier")).then_some(ip)
    }
}

impl Throttling {
    fn acts_on(&self, ip: &str) -> bool {
        let blocks = self.shields.as_ref().is_none_or(|shields| shields.iter().any(|shield| shield == "block"));
        self.enabled.unwrap_or(true) && blocks && !is_listed(&self.allowlist, ip)
    }
}

fn is_listed(list: &[String], ip: &str) -> bool {
    list.iter().any(|entry| entry == ip)
}

fn settings<T: Default + for<'d> Deserialize<'d>>(reader: &Snapshot, kind: &Kind) -> StoreResult<T> {
    match reader.singleton(kind)? {
        Some(record) => Ok(serde_json::from_value(record.document.into())?),
        None => Ok(T::default()),
    }
}

/// What is known before the password is looked at.
struct Before {
    realm: Realm,
    user: Option<Record>,
    account: Option<String>,
    known: Known,
    is_guarded: bool,
    is_blocked: bool,
    is_ip_blocked: bool,
}

impl Users {
    /// Verifies a password, and stores the login within the transaction that counts it.
    pub(super) async fn verify_password(&self, call: &Call, log_in: LogIn, keep: Keep) -> Result<(), Refused> {
        let actor = actor(call);
        let LogIn { connection, kinds, identifier, password, .. } = log_in;
        let (ip, given) = (actor.ip.clone(), identifier.clone());
        let look = move |reader: &Snapshot| before(reader, &connection, &kinds, &given, &ip);
        let before = self.store.read(&call.tenant, look).await.map_err(faults::other)?;
        if before.is_ip_blocked {
            return self.refuse(call, keep, None, Fault::whole("ip-blocked")).await;
        }
        if before.is_blocked {
            return self.refuse(call, keep, None, Fault::whole("user-blocked")).await;
        }
        let checked = self.services.passwords.asked_by(&actor.ip).check(password, before.known.clone()).await;
        match checked.map_err(faults::other)? {
            Checked::Wrong => self.failed(call, actor, before, identifier, keep).await,
            Checked::Right(rehashed) => self.succeeded(call, actor, before, identifier, rehashed, keep).await,
        }
    }

    /// Uses up the puzzle, and gives the refusal.
    async fn refuse(
        &self,
        call: &Call,
        keep: Keep,
        entry: Option<kernel::Document>,
        fault: Fault,
    ) -> Result<(), Refused> {
        let work = move |tx: &mut Tx| {
            if let Some(entry) = &entry {
                tx.append_log(entry.clone())?;
            }
            keep.solves(tx)
        };
        let is_first: StoreResult<bool> = self.store.write(&call.tenant, work).await;
        Err(if is_first? { Refused::Fault(fault) } else { Refused::Fault(Fault::at("captcha", "invalid-captcha")) })
    }

    async fn failed(
        &self,
        call: &Call,
        actor: Actor,
        before: Before,
        identifier: String,
        keep: Keep,
    ) -> Result<(), Refused> {
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            if !keep.solves(tx)? {
                return Ok::<_, Error>(Fault::at("captcha", "invalid-captcha"));
            }
            let entry = match &before.user {
                Some(user) => Entry {
                    description: Some("Wrong email or password."),
                    user_name: Some(&identifier),
                    ..Entry::of("fp").about(user, Some(&before.realm))
                },
                None => Entry {
                    description: Some("Wrong email or password."),
                    realm: Some(&before.realm),
                    user_name: Some(&identifier),
                    ..Entry::of("fu")
                },
            };
            entry.append(tx, &actor)?;
            tx.count_up(FAILURES_OF_ADDRESS, &actor.ip, Window::FromLast(LATELY))?;
            let throttling: Throttling = settings(tx, &model::SUSPICIOUS_IP_THROTTLING)?;
            if throttling.acts_on(&actor.ip) {
                let Stage { max_attempts, rate } = throttling.stage.pre_login;
                let rate = Rate { burst: max_attempts, interval: Duration::from_millis(rate) };
                if let Permit::Refused { retry } = tx.take_permit("failed_logins_of_address", &actor.ip, rate)? {
                    blocks::block_ip(tx, &actor.ip, retry)?;
                    Entry { realm: Some(&before.realm), ..Entry::of("limit_mu") }.append(tx, &actor)?;
                    return Ok(Fault::whole("ip-blocked"));
                }
            }
            let guard: BruteForce = settings(tx, &model::BRUTE_FORCE_PROTECTION)?;
            if before.is_guarded && guard.acts_on(&actor.ip) {
                let address = guard.address(&actor.ip);
                let key = key(&before.realm, &identifier, address);
                let failures = tx.count_up(FAILURES, &key, Window::FromLast(BLOCKED_FOR))?;
                if failures.value >= guard.max_attempts.unwrap_or(10) {
                    let entry = Entry {
                        realm: Some(&before.realm),
                        user: before.user.as_ref(),
                        user_name: Some(&identifier),
                        ..Entry::of("limit_wc")
                    };
                    entry.append(tx, &actor)?;
                    if guard.blocks() {
                        let until = tx.now() + BLOCKED_FOR;
                        blocks::block(tx, &before.realm.name, &identifier, address, until)?;
                        return Ok(Fault::whole("user-blocked"));
                    }
                }
            }
            Ok(Fault::at("password", "wrong-credentials"))
        });
        Err(match done.await {
            Ok(fault) => Refused::Fault(fault),
            Err(error) => faults::other(error),
        })
    }

    async fn succeeded(
        &self,
        call: &Call,
        actor: Actor,
        before: Before,
        identifier: String,
        rehashed: Option<PasswordHash>,
        keep: Keep,
    ) -> Result<(), Refused> {
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            if !keep.solves(tx)? {
                return Ok(Err(Refused::Fault(Fault::at("captcha", "invalid-captcha"))));
            }
            let (Some(user), Some(account)) = (&before.user, &before.account) else {
                return Err(Error::failed("nobody has a password that is right"));
            };
            let same = format!("{} {}", user.id, actor.ip);
            if matches!(tx.take_permit("logins_of_user", &same, SAME_USER)?, Permit::Refused { .. }) {
                Entry::of("limit_sul").about(user, Some(&before.realm)).append(tx, &actor)?;
                return Ok(Err(Refused::Fault(Fault::whole("same-user-login"))));
            }
            for address in [Some(actor.ip.as_str()), None] {
                tx.forget_tally(FAILURES, &key(&before.realm, &identifier, address))?;
            }
            let user = note(tx, &actor, &user.id, |user| {
                if let Some(hash) = &rehashed {
                    users::set_password(user, account, hash, 0);
                }
            })?;
            if user.is("blocked") {
                let entry =
                    Entry { description: Some("user is blocked"), ..Entry::of("f").about(&user, Some(&before.realm)) };
                entry.append(tx, &actor)?;
                let refusal = Refusal { error: "unauthorized".to_owned(), description: "user is blocked".to_owned() };
                return Ok(Err(Refused::Client(refusal)));
            }
            keep.login(tx, authenticated(&user, &before.realm, tx.now(), false))?;
            Ok::<_, Error>(Ok(()))
        });
        done.await.map_err(faults::other)?
    }
}

fn before(
    reader: &Snapshot,
    connection: &str,
    kinds: &[crate::world::Identifier],
    identifier: &str,
    ip: &str,
) -> Result<Before, Error> {
    let record = reader.find(&model::CONNECTION, "name", connection)?.ok_or(Error::ConnectionMissing)?;
    let realm = Realm::of(&record)?;
    let mut user = None;
    for kind in kinds {
        user = user.or(users::find(reader, &realm, known(*kind), identifier)?);
    }
    let accounts = user.as_ref().map(users::identities).unwrap_or_default();
    let account = accounts.iter().find(|account| account.connection == realm.name).map(users::Identity::name);
    let known = match (&user, &account) {
        (Some(user), Some(account)) => known_password(user, account),
        _ => Known::Nothing,
    };
    let is_guarded = kernel::value_at(&record.document, "options.brute_force_protection") != Some(&Value::Bool(false));
    let is_blocked = is_guarded && blocks::is_blocked(reader, &realm.name, identifier, ip)?;
    let is_ip_blocked = blocks::is_ip_blocked(reader, ip)?;
    Ok(Before { realm, user, account, known, is_guarded, is_blocked, is_ip_blocked })
}

fn known_password(user: &Record, account: &str) -> Known {
    if let Some(hash) = users::password(user, account) {
        return Known::Own(hash);
    }
    let foreign = users::imported_password(user, account).and_then(ForeignHash::parse);
    foreign.map_or(Known::Nothing, |hash| Known::Foreign(Box::new(hash)))
}

fn key(realm: &Realm, identifier: &str, address: Option<&str>) -> String {
    format!("{} {} {}", realm.id, identifier.to_lowercase(), address.unwrap_or_default())
}

/// Notes a login on its user.
pub(super) fn note(tx: &mut Tx, actor: &Actor, user: &str, change: impl FnOnce(&mut Record)) -> Result<Record, Error> {
    let mut user = tx.get(&model::USER, user)?.ok_or(Error::UserMissing)?;
    change(&mut user);
    let count = user.document.get("logins_count").and_then(Value::as_u64).unwrap_or_default();
    user.document.insert("last_login".into(), tx.now().into());
    user.document.insert("last_ip".into(), actor.ip.as_str().into());
    user.document.insert("logins_count".into(), (count + 1).into());
    user.document.insert("updated_at".into(), tx.now().into());
    user.updated = tx.now();
    users::update(tx, user, actor.event_context())
}
