//! Branding: colours, themes, the login template, phone notification providers and templates.

pub(crate) mod phone;
mod template;
mod themes;

use kernel::Document;
use rest::{Area, Call, Kind, Resource};

use crate::Services;

/// What is served of `branding`.
pub(crate) fn area(services: &Services) -> Area {
    let area = Area::new("branding")
        .singleton("/branding", Branding)
        .collection("/branding/themes", themes::Themes)
        .read("GET /branding/themes/default", themes::default)
        .singleton("/branding/templates/universal-login", template::Template)
        .except("PUT /branding/templates/universal-login")
        .write("PUT /branding/templates/universal-login", template::put);
    phone::claim(area, services)
}

/// Colours, logo, icon and font. Their colours and logo are what the tenant settings show as `universal_login.colors`
/// and `picture_url`.
pub(crate) static BRANDING: Kind = Kind::of(&model::BRANDING);

struct Branding;

impl Resource for Branding {
    fn kind(&self) -> &'static Kind {
        &BRANDING
    }

    fn fresh(&self, _: &Call) -> Option<Document> {
        Some(Document::new())
    }
}
