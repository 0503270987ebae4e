//! What a page may fetch, run and send: its content security policy.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use url::Url;

use crate::{load::Setting, named::Named, page::Own};

/// Most pictures of a form whose origins a policy names.
const PICTURES: usize = 50;

/// A service whose scripts a part of a form needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Suggests addresses.
    Maps,
    /// Tells persons from programs.
    Recaptcha,
    /// Takes the numbers of cards.
    Stripe,
}

/// What pages with the scripts of services may fetch and frame beside their own: sources of policies, each after a blank.
#[derive(Default)]
struct Sources {
    scripts: String,
    connects: String,
    frames: String,
    images: String,
    fonts: String,
}

impl Service {
    /// Scripts, connections, frames, images and fonts, as the services name them.
    fn sources(self) -> [&'static str; 5] {
        match self {
            Self::Maps => [
                " https://maps.googleapis.com",
                " https://maps.googleapis.com https://places.googleapis.com",
                "",
                " https://maps.gstatic.com https://maps.googleapis.com",
                " https://fonts.gstatic.com",
            ],
            Self::Recaptcha => [
                " https://www.google.com/recaptcha/ https://www.gstatic.com/recaptcha/",
                " https://www.google.com/recaptcha/",
                " https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/",
                "",
                "",
            ],
            Self::Stripe => [
                " https://js.stripe.com",
                " https://api.stripe.com",
                " https://js.stripe.com https://hooks.stripe.com",
                "",
                "",
            ],
        }
    }
}

impl Sources {
    fn of(services: &[Service]) -> Self {
        let mut sources = Self::default();
        for service in services {
            let [scripts, connects, frames, images, fonts] = service.sources();
            sources.scripts += scripts;
            sources.connects += connects;
            sources.frames += frames;
            sources.images += images;
            sources.fonts += fonts;
        }
        sources
    }
}

/// What a policy is made from.
pub(crate) struct Policy<'a> {
    pub(crate) setting: &'a Setting,
    pub(crate) nonce: &'a str,
    /// Where the protocol sends the browser in the end: browsers refuse a form whose redirects lead to an origin that
    /// `form-action` does not name.
    pub(crate) target: Option<&'a str>,
    /// What the tenant's own HTML names, and the host that the page is on.
    pub(crate) written: Option<(&'a Named, &'a str)>,
    /// A form of the tenant.
    pub(crate) own: Option<&'a Own>,
}

/// The policy of a page.
pub(crate) fn of(policy: &Policy<'_>) -> String {
    let Policy { setting, nonce, target, written, own } = policy;
    let brand = &setting.brand;
    let pictures = own.iter().flat_map(|own| &own.pictures).take(PICTURES).filter_map(|address| destination(address));
    let pictures: Vec<String> = pictures.filter(|source| source.starts_with("https:")).collect();
    let images = joined(brand.image_origins.iter().chain(&pictures));
    let theirs = Sources::of(own.map_or(&[], |own| &own.services));
    let own_frames = if own.is_some_and(|own| own.has_frames) { " 'self'" } else { "" };
    let font = brand.font_origin.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let font = format!("{font}{}", theirs.fonts);
    let Sources {
        scripts: their_scripts, connects: their_connects, frames: their_frames, images: their_images, ..
    } = theirs;
    let frames = |others: &str| match format!("{own_frames}{their_frames}{others}") {
        sources if sources.is_empty() => sources,
        sources => format!("; frame-src{sources}"),
    };
    let end = end(setting, *target);
    let Some((named, host)) = written else {
        let font = if font.is_empty() { String::new() } else { format!("; font-src {}", font.trim_start()) };
        return format!(
            "default-src 'none'; base-uri 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'self'{their_scripts}; \
             connect-src 'self'{their_connects}; img-src 'self' data:{images}{their_images}{font}{}; {end}",
            frames("")
        );
    };
    let (all, scripts, pictures) = (joined(&named.all), joined(&named.scripts), joined(&named.pictures));
    let hashes = hashed(&named.handlers);
    let handlers = if hashes.is_empty() { hashes } else { format!(" 'unsafe-hashes'{hashes}") };
    let frames = frames(&all);
    let font = if font.is_empty() { font } else { format!(" {}", font.trim_start()) };
    // Its scripts can ask the pages, but neither the APIs nor the tools of developers that the same host has.
    format!(
        "default-src 'none'; base-uri 'none'; style-src 'self' 'nonce-{nonce}'{all}; style-src-attr 'unsafe-inline'; \
         script-src 'self' 'nonce-{nonce}'{scripts}{their_scripts}{handlers}; connect-src {host}/u/{all}{their_connects}{frames}; media-src data:{all}; \
         img-src 'self' data:{images}{their_images}{all}{pictures}; font-src data:{font}{all}; {end}"
    )
}

