//! Attack protection at logins and sign-ups: brute force against one account, one address that tries many, and the limit of
//! attempts of one user (reference: protection §2).

mod bots;

use std::{net::IpAddr, time::Duration};

use kernel::{Record, Sealed, Timestamp, object};
use model::{
    BREACHED_PASSWORD_DETECTION, BRUTE_FORCE_PROTECTION, IP_BLOCK, SUSPICIOUS_IP_THROTTLING,
    views::{BreachedPasswordDetection, BruteForceProtection, SuspiciousIpThrottling, ThrottlingStage},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use store::{Kind, Permit, Rate, Snapshot, StoreResult, Tx, Window};

use crate::{
    Actor, PhoneNumber, Result, blocks,
    discard::discard,
    log::Entry,
    messages::{self, Email, PhoneMessage},
    tickets,
    users::Realm,
};

pub use crate::refusals::Limited;
pub use bots::{Puzzles, puzzles};

/// Tallies of failed logins, by [`Subject::key`].
const FAILED_LOGINS: &str = "failed_logins";
/// Tallies of failed logins, by address.
const LOGINS_OF_IP: &str = "failed_logins_of_ip";
/// Tallies of sign-ups, by address.
const SIGNUPS_OF_IP: &str = "signups_of_ip";
/// Tallies of foreign tokens that were rejected, by address.
const EXCHANGES_OF_IP: &str = "rejected_tokens_of_ip";
/// Tallies of logins, failed or not, by user and address.
const LOGINS_OF_USER: &str = "logins_of_user";
/// Tallies of failed logins of an address in the last hour, from which it is known as a risk.
const FAILURES_OF_IP: &str = "failed_logins_by_address";
/// Tallies of notices: log entries and mails that are not repeated within an hour.
const NOTICES: &str = "protection_notices";

/// A block ends this long after the last failure, and failures are forgotten.
const BLOCKED_FOR: Duration = Duration::from_secs(30 * 86_400);
/// Failures of an identifier that nobody has are forgotten earlier.
const REMEMBERED: Duration = Duration::from_secs(86_400);
/// Twenty logins of a user from one address at once, then ten in a minute.
const USER_RATE: Rate = Rate { burst: 20, interval: Duration::from_secs(6) };
/// For how long the failures of an address count as a risk.
const LATELY: Duration = Duration::from_secs(3_600);
/// One notice in an hour.
const NOTICE_RATE: Rate = Rate { burst: 1, interval: Duration::from_secs(3_600) };
/// The mail about a block.
const TEMPLATE: &str = "blocked_account";
/// The mail about a password that is known to others.
const LEAKED: &str = "stolen_credentials";

/// What a login is counted by.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Name of the connection.
    pub(crate) connection: String,
    /// The identifier as it was given, in lower case.
    pub(crate) identifier: String,
    /// Whether the connection takes part in protection against brute force.
    pub(crate) is_protected: bool,
}

fn settings<T: DeserializeOwned + Default>(reader: &Snapshot, kind: &Kind) -> StoreResult<T> {
    match reader.singleton(kind)? {
        Some(record) => Ok(record.view()?),
        None => Ok(T::default()),
    }
}

fn is_guarded(settings: &BruteForceProtection, subject: &Subject, ip: &str) -> bool {
    settings.enabled && subject.is_protected && !is_listed(&settings.allowlist, ip)
}

/// The address that failures of an account are counted by, where they are.
fn counted_ip<'a>(settings: &BruteForceProtection, ip: &'a str) -> Option<&'a str> {
    (settings.mode != "count_per_identifier").then_some(ip)
}

fn is_throttled(settings: &SuspiciousIpThrottling, ip: &str) -> bool {
    settings.enabled && !is_listed(&settings.allowlist, ip)
}

fn rate(stage: &ThrottlingStage) -> Rate {
    Rate { burst: stage.max_attempts, interval: Duration::from_millis(stage.rate) }
}

impl Subject {
    /// By which it is counted: whose identifier it is, is for records and the log to tell.
    fn key(&self, ip: Option<&str>) -> String {
        format!("{} {} {}", self.connection, kernel::digest(&self.identifier), ip.unwrap_or_default())
    }
}

