//! What tenants, clients and APIs may demand, and what this server can do of it. A demand that cannot be met is refused; it is
//! never answered with something weaker. Metadata tells only what is there.
//!
//! An endpoint counts as served once its path stands in [`PATHS`](crate::PATHS); everything else that is built is added to
//! [`SERVED`].

use std::ops::Deref;

use kernel::Document;
use model::views::{Client, ResourceServer};

use crate::{OAuthError, PATHS, request::Parameters, views};

/// Something beyond plain tokens that takes more than an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Capability {
    /// Access tokens bound to a key of the client (RFC 9449).
    Dpop,
    /// Access tokens bound to a certificate of the client, and authentication by it (RFC 8705).
    MutualTls,
    /// Authorization requests in signed objects (RFC 9101).
    SignedRequests,
    /// Clients that are known by a document which they publish.
    ClientMetadataDocuments,
    /// Telling clients of a logout.
    BackchannelLogout,
    /// The profiles of the FAPI working group that `compliance_level` names.
    Fapi,
    /// Policies that decide whether a token for an API is issued.
    AuthorizationPolicies,
}

/// What is built.
const SERVED: &[Capability] = &[Capability::BackchannelLogout, Capability::ClientMetadataDocuments];

impl Capability {
    fn is_served(self) -> bool {
        SERVED.contains(&self)
    }

    /// How a refusal calls it.
    fn in_words(self) -> &'static str {
        match self {
            Self::Dpop => "proof of possession by DPoP",
            Self::MutualTls => "proof of possession by mutual TLS",
            Self::SignedRequests => "signed authorization requests",
            Self::ClientMetadataDocuments => "client metadata documents",
            Self::BackchannelLogout => "back-channel logout",
            Self::Fapi => "a compliance level",
            Self::AuthorizationPolicies => "an authorization policy",
        }
    }
}

/// On what a member of the metadata rests.
enum Basis {
    Endpoint(&'static str),
    Capability(Capability),
}

const AUTHORIZE: Basis = Basis::Endpoint("/authorize");
const DEVICE: Basis = Basis::Endpoint("/oauth/device/code");
const REVOCATION: Basis = Basis::Endpoint("/oauth/global-token-revocation/connection/{connectionName}");

/// The members that are told only where there is something behind them.
const MEMBERS: &[(&str, Basis)] = &[
    ("authorization_endpoint", AUTHORIZE),
    ("response_types_supported", AUTHORIZE),
    ("response_modes_supported", AUTHORIZE),
    ("code_challenge_methods_supported", AUTHORIZE),
    ("acr_values_supported", AUTHORIZE),
    ("authorization_response_iss_parameter_supported", AUTHORIZE),
    ("client_id_metadata_document_supported", Basis::Capability(Capability::ClientMetadataDocuments)),
    ("device_authorization_endpoint", DEVICE),
    ("userinfo_endpoint", Basis::Endpoint("/userinfo")),
    ("mfa_challenge_endpoint", Basis::Endpoint("/mfa/challenge")),
    ("registration_endpoint", Basis::Endpoint("/oidc/register")),
    ("revocation_endpoint", Basis::Endpoint("/oauth/revoke")),
    ("pushed_authorization_request_endpoint", Basis::Endpoint("/oauth/par")),
    ("require_pushed_authorization_requests", Basis::Endpoint("/oauth/par")),
    ("end_session_endpoint", Basis::Endpoint("/oidc/logout")),
    ("backchannel_authentication_endpoint", Basis::Endpoint("/bc-authorize")),
    ("backchannel_token_delivery_modes_supported", Basis::Endpoint("/bc-authorize")),
    ("global_token_revocation_endpoint", REVOCATION),
    ("global_token_revocation_endpoint_auth_methods_supported", REVOCATION),
    ("backchannel_logout_supported", Basis::Capability(Capability::BackchannelLogout)),
    ("backchannel_logout_session_supported", Basis::Capability(Capability::BackchannelLogout)),
    ("request_object_signing_alg_values_supported", Basis::Capability(Capability::SignedRequests)),
    ("tls_client_certificate_bound_access_tokens", Basis::Capability(Capability::MutualTls)),
    ("dpop_signing_alg_values_supported", Basis::Capability(Capability::Dpop)),
];

/// Ways of clients to authenticate that rest on more than the token endpoint.
const TLS_METHODS: [&str; 2] = ["tls_client_auth", "self_signed_tls_client_auth"];

/// Takes away from the metadata what is not served.
pub(crate) fn keep_served(metadata: &mut Document) {
    for (name, basis) in MEMBERS {
        let is_served = match basis {
            Basis::Endpoint(path) => PATHS.contains(path),
            Basis::Capability(capability) => capability.is_served(),
        };
        if !is_served {
            metadata.shift_remove(*name);
        }
    }
    if !Capability::SignedRequests.is_served()
        && let Some(supported) = metadata.get_mut("request_parameter_supported")
    {
        *supported = false.into();
    }
    if !Capability::MutualTls.is_served()
        && let Some(methods) = metadata.get_mut("token_endpoint_auth_methods_supported")
        && let Some(methods) = methods.as_array_mut()
    {
        methods.retain(|method| !TLS_METHODS.iter().any(|name| method == name));
    }
}

/// Refuses a token that the client or the API wants bound, or judged, in a way that is not built.
pub(crate) fn admit(client: &Client, api: Option<&views::ResourceServer>) -> Result<(), OAuthError> {
    let is_public = client.token_endpoint_auth_method.as_deref() == Some("none");
    let demands = demands(client, api.map(Deref::deref), is_public);
    match demands.into_iter().find(|(_, capability)| !capability.is_served()) {
        Some((who, capability)) => {
            let what = capability.in_words();
            Err(OAuthError::invalid_request(format!("{who} requires {what}, which this server does not support.")))
        }
        None => Ok(()),
    }
}

/// Parameters of authorization requests that ask for more than is built, with what they ask for.
const DEMANDING: [(&str, &str); 2] =
    [("dpop_jkt", "proof of possession by DPoP"), ("authorization_details", "rich authorization requests")];

/// Refuses an authorization request that asks for more than is built, or of whose client more is demanded.
pub(crate) fn admit_request(client: &Client, parameters: &Parameters) -> Result<(), OAuthError> {
    let demanded = DEMANDING.iter().find(|(parameter, _)| parameters.get(parameter).is_some());
    let (who, what) = match demanded {
        Some((_, what)) => ("The request", *what),
        None if client.demands_signed_requests() => ("The client", Capability::SignedRequests.in_words()),
        None => return Ok(()),
    };
    Err(OAuthError::invalid_request(format!("{who} requires {what}, which this server does not support.")))
}

/// Who demands what.
fn demands(client: &Client, server: Option<&ResourceServer>, is_public: bool) -> Vec<(&'static str, Capability)> {
    let mut demands = Vec::new();
    if client.demands_proof_of_possession() {
        demands.push(("The client", Capability::Dpop));
    }
    if client.demands_compliance() {
        demands.push(("The client", Capability::Fapi));
    }
    let Some(server) = server else { return demands };
    if let Some(proof) = server.proof_of_possession.as_ref().filter(|proof| proof.is_demanded_of(is_public)) {
        let capability = if proof.mechanism == "mtls" { Capability::MutualTls } else { Capability::Dpop };
        demands.push(("The API", capability));
    }
    if server.has_authorization_policy() {
        demands.push(("The API", Capability::AuthorizationPolicies));
    }
    demands
}

#[cfg(test)]
mod tests {
    use kernel::{Record, Timestamp, UnfitRecord, object};
    use model::views::View as _;
    use serde_json::{Value, json};

