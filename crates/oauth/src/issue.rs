//! Tokens of users: what an access token and an ID token say (reference: authentication-api §6).

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::{Algorithm, Signing, claims};
use kernel::{Document, Record, Secret, Timestamp, Value, id, object};
use serde_json::json;

use crate::{
    OAuthError, Site, opaque, profile,
    views::{Client, ResourceServer},
};

/// Lifetime of an access token where the API sets none, in seconds.
pub(crate) const DAY: i64 = 86_400;
/// Lifetime of a token for the user's profile alone that a browser gets from `/authorize`, in seconds.
const FRONT_CHANNEL: i64 = 7_200;
/// Lifetime of an ID token where the client sets none, in seconds.
const ID_TOKEN: i64 = 36_000;

/// Whom and what tokens are about.
pub(crate) struct Subject<'a> {
    /// The user.
    pub(crate) user: &'a Record,
    /// The client that gets them.
    pub(crate) client: &'a Client,
    /// The API; none for tokens that open the user's profile alone.
    pub(crate) api: Option<&'a ResourceServer>,
    /// Granted scopes.
    pub(crate) scopes: &'a [String],
    /// What the user may do with the API by roles and directly.
    pub(crate) permissions: &'a [String],
    /// The session: `sid`.
    pub(crate) session_id: Option<&'a str>,
    /// The organization that the user is signed in to, with its name where the tenant shows it.
    pub(crate) organization: Option<&'a Organization>,
    /// The grant, where tokens tell it: `password`, `refresh_token`.
    pub(crate) gty: Option<&'static str>,
    /// What the tenant's code sets.
    pub(crate) custom: &'a CustomClaims,
    /// Who acts for the user, where somebody does: `act` (RFC 8693 §4.1).
    pub(crate) actor: Option<&'a Value>,
}

/// The organization of a login.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Organization {
    /// Its identifier.
    pub(crate) id: String,
    /// Its name, where tokens show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

/// Claims of a tenant's code.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct CustomClaims {
    /// For the access token.
    #[serde(default, skip_serializing_if = "Document::is_empty")]
    pub(crate) access_token: Document,
    /// For the ID token.
    #[serde(default, skip_serializing_if = "Document::is_empty")]
    pub(crate) id_token: Document,
}

/// An access token, and how long it lives in seconds.
pub(crate) struct AccessToken {
    pub(crate) value: String,
    pub(crate) lifetime: i64,
}

/// What an ID token says beside the user and the client.
#[derive(Default)]
pub(crate) struct IdTokenParts<'a> {
    pub(crate) nonce: Option<&'a str>,
    /// When the user proved who they are; only where the request makes the token tell it.
    pub(crate) auth_time: Option<Timestamp>,
    /// How strong the proof was.
    pub(crate) acr: Option<&'a str>,
    /// How it was given.
    pub(crate) amr: Option<&'a [String]>,
    /// The access token that is issued with it.
    pub(crate) access_token: Option<&'a str>,
    /// The code that is issued with it by `/authorize`.
    pub(crate) code: Option<&'a str>,
}

impl Site {
    /// An access token for the subject: a JWT for an API, else an opaque one for the user's profile.
    pub(crate) async fn access_token(
        &self,
        subject: &Subject<'_>,
        is_front_channel: bool,
    ) -> Result<AccessToken, OAuthError> {
        let Some(api) = subject.api else {
            let lifetime = if is_front_channel { FRONT_CHANNEL } else { DAY };
            return Ok(AccessToken { value: opaque::seal(self, subject, lifetime).await?, lifetime });
        };
        let web = api.token_lifetime_for_web.filter(|_| is_front_channel);
        let lifetime = web.or(api.token_lifetime).unwrap_or(DAY);
        let mut claims = self.access_claims(subject, api, lifetime);
        let is_own_api = api.identifier == format!("{}api/v2/", self.tenant.issuer());
        let mut custom = subject.custom.access_token.clone();
        custom.retain(|name, _| !profile::leaves_out(name, subject.scopes));
        if !claims::add(&mut claims, custom, is_own_api) {
            return Err(OAuthError::too_many_claims());
        }
        let value = self.signed_for(api, claims).await?;
        Ok(AccessToken { value, lifetime })
    }

    /// Signs an API's token as the API wants it, and encrypts it where it asks for that.
    pub(crate) async fn signed_for(&self, api: &ResourceServer, claims: Document) -> Result<String, OAuthError> {
        let typ = if is_rfc9068(api) { "at+jwt" } else { "JWT" };
        let signed = self.keys.sign(self.tenant.id(), signing(api)?, typ, claims).await?;
        if !api.encrypts_tokens() {
            return Ok(signed);
        }
        let encrypted = api.recipient.as_ref().and_then(|recipient| recipient.encrypt(self.store.context(), &signed));
        encrypted.ok_or_else(|| OAuthError::internal("tokens of an API cannot be encrypted to its key"))
    }