/// Whether a login is refused before its password is looked at.
pub(crate) fn before_login(reader: &Snapshot, actor: &Actor, subject: &Subject) -> StoreResult<Option<Limited>> {
    let brute_force: BruteForceProtection = settings(reader, &BRUTE_FORCE_PROTECTION)?;
    let is_shielded = is_guarded(&brute_force, subject, &actor.ip) && has(&brute_force.shields, "block");
    if is_shielded {
        // A block that came of fewer failures than the tenant allows by now is none.
        let failed = reader.tally(FAILED_LOGINS, &subject.key(counted_ip(&brute_force, &actor.ip)))?;
        let is_reached = failed.is_none_or(|failed| failed.value >= brute_force.max_attempts);
        if is_reached && blocks::is_blocked(reader, &subject.connection, &subject.identifier, &actor.ip)? {
            return Ok(Some(Limited::BruteForce { is_notified: has(&brute_force.shields, "user_notification") }));
        }
    }
    let throttling: SuspiciousIpThrottling = settings(reader, &SUSPICIOUS_IP_THROTTLING)?;
    if is_throttled(&throttling, &actor.ip)
        && has(&throttling.shields, "block")
        && let Some(retry) = refused_until(reader, LOGINS_OF_IP, &actor.ip, rate(&throttling.stage.pre_login))?
    {
        return Ok(Some(Limited::SuspiciousIp { retry }));
    }
    let retry = refused_until(reader, LOGINS_OF_USER, &subject.key(Some(&actor.ip)), USER_RATE)?;
    Ok(retry.map(|retry| Limited::SameUser { retry }))
}

/// Counts a login, whatever comes of it; `Some` when there are too many.
pub(crate) fn count_login(tx: &mut Tx, actor: &Actor, subject: &Subject) -> Result<Option<Limited>> {
    match tx.take_permit(LOGINS_OF_USER, &subject.key(Some(&actor.ip)), USER_RATE)? {
        Permit::Granted { .. } => Ok(None),
        Permit::Refused { retry } => Ok(Some(Limited::SameUser { retry })),
    }
}

/// Notes in the tenant log that a login was limited, once in a while.
pub(crate) fn note_limited(tx: &mut Tx, actor: &Actor, realm: &Realm, subject: &Subject, limited: Limited) -> Result {
    let (kind, key) = match limited {
        Limited::BruteForce { .. } => ("limit_wc", subject.key(Some(&actor.ip))),
        Limited::SuspiciousIp { .. } => ("limit_mu", actor.ip.clone()),
        Limited::SameUser { .. } => ("limit_sul", subject.key(Some(&actor.ip))),
    };
    if is_news(tx, kind, &key)? {
        let entry = Entry { realm: Some(realm), user_name: Some(&subject.identifier), ..Entry::of(kind) };
        entry.append(tx, actor)?;
    }
    Ok(())
}

/// Notes in the tenant log why a login is refused.
pub(crate) fn note_refused(
    tx: &mut Tx,
    actor: &Actor,
    kind: &'static str,
    description: &str,
    realm: &Realm,
    subject: &Subject,
    user: Option<&Record>,
) -> Result {
    let entry = Entry {
        description: Some(description),
        realm: Some(realm),
        user,
        user_name: Some(&subject.identifier),
        details: object(json!({"error": {"message": description}})),
        ..Entry::of(kind)
    };
    Ok(entry.append(tx, actor)?)
}

