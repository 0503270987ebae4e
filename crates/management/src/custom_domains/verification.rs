//! Proving that a custom domain is the tenant's, and testing that it leads here.

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use kernel::{Document, Record, Value, id};
use outbound::{Client, Dns, Limits, Proof};
use rest::{Answer, ApiError, ApiResult, Area, Task};
use serde_json::json;
use store::StoreError;

use super::{CUSTOM_DOMAIN, CustomDomains};
use crate::Services;

pub(super) fn claim(area: Area, services: &Services) -> Area {
    let (dns, client) = (services.dns.clone(), services.outbound.clone());
    area.task("POST /custom-domains/{id}/verify", move |task| verify(dns.clone(), task))
        .task("POST /custom-domains/{id}/test", move |task| test(client.clone(), task))
}

/// `POST /custom-domains/{id}/verify`: looks for the record that proves it. The answer is the domain as it is then,
/// whatever came out.
async fn verify(dns: Dns, task: Task) -> ApiResult<Answer> {
    let domain = task.read(|reader, call| rest::load(reader, &CUSTOM_DOMAIN, call.path("id"))).await?;
    if is_ready(&domain) {
        return Err(ApiError::bad_request("Custom domain already verified."));
    }
    let method = &domain.document["verification"]["methods"][0];
    let text = |name: &str| method[name].as_str().unwrap_or_default();
    let proof = if text("name") == "TXT" { Proof::Txt } else { Proof::Cname };
    let outcome = match dns.carries(text("domain"), proof, text("record")).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{} record not found on \"{}\".", text("name"), text("domain"))),
        Err(reason) => Err(reason),
    };
    task.write(move |tx, call| {
        if is_ready(&rest::load(tx, &CUSTOM_DOMAIN, call.path("id"))?) {
            return Err(ApiError::bad_request("Custom domain already verified."));
        }
        let now = tx.now();
        let key = tx.context().text(id::HEX, 64);
        let origin = origin_of(tx.tenant().as_str(), call.path("id"), &call.origin.domain);
        let domain = rest::upsert(tx, &CUSTOM_DOMAIN, call.path("id"), |domain| match &outcome {
            Ok(()) => prove(domain, now.seconds(), &origin, &key),
            Err(reason) => note_failure(domain, reason),
        })?;
        if outcome.is_ok() {
            // Of two tenants that can prove the domain, the first has it.
            tx.claim_host(domain.text("domain").unwrap_or_default()).map_err(|error| match error {
                StoreError::Taken { .. } => ApiError::conflict("The specified custom domain already exists."),
                error => error.into(),
            })?;
        }
        let mut shown = rest::presented(tx, call, &CustomDomains, &domain)?;
        if outcome.is_ok() && !is_managed(&domain) {
            shown.insert("cname_api_key".into(), key.into());
        }
        Ok(Answer::json(shown))
    })
    .await
}

/// Marks a domain as ready. A proxy that serves a self-managed one shows a key, of which the digest is kept.
fn prove(domain: &mut Record, now: i64, origin: &str, key: &str) {
    domain.document.insert("status".into(), "ready".into());
    if is_managed(domain) {
        if let Some(verification) = verification(domain) {
            verification.shift_remove("error_msg");
            verification.insert("status".into(), "verified".into());
            let text = kernel::Timestamp::from_seconds(now).to_string().replace(".000Z", "Z");
            verification.insert("last_verified_at".into(), text.into());
        }
    } else {
        domain.document.insert("origin_domain_name".into(), origin.into());
        let digest = digest::digest(&digest::SHA256, key.as_bytes());
        domain.sealed.set("cname_api_key_sha256", BASE64_STANDARD.encode(digest));
    }
}

fn note_failure(domain: &mut Record, reason: &str) {
    if !is_managed(domain) {
        return;
    }
    if let Some(verification) = verification(domain) {
        verification.insert("status".into(), "failed".into());
        verification.insert("error_msg".into(), reason.into());
    }
}

/// `POST /custom-domains/{id}/test`: whether the tenant answers under the domain.
async fn test(client: Client, task: Task) -> ApiResult<Answer> {
    let domain = task.read(|reader, call| rest::load(reader, &CUSTOM_DOMAIN, call.path("id"))).await?;
    if !is_ready(&domain) {
        return Err(ApiError::conflict("The custom domain is not ready."));
    }
    let name = domain.text("domain").unwrap_or_default();
    let limits = Limits { bytes: 64 << 10, redirects: 0, ..Limits::default() };
    let reason = match client.get(&format!("https://{name}/.well-known/openid-configuration"), limits).await {
        Ok(answer) if answer.status().is_success() => return Ok(Answer::json(json!({"success": true}))),
        Ok(answer) => format!("\"{name}\" answers {}.", answer.status()),
        Err(refused) => refused.to_string(),
    };
    Ok(Answer::json(json!({"success": false, "message": reason})))
}

/// The name behind which the tenant is reached for a domain.
pub(super) fn origin_of(tenant: &str, id: &str, domain: &str) -> String {
    let tail = id.trim_start_matches("cd_").to_lowercase();
    let host = domain.split(':').next().unwrap_or_default();
    format!("{tenant}-cd-{tail}.edge.{host}")
}

fn is_ready(domain: &Record) -> bool {
    domain.text("status") == Some("ready")
}

fn is_managed(domain: &Record) -> bool {
    domain.text("type") == Some("auth0_managed_certs")
}

fn verification(domain: &mut Record) -> Option<&mut Document> {
    domain.document.get_mut("verification").and_then(Value::as_object_mut)
}
