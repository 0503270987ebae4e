//! Authorization codes (RFC 6749 §4.1): issued by `/authorize`, exchanged once at the token endpoint with proof of possession
//! where one was announced (RFC 7636).

use std::time::Duration;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Context, Document, Value};
use serde::{Deserialize, Serialize};
use store::{StoreResult, Tx};
use subtle::ConstantTimeEq;

use crate::{
    OAuthError, Site,
    authorize::CodeChallenge,
    facts::Facts,
    log,
    post_login::TokenChanges,
    refresh_token,
    token::{Exchange, Grant, Granted, Granting, Stored},
    user_grant::{self, Issue},
};

/// What a code is stored as.
const KIND: &str = "authorization_code";
/// Seconds in which a code can be exchanged.
const LIFETIME: Duration = Duration::from_secs(600);

/// What a code stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Code {
    #[serde(rename = "c")]
    pub(crate) client_id: String,
    #[serde(rename = "u")]
    pub(crate) user_id: String,
    /// The redirect URI, where the request named it.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(crate) redirect_uri: Option<String>,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub(crate) challenge: Option<CodeChallenge>,
    /// The API; none for the user's profile alone.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<String>,
    /// Granted scopes.
    #[serde(rename = "s")]
    pub(crate) scopes: Vec<String>,
    /// Whether they are all that was asked for.
    #[serde(rename = "w", default)]
    pub(crate) is_as_asked: bool,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
    #[serde(rename = "f")]
    pub(crate) facts: Facts,
    /// What the tenant's code changes of the refresh token to come.
    #[serde(rename = "t", default, skip_serializing_if = "TokenChanges::is_none")]
    pub(crate) refresh_token: TokenChanges,
}

/// A new code's text: 48 characters of the base64url alphabet.
pub(crate) fn generate(context: &Context) -> String {
    URL_SAFE_NO_PAD.encode(context.bytes::<36>())
}

/// Stores what a code stands for.
pub(crate) fn keep(tx: &mut Tx, text: &str, code: &Code) -> StoreResult {
    let Value::Object(payload) = serde_json::to_value(code)? else { return Ok(()) };
    let expires = tx.now() + LIFETIME;
    tx.put_single_use(KIND, text, payload, Some(&code.user_id), expires)
}

/// The member of a used code's payload that names the refresh token that it gave.
const SPENT: &str = "spent";

/// `authorization_code`.
pub(crate) struct AuthorizationCode;

impl Grant for AuthorizationCode {
    fn name(&self) -> &'static str {
        "authorization_code"
    }

    fn log_types(&self) -> (&'static str, &'static str) {
        ("seacft", "feacft")
    }

    fn exchange<'a>(&'a self, exchange: Exchange<'a>, subject: &'a mut log::Subject) -> Granting<'a> {
        Box::pin(redeem(exchange, subject))
    }
}

async fn redeem(exchange: Exchange<'_>, subject: &mut log::Subject) -> Result<Granted, OAuthError> {
    let Exchange { site, client, parameters, .. } = &exchange;
    let text = parameters.require("code")?.to_owned();
    let code = find(site, &text).await?;
    let Some(code) = code.filter(|code| code.client_id == client.id) else {
        return Err(OAuthError::invalid_grant("Invalid authorization code"));
    };
    subject.user_id = Some(code.user_id.clone());
    subject.audience.clone_from(&code.audience);
    subject.scope = Some(code.scopes.join(" "));
    check_redirect(&code, parameters.get("redirect_uri"))?;
    check_verifier(&code, parameters.get("code_verifier"))?;
    let gone = OAuthError::invalid_grant("Invalid authorization code");
    let user = site.user_of_grant(&code.user_id, gone).await?;
    subject.user_name = log::name_of(&user);
    let mut facts = code.facts;
    subject.note_organization(site.organization_of_grant(&mut facts, &user.id).await?.as_deref());
    let api = match &code.audience {
        Some(audience) => Some(site.api_for_users(audience, exchange.record, client).await?),
        None => None,
    };
    let issue = Issue {
        scopes: code.scopes,
        shows_scopes: !code.is_as_asked,
        nonce: code.nonce,
        facts,
        gty: None,
        refresh_token: code.refresh_token,
    };
    let body = user_grant::issue(&exchange, &issue, &user, api.as_deref()).await?;
    let refresh_token = refresh_token::plan(&exchange, &issue, &user.id, api.as_deref())?;
    let alone = Some(text.clone());
    let storing = move |tx: &mut Tx| -> Result<Stored, OAuthError> {
        let id = refresh_token.as_ref().map(refresh_token::Plan::id);
        if !spend(tx, &text, id)? {
            return Err(OAuthError::invalid_grant("Invalid authorization code"));
        }
        let member = refresh_token.as_ref().map(|plan| plan.apply(tx)).transpose()?;
        Ok(Stored::Members(member.unwrap_or_default()))
    };
    Ok(Granted { storing: Some(Box::new(storing)), alone, ..Granted::of(body) })
}