/// Counts a failed login against the account and the address, and blocks what has failed too often.
pub(crate) fn login_failed(
    tx: &mut Tx,
    actor: &Actor,
    realm: &Realm,
    subject: &Subject,
    user: Option<&Record>,
) -> Result {
    tx.count_up(FAILURES_OF_IP, &actor.ip, Window::FromLast(LATELY))?;
    let brute_force: BruteForceProtection = settings(tx, &BRUTE_FORCE_PROTECTION)?;
    if is_guarded(&brute_force, subject, &actor.ip) {
        let ip = counted_ip(&brute_force, &actor.ip);
        let window = Window::FromLast(if user.is_some() { BLOCKED_FOR } else { REMEMBERED });
        let failed = tx.count_up(FAILED_LOGINS, &subject.key(ip), window)?;
        if failed.value >= brute_force.max_attempts {
            if has(&brute_force.shields, "block") {
                let until = failed.expires;
                blocks::block(tx, &subject.connection, &subject.identifier, ip, until)?;
            }
            let entry =
                Entry { realm: Some(realm), user, user_name: Some(&subject.identifier), ..Entry::of("limit_wc") };
            if is_news(tx, "limit_wc", &subject.key(Some(&actor.ip)))? {
                entry.append(tx, actor)?;
            }
            if let Some(user) = user.filter(|_| has(&brute_force.shields, "user_notification")) {
                notify_blocked(tx, actor, user, &subject.identifier)?;
            }
        }
    }
    let throttling: SuspiciousIpThrottling = settings(tx, &SUSPICIOUS_IP_THROTTLING)?;
    if !is_throttled(&throttling, &actor.ip) {
        return Ok(());
    }
    let rate = rate(&throttling.stage.pre_login);
    let permit = tx.take_permit(LOGINS_OF_IP, &actor.ip, rate)?;
    if matches!(permit, Permit::Granted { remaining: 1.., .. }) {
        return Ok(());
    }
    let until = refused_until(tx, LOGINS_OF_IP, &actor.ip, rate)?;
    if let Some(until) = until.filter(|_| has(&throttling.shields, "block")) {
        blocks::block_ip(tx, &actor.ip, until)?;
    }
    if is_news(tx, "limit_mu", &actor.ip)? {
        Entry { realm: Some(realm), user_name: Some(&subject.identifier), ..Entry::of("limit_mu") }
            .append(tx, actor)?;
    }
    Ok(())
}

/// How many logins from this address have failed lately.
fn recent_failures(reader: &Snapshot, ip: &str) -> StoreResult<u64> {
    Ok(reader.tally(FAILURES_OF_IP, ip)?.map_or(0, |tally| tally.value))
}

/// A login has succeeded: failures before it do not count any more.
pub(crate) fn login_succeeded(tx: &mut Tx, actor: &Actor, subject: &Subject) -> StoreResult {
    for ip in [Some(actor.ip.as_str()), None] {
        tx.forget_tally(FAILED_LOGINS, &subject.key(ip))?;
    }
    Ok(())
}

/// Forgets the failures of an identifier of a connection, from wherever.
pub(crate) fn forget_failures(tx: &mut Tx, connection: &str, identifier: &str) -> StoreResult {
    let subject = Subject { connection: connection.into(), identifier: identifier.to_lowercase(), is_protected: true };
    tx.forget_tallies(FAILED_LOGINS, &subject.key(None)).map(drop)
}

/// Lets an address that failed too often try again.
pub fn lift_ip(tx: &mut Tx, ip: &str) -> StoreResult {
    discard(tx, &IP_BLOCK, ip)?;
    tx.forget_tally(EXCHANGES_OF_IP, ip)?;
    tx.forget_tally(LOGINS_OF_IP, ip).map(drop)
}

/// Counts a sign-up of an address; `Some` when there are too many.
pub(crate) fn count_signup(tx: &mut Tx, actor: &Actor) -> Result<Option<Limited>> {
    let throttling: SuspiciousIpThrottling = settings(tx, &SUSPICIOUS_IP_THROTTLING)?;
    if !is_throttled(&throttling, &actor.ip) {
        return Ok(None);
    }
    match tx.take_permit(SIGNUPS_OF_IP, &actor.ip, rate(&throttling.stage.pre_user_registration))? {
        Permit::Refused { retry } => {
            if is_news(tx, "limit_mu", &actor.ip)? {
                Entry { details: object(json!({"flow": "signup"})), ..Entry::of("limit_mu") }.append(tx, actor)?;
            }
            Ok(has(&throttling.shields, "block").then_some(Limited::SuspiciousIp { retry }))
        }
        Permit::Granted { .. } => Ok(None),
    }
}

