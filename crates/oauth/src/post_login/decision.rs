//! What a tenant's code decided about a login, and how a transaction keeps it while the user is elsewhere.

use std::sync::Arc;

use identity::triggers::{self, Effect, Execution, ScopeChange, Suspension, Verdict};
use kernel::{Document, Record, Timestamp, Value, merge_first_level};
use model::login::{LoginRequest, Transaction};
use serde::{Deserialize, Serialize};
use store::{Snapshot, Tx};

use crate::{OAuthError, Site, authorize::login::Login, issue::CustomClaims};

/// Where a transaction keeps what the code decided while a page is shown.
const KEPT: &str = "decision";

/// What the code decided, as far as a login acts on it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Decision {
    /// Why the login must not go on.
    pub(crate) denied: Option<String>,
    /// The code waits for the user to come back from somewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suspended: Option<Suspension>,
    /// Claims for the tokens.
    pub(crate) custom: CustomClaims,
    /// The scopes, where rules set them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chosen_scopes: Option<Vec<String>>,
    /// Scopes to add (`true`) and to remove, in order.
    pub(crate) scopes: Vec<(bool, String)>,
    /// Changes of the user's `user_metadata`; `null` removes.
    pub(crate) user_metadata: Document,
    /// Changes of the user's `app_metadata`; `null` removes.
    pub(crate) app_metadata: Document,
    /// No second factor is asked for, whatever the tenant's policies say.
    pub(crate) cancels_factors: bool,
    /// The user whom the login is for instead: the one whose account has become theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) primary_user: Option<String>,
    /// What becomes of the session.
    pub(crate) session: SessionChanges,
    /// What becomes of the refresh token.
    pub(crate) refresh_token: TokenChanges,
    /// What happened, to be stored with the login's outcome.
    pub(crate) execution: Option<Document>,
}

/// Changes of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SessionChanges {
    /// The identifier of the session that begins with the login, where code was told of it.
    pub(crate) id: Option<String>,
    /// It ends, and the refresh tokens that were issued in it unless they are preserved.
    pub(crate) revoked: Option<bool>,
    /// The latest time at which it ends, in milliseconds since 1970.
    pub(crate) expires: Option<i64>,
    /// The latest time at which it ends unless it is used.
    pub(crate) idle_expires: Option<i64>,
    /// Whether the browser keeps it when it is closed.
    pub(crate) is_persistent: Option<bool>,
    /// Its metadata; `null` removes.
    pub(crate) metadata: Option<Document>,
    /// Names of further methods by which the user has proven who they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) methods: Vec<String>,
}

/// Changes of a refresh token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TokenChanges {
    /// It ends.
    pub(crate) is_revoked: bool,
    /// The latest time at which it ends, in milliseconds since 1970.
    pub(crate) expires: Option<i64>,
    /// The latest time at which it ends unless it is exchanged.
    pub(crate) idle_expires: Option<i64>,
    /// Its metadata.
    pub(crate) metadata: Option<Document>,
}

impl SessionChanges {
    /// Whether nothing is changed.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl TokenChanges {
    /// Whether nothing is changed.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Decision {
    pub(super) fn of(verdict: Verdict) -> Self {
        let mut decision = Self {
            denied: verdict.denied.map(|denial| denial.reason),
            suspended: verdict.suspended,
            custom: CustomClaims { access_token: verdict.access_token, id_token: verdict.id_token },
            chosen_scopes: verdict.scopes,
            user_metadata: verdict.user_metadata,
            app_metadata: verdict.app_metadata,
            execution: verdict.execution.as_ref().map(Execution::to_document),
            ..Self::default()
        };
        for change in verdict.scope_changes {
            decision.scopes.push(match change {
                ScopeChange::Add(scope) => (true, scope),
                ScopeChange::Remove(scope) => (false, scope),
            });
        }
        for effect in &verdict.effects {
            decision.carry_out(effect);
        }
        decision
    }