/// Where a page's forms may lead, and who may show it in a frame.
pub(crate) fn end(setting: &Setting, target: Option<&str>) -> String {
    // An application may send its user on to any origin of its own once it has the response.
    let target = target.and_then(destination).map(|source| format!(" {source}")).unwrap_or_default();
    let frames = if setting.allows_frames { "" } else { "; frame-ancestors 'none'" };
    format!("form-action 'self' https:{target}{frames}")
}

/// The hash by which a policy knows a script.
pub(crate) fn hash(script: &str) -> String {
    STANDARD.encode(digest(&SHA256, script.as_bytes()))
}

/// Scripts that are known by their hashes, as they stand in a directive.
pub(crate) fn hashed<'h>(hashes: impl IntoIterator<Item = &'h String>) -> String {
    hashes.into_iter().flat_map(|hash| [" 'sha256-", hash.as_str(), "'"]).collect()
}

/// Origins as they stand in a directive.
pub(crate) fn joined<'o>(origins: impl IntoIterator<Item = &'o String>) -> String {
    let once: BTreeSet<&String> = origins.into_iter().collect();
    once.into_iter().flat_map(|origin| [" ", origin.as_str()]).collect()
}

/// The source in a policy that covers an address: its origin, or its scheme where it has no origin.
pub(crate) fn destination(address: &str) -> Option<String> {
    let address = Url::parse(address).ok()?;
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b";,'\"".contains(&byte));
    let source = match address.scheme() {
        "http" | "https" => address.origin().ascii_serialization(),
        scheme => format!("{scheme}:"),
    };
    is_plain(&source).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_let_in_where_a_form_needs_them() {
        let policy = |services: &[Service]| {
            let (setting, own) = (Setting::default(), Own { services: services.to_vec(), ..Own::default() });
            of(&Policy { setting: &setting, nonce: "n", target: None, written: None, own: Some(&own) })
        };
        assert!(!policy(&[]).contains("https://"), "{}", policy(&[]));
        let stripe = policy(&[Service::Stripe]);
        for part in [
            "; script-src 'self' https://js.stripe.com;",
            "; connect-src 'self' https://api.stripe.com;",
            "; frame-src https://js.stripe.com https://hooks.stripe.com;",
        ] {
            assert!(stripe.contains(part), "{part}\n{stripe}");
        }
        assert!(policy(&[Service::Maps]).contains("; font-src https://fonts.gstatic.com"));
    }

    #[test]
    fn forms_may_lead_to_the_application() {
        let setting = Setting::default();
        let form_action = |target: &str| {
            let policy = of(&Policy { setting: &setting, nonce: "n", target: Some(target), written: None, own: None });
            let directive = policy.split("; ").find(|directive| directive.starts_with("form-action"));
            directive.unwrap_or_default().to_owned()
        };
        assert_eq!(form_action("http://localhost:3000/cb?x=1"), "form-action 'self' https: http://localhost:3000");
        assert_eq!(form_action("com.example.app://cb"), "form-action 'self' https: com.example.app:");
        assert_eq!(form_action("nothing"), "form-action 'self' https:");
    }
}