/// Whether an address that has brought too many foreign tokens that were rejected is refused, before another one is looked at.
pub fn before_exchange(reader: &Snapshot, ip: &str) -> StoreResult<Option<Limited>> {
    let throttling: SuspiciousIpThrottling = settings(reader, &SUSPICIOUS_IP_THROTTLING)?;
    if !is_throttled(&throttling, ip) || !has(&throttling.shields, "block") {
        return Ok(None);
    }
    let rate = rate(&throttling.stage.pre_custom_token_exchange);
    let retry = refused_until(reader, EXCHANGES_OF_IP, ip, rate)?;
    Ok(retry.map(|retry| Limited::SuspiciousIp { retry }))
}

/// Counts a foreign token that the tenant's code has rejected against the address.
pub fn exchange_rejected(tx: &mut Tx, actor: &Actor) -> Result {
    let throttling: SuspiciousIpThrottling = settings(tx, &SUSPICIOUS_IP_THROTTLING)?;
    if !is_throttled(&throttling, &actor.ip) {
        return Ok(());
    }
    let permit = tx.take_permit(EXCHANGES_OF_IP, &actor.ip, rate(&throttling.stage.pre_custom_token_exchange))?;
    let is_last = !matches!(permit, Permit::Granted { remaining: 1.., .. });
    if is_last && is_news(tx, "limit_mu", &actor.ip)? {
        Entry { details: object(json!({"flow": "custom_token_exchange"})), ..Entry::of("limit_mu") }
            .append(tx, actor)?;
    }
    Ok(())
}

/// Whether a password that is right is refused, since it is known to have leaked.
pub(crate) fn refuses_leaked(reader: &Snapshot, password_is_leaked: bool) -> StoreResult<bool> {
    if !password_is_leaked {
        return Ok(false);
    }
    let settings: BreachedPasswordDetection = settings(reader, &BREACHED_PASSWORD_DETECTION)?;
    Ok(settings.enabled && has(&settings.shields, "block"))
}

/// The same for a password with which somebody signs up.
pub(crate) fn refuses_leaked_signup(reader: &Snapshot, password_is_leaked: bool) -> StoreResult<bool> {
    if !password_is_leaked {
        return Ok(false);
    }
    let settings: BreachedPasswordDetection = settings(reader, &BREACHED_PASSWORD_DETECTION)?;
    Ok(settings.enabled && has(&settings.stage.pre_user_registration.shields, "block"))
}

/// The same for a password that a user chooses instead of a forgotten one.
pub(crate) fn refuses_leaked_reset(reader: &Snapshot, password_is_leaked: bool) -> StoreResult<bool> {
    if !password_is_leaked {
        return Ok(false);
    }
    let settings: BreachedPasswordDetection = settings(reader, &BREACHED_PASSWORD_DETECTION)?;
    Ok(settings.enabled && has(&settings.stage.pre_change_password.shields, "block"))
}

/// Whether a password counts as leaked: Auth0's own for tests.
pub(crate) fn is_leaked(password: &str) -> bool {
    password.starts_with("AUTH0-TEST-") || ["Paaf213XXYYZZ", "Paat739!!WWXXYYZZ"].contains(&password)
}

/// Tells a user that the account is blocked: by a text who logs in with a number, others by mail, with a link that ends the block.
fn notify_blocked(tx: &mut Tx, actor: &Actor, user: &Record, identifier: &str) -> Result {
    if user.text("phone_number") == Some(identifier) {
        return notify_by_phone(tx, actor, user, TEMPLATE, identifier);
    }
    let Some(email) = user.text("email") else { return Ok(()) };
    if !messages::reach_addresses(tx)? || !is_news(tx, TEMPLATE, &actor.ip)? {
        return Ok(());
    }
    let details = object(json!({"user_id": user.id}));
    let url = tickets::link(tx, actor, tickets::UNBLOCK, tickets::LIFETIME, details, Sealed::new())?;
    notify_by_mail(tx, actor, user, TEMPLATE, email, url)
}