/// What a code stands for that was not used yet. One that was used ends what it gave (RFC 6749 §4.1.2).
async fn find(site: &Site, text: &str) -> Result<Option<Code>, OAuthError> {
    let presented = text.to_owned();
    let peek = move |reader: &store::Snapshot| reader.peek_single_use(KIND, &presented);
    let Some(found) = site.store.read(site.tenant.id(), peek).await? else { return Ok(None) };
    if let Some(spent) = found.payload.get(SPENT) {
        if let Some(refresh_token) = spent.as_str().map(str::to_owned) {
            let end = move |tx: &mut Tx| identity::refresh_tokens::revoke(tx, &refresh_token).map(drop);
            site.store.write(site.tenant.id(), end).await?;
        }
        return Ok(None);
    }
    Ok(serde_json::from_value(found.payload.into()).ok())
}

/// Marks a code as used, with what it gave. `false` when somebody else was faster.
fn spend(tx: &mut Tx, text: &str, refresh_token: Option<&str>) -> StoreResult<bool> {
    let found = tx.peek_single_use(KIND, text)?;
    if found.is_none_or(|found| found.payload.contains_key(SPENT)) {
        return Ok(false);
    }
    let mut payload = Document::new();
    payload.insert(SPENT.into(), refresh_token.map_or(Value::Null, Into::into));
    tx.update_single_use(KIND, text, payload)
}

fn check_redirect(code: &Code, sent: Option<&str>) -> Result<(), OAuthError> {
    match (&code.redirect_uri, sent) {
        (Some(expected), sent) if sent != Some(expected) => {
            let sent = sent.unwrap_or("undefined");
            let text = format!("The redirect URI is wrong. You sent {sent}, and we expected {expected}");
            Err(OAuthError::unauthorized_client(text))
        }
        _ => Ok(()),
    }
}

fn check_verifier(code: &Code, verifier: Option<&str>) -> Result<(), OAuthError> {
    let failed = || OAuthError::invalid_grant("Failed to verify code verifier");
    match (&code.challenge, verifier) {
        (None, None) => Ok(()),
        // Who brings a verifier means to be protected: a code whose request announced none may be somebody else's.
        (None, Some(_)) | (Some(_), None) => Err(failed()),
        (Some(challenge), Some(verifier)) => {
            if challenge.is_met_by(verifier) {
                Ok(())
            } else {
                Err(failed())
            }
        }
    }
}

impl CodeChallenge {
    /// Whether this is the verifier that the challenge was made of (RFC 7636 §4.6).
    fn is_met_by(&self, verifier: &str) -> bool {
        let expected = if self.is_hashed {
            URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
        } else {
            verifier.to_owned()
        };
        (43..=128).contains(&verifier.len()) && expected.as_bytes().ct_eq(self.challenge.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_met_by_its_verifier_alone() {
        // The example of RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge =
            CodeChallenge { challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(), is_hashed: true };
        assert!(challenge.is_met_by(verifier));
        assert!(!challenge.is_met_by(&verifier.replace('d', "e")));
        assert!(!challenge.is_met_by(""));
        let plain = CodeChallenge { challenge: verifier.to_owned(), is_hashed: false };
        assert!(plain.is_met_by(verifier));
        assert!(!plain.is_met_by(&challenge.challenge));
    }
}
