//! Codes and links by which users log in, and codes by which whoever signs up verifies an address or a number, as `identity` has them.

use identity::{
    Error, codes,
    passwordless::{self, Link, Presented, Refusal, Start, Started, Verified},
    users::registration::{self, NewUser},
};
use kernel::Secret;
use store::{Snapshot, Tx};

use super::{Users, actor, faults, realm, reset};
use crate::{
    accounts::{Call, Keep, Refused},
    step::{Coded, Fault, SendLogin},
    world::Identifier,
};

impl Users {
    /// Sends a code or a link that logs in; a stranger's request gets the same answer.
    pub(super) async fn send_login_code(&self, call: &Call, send: SendLogin, keep: Keep) -> Result<(), Refused> {
        let actor = actor(call);
        let transaction = call.transaction.as_ref().filter(|_| send.is_link);
        let link = transaction.map(|transaction| {
            let request = serde_json::to_value(&transaction.request).unwrap_or_default();
            Link { request, transaction: Some(transaction.id.clone()), ..Link::default() }
        });
        let kind = send.to.kind;
        let start = Start {
            connection: send.to.connection,
            kind: Some(kind.into()),
            identifier: send.to.identifier,
            link,
            ..Start::default()
        };
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            if !keep.solves(tx)? {
                return Ok(Err(faults::puzzle()));
            }
            // At a database users sign up on pages of their own.
            let allows_signup = !realm(tx, &start.connection)?.is_database();
            let start = Start { allows_signup, ..start.clone() };
            Ok::<_, Error>(match passwordless::start(tx, &actor, &start)? {
                Started::Well { .. } => Ok(()),
                Started::Malformed => Err(Refused::Fault(Fault::at("username", "invalid-login-id"))),
                Started::TooOften => Err(too_many(kind)),
                Started::Limited(limited) => Err(faults::limited(limited)),
            })
        });
        done.await.map_err(faults::other)?
    }

    /// Verifies a code that logs in. Somebody new becomes a user once the tenant's code agrees; the code is used up before that.
    pub(super) async fn verify_code(&self, call: &Call, to: Coded, code: Secret, keep: Keep) -> Result<(), Refused> {
        let actor = actor(call);
        let method = if to.kind == Identifier::PhoneNumber { "sms" } else { "email" };
        let presented = Presented {
            connection: to.connection,
            kind: Some(to.kind.into()),
            identifier: to.identifier,
            code,
            allows_signup: true,
        };
        let (asked, kept) = (actor.clone(), keep.clone());
        let verify = move |tx: &mut Tx| {
            let is_database = realm(tx, &presented.connection)?.is_database();
            let presented = Presented { allows_signup: !is_database, ..presented.clone() };
            Ok::<_, Error>(match passwordless::verify(tx, &asked, &presented)? {
                Verified::Known(found) => {
                    kept.login(tx, found.realm.authentication(&found.user, method, tx.now(), false))?;
                    Ok(None)
                }
                Verified::New(new) => Ok(Some(*new)),
                // The first of two requests has used it up.
                Verified::Refused(Refusal::Wrong) if kept.is_done(tx)? => Err(Refused::Twice),
                Verified::Refused(refusal) => Err(refused(refusal)),
            })
        };
        let new = self.store.write(&call.tenant, verify).await.map_err(faults::other)??;
        match new {
            None => Ok(()),
            Some(new) => self.welcome(call, new, method, keep).await,
        }
    }

    /// Makes whoever has shown to hold an address or a number a user, and stores the login within the same transaction.
    async fn welcome(&self, call: &Call, mut new: NewUser, method: &'static str, keep: Keep) -> Result<(), Refused> {
        let actor = actor(call);
        let request = call.transaction.as_ref().map(|transaction| &transaction.request);
        new.organization_id = request.and_then(|request| request.organization.clone());
        let prepared =
            registration::prepare(&self.services, &self.store, &actor, new).await.map_err(faults::newcomer)?;
        let services = self.services.clone();
        let register = move |tx: &mut Tx| {
            let found = passwordless::register(tx, &services, &actor, &prepared)?;
            keep.login(tx, found.realm.authentication(&found.user, method, tx.now(), true))?;
            Ok::<_, Error>(())
        };
        self.store.write(&call.tenant, register).await.map_err(faults::newcomer)
    }

    /// Where a link that logs in leads.
    pub(super) async fn look_up_link(&self, call: &Call, ticket: &str) -> Result<Option<Link>, Refused> {
        let ticket = ticket.to_owned();
        let read = move |reader: &Snapshot| passwordless::look_up(reader, &ticket);
        self.store.read(&call.tenant, read).await.map_err(faults::other)
    }

    /// Sends a code to an address or a number that signs up.
    pub(super) async fn send_signup_code(&self, call: &Call, to: &Coded) -> Result<(), Refused> {
        let (actor, to) = (actor(call), to.clone());
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            let realm = realm(tx, &to.connection)?;
            let is_sent = codes::SIGN_UP.send(tx, &actor, &realm, (to.kind.into(), &to.identifier), None)?;
            Ok::<_, Error>(if is_sent { Ok(()) } else { Err(too_many(to.kind)) })
        });
        done.await.map_err(faults::other)?
    }

    /// Verifies such a code, which is used up when it is right.
    pub(super) async fn check_signup_code(&self, call: &Call, to: &Coded, code: &str) -> Result<(), Refused> {
        let (to, code) = (to.clone(), code.to_owned());
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            let realm = realm(tx, &to.connection)?;
            Ok::<_, Error>(match codes::SIGN_UP.check(tx, &realm, &to.identifier, &code)? {
                codes::Checked::Right => Ok(()),
                wrong => Err(reset::wrong_code(wrong)),
            })
        });
        done.await.map_err(faults::other)?
    }
}

fn too_many(kind: Identifier) -> Refused {
    if kind == Identifier::PhoneNumber { Refused::Fault(Fault::whole("too-many-sms")) } else { reset::too_many() }
}

fn refused(refusal: Refusal) -> Refused {
    let at_code = |code| Refused::Fault(Fault::at("code", code));
    match refusal {
        Refusal::Wrong => at_code("invalid-code"),
        Refusal::Expired => at_code("code-expired"),
        Refusal::TooOften => at_code("too-many-failures"),
        Refusal::Blocked => faults::blocked(),
        Refusal::Limited(limited) => faults::limited(limited),
    }
}