/// Tells a user, where the tenant wants that, that the password with which somebody logs in is known to others.
pub(crate) fn notify_leaked(tx: &mut Tx, actor: &Actor, user: &Record, identifier: &str) -> Result {
    let settings: BreachedPasswordDetection = settings(tx, &BREACHED_PASSWORD_DETECTION)?;
    if !settings.enabled || !has(&settings.shields, "user_notification") {
        return Ok(());
    }
    if user.text("phone_number") == Some(identifier) {
        return notify_by_phone(tx, actor, user, "password_breach", identifier);
    }
    let Some(email) = user.text("email") else { return Ok(()) };
    if !messages::reach_addresses(tx)? || !is_news(tx, LEAKED, &user.id)? {
        return Ok(());
    }
    notify_by_mail(tx, actor, user, LEAKED, email, String::new())
}

fn notify_by_mail(tx: &mut Tx, actor: &Actor, user: &Record, template: &'static str, to: &str, url: String) -> Result {
    let members = object(json!({"user": {"source_ip": actor.ip}}));
    let (client, domain) = (actor.client_id.as_deref(), &actor.domain);
    let (user, language) = (Some(user.id.as_str()), actor.language.as_deref());
    let asker = Some(actor);
    let mail = Email { template, user, to, client, url, language, members, domain, asker, ..Email::default() };
    Ok(mail.enqueue(tx, None)?)
}

fn notify_by_phone(tx: &mut Tx, actor: &Actor, user: &Record, kind: &str, number: &str) -> Result {
    let Some(to) = PhoneNumber::read(number, None) else { return Ok(()) };
    if is_news(tx, kind, number)? {
        let members = object(json!({"user": {"source_ip": actor.ip}}));
        let user = Some(user.id.as_str());
        PhoneMessage { user, members, ..PhoneMessage::new(actor, kind, &to) }.send(tx)?;
    }
    Ok(())
}

/// Until when a permit would be refused; none when it would be granted.
fn refused_until(reader: &Snapshot, name: &str, key: &str, rate: Rate) -> StoreResult<Option<Timestamp>> {
    let Some(tally) = reader.tally(name, key)? else { return Ok(None) };
    let full = tally.expires + rate.interval;
    let limit = reader.now() + rate.interval.saturating_mul(rate.burst);
    let early = full.micros().saturating_sub(limit.micros());
    Ok((early > 0).then(|| Timestamp::from_micros(reader.now().micros().saturating_add(early))))
}

fn is_news(tx: &mut Tx, what: &str, key: &str) -> StoreResult<bool> {
    Ok(matches!(tx.take_permit(NOTICES, &format!("{what} {key}"), NOTICE_RATE)?, Permit::Granted { .. }))
}

fn has(shields: &[String], shield: &str) -> bool {
    shields.iter().any(|own| own == shield)
}

/// Whether an address is in a list of addresses and networks.
fn is_listed(list: &[String], ip: &str) -> bool {
    let Ok(ip) = ip.parse::<IpAddr>() else { return false };
    list.iter().any(|entry| contains(entry, ip.to_canonical()))
}

fn contains(network: &str, ip: IpAddr) -> bool {
    let (address, length) =
        network.split_once('/').map_or((network, None), |(address, length)| (address, Some(length)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let (own, other, bits) = match (address.to_canonical(), ip) {
        (IpAddr::V4(own), IpAddr::V4(other)) => (u128::from(own.to_bits()), u128::from(other.to_bits()), 32),
        (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
        _ => return false,
    };
    let length = length.map_or(Some(bits), |length| length.parse::<u32>().ok()).filter(|length| *length <= bits);
    length.is_some_and(|length| length == 0 || own >> (bits - length) == other >> (bits - length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_holds_addresses_and_networks() {
        let list = ["10.0.0.1", "192.168.10.0/24", "2001:db8::/32", "nonsense", "1.2.3.4/99"].map(str::to_owned);
        for ip in ["10.0.0.1", "192.168.10.77", "2001:db8:1::1", "::ffff:10.0.0.1"] {
            assert!(is_listed(&list, ip), "{ip}");
        }
        for ip in ["10.0.0.2", "192.168.11.1", "2001:db9::1", "1.2.3.4", ""] {
            assert!(!is_listed(&list, ip), "{ip}");
        }
    }
}
