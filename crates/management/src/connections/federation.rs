//! Documents in which identity providers describe themselves: OpenID Connect discovery (OpenID Connect Discovery 1.0) and SAML
//! metadata (SAML 2.0 metadata, section 2), fetched before a change and read into options.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use kernel::{Document, Value, fill};
use outbound::{Client, Limits};
use roxmltree::Node;

/// Bounds of fetching one document; a provider that is slower is treated as one that cannot be reached.
const LIMITS: Limits = Limits { time: Duration::from_secs(5), bytes: 1 << 20, redirects: 3 };

/// The binding that the service prefers, and names whatever a provider offers.
const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";

/// Where the provider describes itself, if the options say so and do not hold the description.
pub(super) fn address(strategy: &str, options: &Document) -> Option<String> {
    let text = |name: &str| options.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match strategy {
        "oidc" if !options.contains_key("oidc_metadata") => text("discovery_url").map(str::to_owned),
        "okta" if !options.contains_key("oidc_metadata") => {
            text("domain").map(|domain| format!("https://{domain}/.well-known/openid-configuration"))
        }
        "samlp" if text("metadataXml").is_none() => text("metadataUrl").map(str::to_owned),
        "adfs" if text("fedMetadataXml").is_none() => text("adfs_server").map(|server| {
            let is_address = server.starts_with("https://") || server.starts_with("http://");
            let path = "FederationMetadata/2007-06/FederationMetadata.xml";
            if is_address { server.to_owned() } else { format!("https://{server}/{path}") }
        }),
        _ => None,
    }
}

/// The document at an address. One that cannot be had leaves the options as they were sent: the tenant may be set up
/// before its provider is.
pub(super) async fn fetch(client: &Client, address: &str) -> Option<String> {
    match client.get(address, LIMITS).await {
        Ok(answer) if answer.status().is_success() => String::from_utf8(answer.into_body().into()).ok(),
        Ok(answer) => {
            tracing::info!(address, status = answer.status().as_u16(), "no description of the identity provider");
            None
        }
        Err(error) => {
            tracing::info!(address, %error, "no description of the identity provider");
            None
        }
    }
}

/// Completes the options of an OpenID Connect provider by its metadata, a fetched document or what was sent: only what is
/// null or absent is filled.
pub(super) fn complete_oidc(options: &mut Document, fetched: Option<&str>) {
    if let Some(metadata) = fetched.and_then(|text| serde_json::from_str::<Document>(text).ok()) {
        fill(options, "oidc_metadata", metadata);
    }
    let Some(metadata) = options.get_mut("oidc_metadata").and_then(Value::as_object_mut) else { return };
    for name in [
        "claims_parameter_supported",
        "request_parameter_supported",
        "request_uri_parameter_supported",
        "require_request_uri_registration",
    ] {
        fill(metadata, name, false);
    }
    let metadata = metadata.clone();
    for name in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "issuer"] {
        let is_missing = options.get(name).is_none_or(Value::is_null);
        if let Some(value) = metadata.get(name).filter(|_| is_missing) {
            options.insert(name.into(), value.clone());
        }
    }
}

/// What SAML or WS-Federation metadata tell of a provider.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Provider {
    /// Where users sign in, preferably by redirect.
    pub(super) sign_in: Option<String>,
    /// Where they sign out.
    pub(super) sign_out: Option<String>,
    /// The certificate of the signing key, in PEM.
    pub(super) certificate: Option<String>,
}

impl Provider {
    /// Reads metadata, which people paste with space around; `None` when they are no XML.
    pub(super) fn parse(xml: &str) -> Option<Self> {
        let document = roxmltree::Document::parse(xml.trim()).ok()?;
        let root = document.root();
        // A document may describe a service provider too, whose keys and addresses are not meant.
        let provider = named(root, "IDPSSODescriptor").next();
        let scope = provider.unwrap_or(root);
        let passive = || named(root, "PassiveRequestorEndpoint").find_map(|endpoint| named(endpoint, "Address").next());
        let sign_in = location(scope, "SingleSignOnService").or_else(|| passive().and_then(text));
        let keys = || named(scope, "KeyDescriptor");
        let signing = keys().find(|key| key.attribute("use") != Some("encryption"));
        let certificate = signing.unwrap_or(scope);
        Some(Self {
            sign_in,
            sign_out: location(scope, "SingleLogoutService"),
            certificate: named(certificate, "X509Certificate").find_map(text).map(|encoded| as_pem(&encoded)),
        })
    }