    use super::*;

    fn record(document: Value) -> Record {
        Record::new("1", object(document), Timestamp::EPOCH)
    }

    #[test]
    fn clients_and_apis_demand_what_their_settings_say() {
        let of = |client: Value, server: Value, is_public| {
            let (client, server) = (Client::of(&record(client))?, ResourceServer::of(&record(server))?);
            Ok::<_, UnfitRecord>(demands(&client, Some(&server), is_public))
        };
        let none = json!({});
        assert_eq!(of(none.clone(), none.clone(), false).unwrap(), vec![]);
        let optional = json!({"proof_of_possession": {"mechanism": "dpop", "required": false}});
        assert_eq!(of(json!({"compliance_level": "none"}), optional, false).unwrap(), vec![]);
        let dpop = ("The client", Capability::Dpop);
        assert_eq!(of(json!({"require_proof_of_possession": true}), none.clone(), false).unwrap(), vec![dpop]);
        let fapi = ("The client", Capability::Fapi);
        assert_eq!(of(json!({"compliance_level": "fapi2_sp_mtls_mtls"}), none.clone(), false).unwrap(), vec![fapi]);
        let bound = json!({"proof_of_possession": {"mechanism": "mtls", "required": true}});
        assert_eq!(of(none.clone(), bound, false).unwrap(), vec![("The API", Capability::MutualTls)]);
        let public =
            json!({"proof_of_possession": {"mechanism": "dpop", "required": true, "required_for": "public_clients"}});
        assert_eq!(of(none.clone(), public.clone(), false).unwrap(), vec![]);
        assert_eq!(of(none.clone(), public, true).unwrap(), vec![("The API", Capability::Dpop)]);
        let policy = json!({"authorization_policy": {"policy_id": "p"}});
        assert_eq!(of(none.clone(), policy, false).unwrap(), vec![("The API", Capability::AuthorizationPolicies)]);
        assert!(of(none, json!({"proof_of_possession": "dpop"}), false).is_err());
    }
}