    /// The claims in the service's order.
    fn access_claims(&self, subject: &Subject<'_>, api: &ResourceServer, lifetime: i64) -> Document {
        let now = self.store.context().now().seconds();
        let is_openid = subject.scopes.iter().any(|scope| scope == "openid");
        let is_readable = api.signing_alg.as_deref().is_none_or(|name| name == "RS256");
        let audience = if is_openid && is_readable {
            json!([api.identifier, format!("{}userinfo", self.tenant.issuer())])
        } else {
            json!(api.identifier)
        };
        let mut claims = object(json!({
            "iss": self.tenant.issuer(),
            "sub": subject.user.id,
            "aud": audience,
            "iat": now,
            "exp": now.saturating_add(lifetime),
        }));
        if !subject.scopes.is_empty() {
            claims.insert("scope".into(), subject.scopes.join(" ").into());
        }
        add_organization(subject.organization, &mut claims);
        add_actor(subject.actor, &mut claims);
        if is_rfc9068(api) {
            claims.insert("jti".into(), self.store.context().text(id::ALNUM, 22).into());
            claims.insert("client_id".into(), subject.client.id.as_str().into());
        } else {
            if let Some(gty) = subject.gty {
                claims.insert("gty".into(), gty.into());
            }
            claims.insert("azp".into(), subject.client.id.as_str().into());
        }
        if api.enforce_policies && api.token_dialect.as_deref().is_some_and(|dialect| dialect.ends_with("_authz")) {
            claims.insert("permissions".into(), subject.permissions.into());
        }
        claims
    }

    /// An ID token for the subject's client.
    pub(crate) async fn id_token(&self, subject: &Subject<'_>, parts: &IdTokenParts<'_>) -> Result<String, OAuthError> {
        let client = subject.client;
        let configuration = &client.jwt_configuration;
        let lifetime = configuration.lifetime_in_seconds.unwrap_or(ID_TOKEN);
        let now = self.store.context().now().seconds();
        let mut claims = Document::new();
        let mut custom = subject.custom.id_token.clone();
        custom.retain(|name, _| !profile::leaves_out(name, subject.scopes));
        if !claims::add(&mut claims, custom, false) {
            return Err(OAuthError::too_many_claims());
        }
        for (name, value) in profile::claims(subject.user, subject.scopes) {
            claims.entry(name).or_insert(value);
        }
        let mut add = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        add("iss", self.tenant.issuer().into());
        add("aud", client.id.as_str().into());
        add("sub", subject.user.id.as_str().into());
        add("iat", now.into());
        add("exp", now.saturating_add(lifetime).into());
        if let Some(time) = parts.auth_time {
            add("auth_time", time.seconds().into());
        }
        if let Some(acr) = parts.acr {
            add("acr", acr.into());
        }
        if let Some(amr) = parts.amr {
            add("amr", amr.into());
        }
        if let Some(session_id) = subject.session_id {
            add("sid", session_id.into());
        }
        if let Some(token) = parts.access_token {
            add("at_hash", half_hash(token).into());
        }
        if let Some(code) = parts.code {
            add("c_hash", half_hash(code).into());
        }
        if let Some(nonce) = parts.nonce {
            add("nonce", nonce.into());
        }
        add_organization(subject.organization, &mut claims);
        add_actor(subject.actor, &mut claims);
        let signing = match configuration.alg.as_deref().and_then(Algorithm::named) {
            Some(Algorithm::Hs256) => {
                let secret: Option<Secret> = client.secret.clone();
                let secret = secret.ok_or_else(|| OAuthError::internal("a client that wants HS256 has no secret"))?;
                if configuration.secret_encoded { Signing::Encoded(secret) } else { Signing::Shared(secret) }
            }
            Some(algorithm) => Signing::Key(algorithm),
            None => Signing::Key(Algorithm::Rs256),
        };
        Ok(self.keys.sign(self.tenant.id(), signing, "JWT", claims).await?)
    }
}

/// Tells the organization that the user is signed in to.
pub(crate) fn add_organization(organization: Option<&Organization>, claims: &mut Document) {
    if let Some(organization) = organization {
        claims.insert("org_id".into(), organization.id.as_str().into());
        if let Some(name) = &organization.name {
            claims.insert("org_name".into(), name.as_str().into());
        }
    }
}

/// Tells who acts for the user, where somebody does.
pub(crate) fn add_actor(actor: Option<&Value>, claims: &mut Document) {
    if let Some(actor) = actor {
        claims.insert("act".into(), actor.clone());
    }
}

/// `at_hash` and `c_hash` (OpenID Connect Core §3.1.3.6): the left half of the SHA-256, which all our ID token algorithms use.
fn half_hash(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

/// Whether an API's tokens follow RFC 9068.
pub(crate) fn is_rfc9068(api: &ResourceServer) -> bool {
    api.token_dialect.as_deref().is_some_and(|dialect| dialect.starts_with("rfc9068"))
}

/// How an API's tokens are signed.
pub(crate) fn signing(api: &ResourceServer) -> Result<Signing, OAuthError> {
    let name = api.signing_alg.as_deref().unwrap_or("RS256");
    match Algorithm::named(name) {
        Some(Algorithm::Hs256) => {
            let secret = api.signing_secret.clone();
            let secret = secret.ok_or_else(|| OAuthError::internal("an API that signs with HS256 has no secret"))?;
            Ok(Signing::Shared(secret))
        }
        Some(algorithm) => Ok(Signing::Key(algorithm)),
        None => Err(OAuthError::internal(format!("an API signs with the unknown algorithm {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_specification() {
        // The example of OpenID Connect Core, appendix A.3 and A.4.
        assert_eq!(half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(half_hash("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"), "LDktKdoQak3Pk0cnXxCltA");
    }
}