    fn carry_out(&mut self, effect: &Effect) {
        let text = |place: usize| effect.arguments.get(place).and_then(Value::as_str).map(str::to_owned);
        let time = || effect.arguments.first().and_then(milliseconds);
        match effect.name.as_str() {
            "session.revoke" => {
                let preserves = effect.arguments.get(1).and_then(|options| options.get("preserveRefreshTokens"));
                self.session.revoked = Some(preserves != Some(&true.into()));
                self.denied = Some(text(0).unwrap_or_else(|| "The session was revoked".to_owned()));
            }
            "session.setExpiresAt" => earliest(&mut self.session.expires, time()),
            "session.setIdleExpiresAt" => earliest(&mut self.session.idle_expires, time()),
            "session.setCookieMode" => self.session.is_persistent = Some(text(0).as_deref() == Some("persistent")),
            "session.setMetadata" | "session.deleteMetadata" => note(&mut self.session.metadata, effect),
            "session.evictMetadata" => self.session.metadata = Some(Document::new()),
            "refreshToken.revoke" => {
                self.refresh_token.is_revoked = true;
                self.denied = Some(text(0).unwrap_or_else(|| "The refresh token was revoked".to_owned()));
            }
            "refreshToken.setExpiresAt" => earliest(&mut self.refresh_token.expires, time()),
            "refreshToken.setIdleExpiresAt" => earliest(&mut self.refresh_token.idle_expires, time()),
            "refreshToken.setMetadata" | "refreshToken.deleteMetadata" => {
                note(&mut self.refresh_token.metadata, effect);
            }
            "refreshToken.evictMetadata" => self.refresh_token.metadata = Some(Document::new()),
            "authentication.setPrimaryUser" => self.primary_user = text(0),
            "authentication.recordMethod" => self.session.methods.extend(text(0)),
            "transaction.setMetadata" => {}
            // Of SAML responses alone, which no login of this protocol ends with.
            name if name.starts_with("samlResponse.") => {}
            "multifactor.enable" if text(0).as_deref() == Some("none") => self.cancels_factors = true,
            name => {
                let reason = format!("The tenant's code asks for {name}, which is not available on this server");
                self.denied.get_or_insert(reason);
            }
        }
    }

    /// This decision together with an earlier one of the same login; where both speak of the same thing, this one counts.
    pub(crate) fn after(self, earlier: Self) -> Self {
        let Self {
            mut custom, mut scopes, mut user_metadata, mut app_metadata, mut session, mut refresh_token, ..
        } = earlier;
        custom.access_token.extend(self.custom.access_token);
        custom.id_token.extend(self.custom.id_token);
        user_metadata.extend(self.user_metadata);
        app_metadata.extend(self.app_metadata);
        if self.chosen_scopes.is_some() {
            scopes.clear();
        }
        scopes.extend(self.scopes);
        let later = self.session;
        session.id = later.id.or(session.id);
        session.revoked = later.revoked.or(session.revoked);
        earliest(&mut session.expires, later.expires);
        earliest(&mut session.idle_expires, later.idle_expires);
        session.is_persistent = later.is_persistent.or(session.is_persistent);
        more(&mut session.metadata, later.metadata);
        session.methods.extend(later.methods);
        let later = self.refresh_token;
        refresh_token.is_revoked |= later.is_revoked;
        earliest(&mut refresh_token.expires, later.expires);
        earliest(&mut refresh_token.idle_expires, later.idle_expires);
        more(&mut refresh_token.metadata, later.metadata);
        Self {
            denied: self.denied,
            suspended: self.suspended,
            custom,
            chosen_scopes: self.chosen_scopes.or(earlier.chosen_scopes),
            scopes,
            user_metadata,
            app_metadata,
            cancels_factors: self.cancels_factors || earlier.cancels_factors,
            primary_user: self.primary_user.or(earlier.primary_user),
            session,
            refresh_token,
            execution: self.execution,
        }
    }

    /// Takes what happened out, to be stored.
    pub(crate) fn take_execution(&mut self) -> Option<Execution> {
        self.execution.take().as_ref().and_then(Execution::from_document)
    }

    /// Takes what the code was told out, to be kept before a page is shown: a browser may have to carry the rest.
    pub(crate) fn take_told(&mut self) -> Option<Execution> {
        let execution = self.execution.as_ref().and_then(Execution::from_document)?;
        if execution.told.is_empty() {
            return None;
        }
        self.execution = Some(Execution { told: Vec::new(), ..execution.clone() }.to_document());
        Some(Execution { failures: Vec::new(), ..execution })
    }

    /// The scopes after the code's changes.
    pub(crate) fn changed(&self, scopes: Vec<String>) -> Vec<String> {
        let mut scopes = self.chosen_scopes.clone().unwrap_or(scopes);
        for (is_added, scope) in &self.scopes {
            scopes.retain(|known| known != scope);
            if *is_added {
                scopes.push(scope.clone());
            }
        }
        scopes
    }