    /// Completes the options with sign-in, sign-out and signing certificate, as the service writes them for SAML.
    pub(super) fn complete(self, options: &mut Document) {
        if let Some(sign_in) = self.sign_in {
            fill(options, "signInEndpoint", sign_in);
        }
        if let Some(sign_out) = self.sign_out {
            fill(options, "signOutEndpoint", sign_out);
        }
        if let Some(pem) = self.certificate {
            fill(options, "signingCert", BASE64_STANDARD.encode(pem));
        }
        fill(options, "bindingMethod", REDIRECT);
    }
}

/// Elements of this local name below a node, whatever their namespace.
fn named<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.descendants().filter(move |element| element.is_element() && element.tag_name().name() == name)
}

fn text(node: Node<'_, '_>) -> Option<String> {
    node.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The location of a service, by redirect if it has that binding.
fn location(scope: Node<'_, '_>, service: &'static str) -> Option<String> {
    let by_redirect = named(scope, service).find(|service| service.attribute("Binding") == Some(REDIRECT));
    let found = by_redirect.or_else(|| named(scope, service).next())?;
    found.attribute("Location").map(str::to_owned)
}

/// The PEM of a certificate in base64.
fn as_pem(encoded: &str) -> String {
    let compact: String = encoded.split_whitespace().collect();
    let lines: Vec<&str> = compact.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;

    const METADATA: &str = r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
        <md:SPSSODescriptor><md:SingleLogoutService Location="https://sp.example/out"/></md:SPSSODescriptor>
        <md:IDPSSODescriptor>
          <md:KeyDescriptor use="encryption"><ds:X509Certificate>WRONG</ds:X509Certificate></md:KeyDescriptor>
          <md:KeyDescriptor use="signing"><ds:X509Certificate> AB
            CD </ds:X509Certificate></md:KeyDescriptor>
          <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/post"/>
          <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/in"/>
          <md:SingleLogoutService Location="https://idp.example/out"/>
        </md:IDPSSODescriptor></md:EntityDescriptor>"#;

    #[test]
    fn metadata_describe_the_provider_and_not_the_service() {
        let provider = Provider::parse(METADATA).expect("XML");
        assert_eq!(provider.sign_in.as_deref(), Some("https://idp.example/in"));
        assert_eq!(provider.sign_out.as_deref(), Some("https://idp.example/out"));
        let pem = "-----BEGIN CERTIFICATE-----\nABCD\n-----END CERTIFICATE-----\n";
        assert_eq!(provider.certificate.as_deref(), Some(pem));
        assert_eq!(Provider::parse("<a>"), None);
    }

    #[test]
    fn discovery_fills_only_what_is_missing() {
        let mut options = object(json!({"issuer": "https://mine.example", "token_endpoint": null}));
        let fetched = r#"{"issuer": "https://idp.example", "token_endpoint": "https://idp.example/token"}"#;
        complete_oidc(&mut options, Some(fetched));
        assert_eq!(options["issuer"], "https://mine.example");
        assert_eq!(options["token_endpoint"], "https://idp.example/token");
        assert_eq!(options["oidc_metadata"]["request_parameter_supported"], false);
    }

    #[test]
    fn the_address_of_a_description_depends_on_the_strategy() {
        let address = |strategy, options| address(strategy, &object(options));
        let okta = Some("https://a.okta.example/.well-known/openid-configuration".to_owned());
        assert_eq!(address("okta", json!({"domain": "a.okta.example"})), okta);
        assert_eq!(address("oidc", json!({"discovery_url": null})), None);
        assert_eq!(address("samlp", json!({"metadataUrl": "https://x", "metadataXml": "<a/>"})), None);
        let adfs = Some("https://fs.example/FederationMetadata/2007-06/FederationMetadata.xml".to_owned());
        assert_eq!(address("adfs", json!({"adfs_server": "fs.example"})), adfs);
    }
}
