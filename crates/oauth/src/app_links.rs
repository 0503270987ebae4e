//! What phones ask before they let an application open links to the tenant's domain, and passwords be filled there: the applications that clients
//! name as theirs (`mobile`).

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use kernel::{TenantId, UnfitRecord};
use model::{
    CLIENT,
    views::{AndroidApp, Client, IosApp, View as _},
};
use serde_json::{Value, json};
use store::{Derived, Query, Snapshot};

use crate::{OAuthError, Site};

/// Where Apple's systems ask.
pub(crate) const APPLE: &str = "/.well-known/apple-app-site-association";
/// Where Android asks.
pub(crate) const ANDROID: &str = "/.well-known/assetlinks.json";
/// For how many tenants the answers are kept.
const KEPT: usize = 1_000;

/// The answers of tenants for both systems.
pub(crate) struct AppLinks(Derived<TenantId, [Bytes; 2]>);

impl Default for AppLinks {
    fn default() -> Self {
        Self(Derived::new(KEPT))
    }
}

/// `GET /.well-known/apple-app-site-association`.
pub(crate) async fn apple(site: Site) -> Result<Response, OAuthError> {
    let [apple, _] = answers(&site).await?;
    Ok(public(apple))
}

/// `GET /.well-known/assetlinks.json`.
pub(crate) async fn android(site: Site) -> Result<Response, OAuthError> {
    let [_, android] = answers(&site).await?;
    Ok(public(android))
}

fn public(body: Bytes) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

async fn answers(site: &Site) -> Result<[Bytes; 2], OAuthError> {
    let epoch = site.store.epoch(site.tenant.id(), &CLIENT);
    if let Some(answers) = site.app_links.0.get(site.tenant.id(), &epoch) {
        return Ok(answers);
    }
    let read = |reader: &Snapshot| reader.list(&CLIENT, &Query::default());
    let clients = site.store.read(site.tenant.id(), read).await?.items;
    let clients = clients.iter().map(Client::of).collect::<Result<Vec<Client>, UnfitRecord>>()?;
    let apps = || clients.iter().map(|client| &client.mobile);
    let apple = for_apple(apps().filter_map(|mobile| mobile.ios.as_ref()));
    let android = for_android(apps().filter_map(|mobile| mobile.android.as_ref()));
    let answers = [apple, android].map(|answer| Bytes::from(answer.to_string()));
    site.app_links.0.keep(site.tenant.id().clone(), epoch, answers.clone());
    Ok(answers)
}

fn for_apple<'a>(apps: impl Iterator<Item = &'a IosApp>) -> Value {
    let (mut details, mut ids) = (Vec::new(), Vec::<String>::new());
    for IosApp { team_id, app_bundle_identifier: bundle } in apps {
        let id = format!("{team_id}.{bundle}");
        if !team_id.is_empty() && !bundle.is_empty() && !ids.contains(&id) {
            details.push(json!({"appID": id, "paths": [format!("/ios/{bundle}/*")]}));
            ids.push(id);
        }
    }
    json!({"applinks": {"apps": [], "details": details}, "webcredentials": {"apps": ids}})
}

fn for_android<'a>(apps: impl Iterator<Item = &'a AndroidApp>) -> Value {
    let links = apps.filter(|app| !app.app_package_name.is_empty() && !app.sha256_cert_fingerprints.is_empty());
    let links = links.map(|app| {
        json!({
            "relation": ["delegate_permission/common.handle_all_urls"],
            "target": {
                "namespace": "android_app",
                "package_name": app.app_package_name,
                "sha256_cert_fingerprints": app.sha256_cert_fingerprints,
            },
        })
    });
    links.collect::<Vec<Value>>().into()
}