    /// Stores what happened, and what the code changed of the user.
    pub(crate) fn apply(&self, tx: &mut Tx, user_id: &str) -> identity::Result {
        let execution = self.execution.as_ref().and_then(Execution::from_document);
        triggers::keep(tx, &execution)?;
        change_metadata(tx, user_id, &self.user_metadata, &self.app_metadata)
    }
}

/// Changes a user's metadata as code wants it; `null` removes.
pub(crate) fn change_metadata(
    tx: &mut Tx,
    user_id: &str,
    user_metadata: &Document,
    app_metadata: &Document,
) -> identity::Result {
    if user_metadata.is_empty() && app_metadata.is_empty() {
        return Ok(());
    }
    let Some(mut user) = tx.get(&model::USER, user_id)? else { return Ok(()) };
    for (field, changes) in [("user_metadata", user_metadata), ("app_metadata", app_metadata)] {
        if changes.is_empty() {
            continue;
        }
        let place = user.document.entry(field).or_insert_with(|| Document::new().into());
        let Some(metadata) = place.as_object_mut() else { continue };
        merge_first_level(metadata, changes.clone());
    }
    identity::users::update(tx, user, Document::new()).map(drop)
}

/// The user whom the login is for after the code's decision: another one only where the account of the one who has logged in belongs
/// to them by now.
pub(crate) async fn primary(site: &Site, user: Arc<Record>, decision: &Decision) -> Result<Arc<Record>, OAuthError> {
    let Some(id) = decision.primary_user.as_ref().filter(|id| **id != user.id) else { return Ok(user) };
    let account = user.id.clone();
    let find = move |reader: &Snapshot| identity::users::of_identity(reader, &account);
    let owner = site.store.read(site.tenant.id(), find).await?.filter(|owner| owner.id == *id);
    let owner = owner.ok_or_else(|| {
        OAuthError::access_denied("The account of the login is not linked to the primary user that was set")
    })?;
    if owner.is("blocked") { Err(OAuthError::blocked()) } else { Ok(Arc::new(owner)) }
}

fn milliseconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "times beyond 64 bits become the largest, which never comes")]
    value.as_i64().or_else(|| value.as_f64().map(|time| time as i64))
}

/// Of several calls the earliest time counts.
fn earliest(known: &mut Option<i64>, time: Option<i64>) {
    *known = match (*known, time) {
        (Some(known), Some(time)) => Some(known.min(time)),
        (known, time) => known.or(time),
    };
}

/// Changes of metadata after others. None at all evict what there was.
fn more(metadata: &mut Option<Document>, later: Option<Document>) {
    match (metadata.as_mut(), later) {
        (Some(known), Some(later)) if !later.is_empty() => known.extend(later),
        (_, Some(later)) => *metadata = Some(later),
        (_, None) => {}
    }
}

fn note(metadata: &mut Option<Document>, effect: &Effect) {
    let Some(name) = effect.arguments.first().and_then(Value::as_str) else { return };
    let value = effect.arguments.get(1).cloned().unwrap_or_default();
    metadata.get_or_insert_default().insert(name.to_owned(), value);
}

/// Whether code waits for the user of a login to come back.
pub(crate) fn waits(transaction: &Transaction) -> bool {
    suspended(transaction).is_some()
}

/// Whether it waits for a form to be filled in.
pub(crate) fn waits_for_form(transaction: &Transaction) -> bool {
    suspended(transaction).and_then(|suspended| suspended.get("form")).is_some_and(|form| !form.is_null())
}

fn suspended(transaction: &Transaction) -> Option<&Value> {
    transaction.request.protocol.get(KEPT)?.get("suspended").filter(|suspended| !suspended.is_null())
}

/// What the code decided before a page was shown.
pub(crate) fn kept(login: &Login<'_>) -> Option<Decision> {
    let kept = login.transaction.as_ref()?.request.protocol.get(KEPT)?;
    Decision::deserialize(kept).ok()
}

/// Adds what the code decided to what the pages give back.
pub(crate) fn keep_in(request: &mut LoginRequest, decision: &Decision) {
    if let Value::Object(protocol) = &mut request.protocol {
        let kept = serde_json::to_value(decision).expect("a decision is texts and numbers");
        protocol.insert(KEPT.to_owned(), kept);
    }
}

/// The time that a number of milliseconds stands for.
pub(crate) fn time_of(milliseconds: i64) -> Timestamp {
    Timestamp::from_micros(milliseconds.saturating_mul(1000))
}
