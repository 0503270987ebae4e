//! How a tenant's pages look: colours, logo, icon and font, made only from checked values.

use delivery::colors::{contrast, is_color, readable_on};
use kernel::{Document, Value, value_at};
use url::Url;

/// The picture of tenants that have none: a shield.
const LOGO: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 48 52'%3E%3Cpath fill='%23635dff' d='M24 2 44 9v16c0 12-8 20-20 25C12 45 4 37 4 25V9z'/%3E%3Cpath fill='none' stroke='%23fff' stroke-width='4' d='m15 26 7 7 12-13'/%3E%3C/svg%3E";
/// No icon, so that browsers do not look for one.
const FAVICON: &str = "data:,";
/// The least contrast of text, by WCAG 2.2 §1.4.3.
const CONTRAST: f64 = 4.5;

/// How the pages of a tenant look.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Brand {
    pub(crate) logo: String,
    pub(crate) favicon: String,
    /// Custom properties and the font, in CSS.
    pub(crate) style: String,
    /// Foreign origins from which pictures and icons come.
    pub(crate) image_origins: Vec<String>,
    /// The foreign origin from which the font comes.
    pub(crate) font_origin: Option<String>,
}

impl Brand {
    /// What the branding and the theme say.
    pub(crate) fn of(branding: &Document, theme: Option<&Document>) -> Self {
        let mut brand = Self::default();
        let text = |document: &Document, path: &str| {
            value_at(document, path).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let themed = |path: &str| theme.and_then(|theme| text(theme, path));
        let address = |text: Option<String>| text.and_then(|text| Url::parse(&text).ok()).filter(is_fetched);
        let logo = address(themed("widget.logo_url").or_else(|| text(branding, "logo_url")));
        let favicon = address(text(branding, "favicon_url"));
        let font = address(themed("fonts.font_url").or_else(|| text(branding, "font.url")));
        brand.image_origins = [&logo, &favicon].into_iter().flatten().map(origin).collect();
        brand.image_origins.dedup();
        brand.font_origin = font.as_ref().map(origin);
        brand.logo = logo.map_or_else(|| LOGO.to_owned(), |address| address.to_string());
        brand.favicon = favicon.map_or_else(|| FAVICON.to_owned(), |address| address.to_string());
        brand.style = style(branding, &themed, font.as_ref());
        brand
    }

    /// Has pages show one more picture; `None` where its address is none that they may.
    pub(crate) fn admit(&mut self, picture: &str) -> Option<String> {
        let address = Url::parse(picture).ok().filter(is_fetched)?;
        let origin = origin(&address);
        if !self.image_origins.contains(&origin) {
            self.image_origins.push(origin);
        }
        Some(address.to_string())
    }
}

fn is_fetched(address: &Url) -> bool {
    address.scheme() == "https" && address.has_host()
}

fn origin(address: &Url) -> String {
    address.origin().ascii_serialization()
}

fn style(branding: &Document, themed: &dyn Fn(&str) -> Option<String>, font: Option<&Url>) -> String {
    let of_branding = |path: &str| value_at(branding, path).and_then(Value::as_str).map(str::to_owned);
    let mut style = String::new();
    let mut set = |name: &str, value: &str| style.extend(["--", name, ":", value, ";"]);
    let button =
        themed("colors.primary_button").or_else(|| of_branding("colors.primary")).filter(|text| is_color(text));
    if let Some(button) = &button {
        set("primary-color", button);
        let label = themed("colors.primary_button_label").filter(|text| is_color(text));
        set("on-primary", &label.unwrap_or_else(|| readable_on(button).to_owned()));
        // A colour that can be read on a button may not be readable as text.
        if contrast(button, "#ffffff") < CONTRAST {
            set("link", "var(--text)");
        }
    }
    if let Some(background) = themed("page_background.background_color").filter(|text| is_color(text)) {
        set("page-background-color", &background);
    } else if let Some(background) = value_at(branding, "colors.page_background").and_then(background) {
        set("page-background-color", &background);
    }
    let mut whole = if style.is_empty() { String::new() } else { format!(":root{{{style}}}") };
    if let Some(font) = font {
        let address = font.as_str().replace(['"', '\\', '<', '\n'], "");
        let rest = "\")}:root{--font:tenant,system-ui,sans-serif}";
        whole.extend(["@font-face{font-family:tenant;src:url(\"", &address, rest]);
    }
    whole
}

/// A colour, or a gradient.
fn background(value: &Value) -> Option<String> {
    if let Some(color) = value.as_str() {
        return is_color(color).then(|| color.to_owned());
    }
    let color = |name: &str| value.get(name)?.as_str().filter(|text| is_color(text));
    let (start, end) = (color("start")?, color("end")?);
    let angle = value.get("angle_deg").and_then(Value::as_i64).unwrap_or(0).rem_euclid(360);
    // A gradient is no colour: the property that uses it takes both.
    Some(format!("linear-gradient({angle}deg,{start},{end})"))
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;

    #[test]
    fn colours_are_taken_when_they_are_colours() {
        let branding = object(json!({"colors": {"primary": "#ffd700", "page_background": "red}body{display:none"}}));
        let brand = Brand::of(&branding, None);
        assert_eq!(brand.style, ":root{--primary-color:#ffd700;--on-primary:#000000;--link:var(--text);}");
        let gradient = json!({"type": "linear-gradient", "start": "#000", "end": "#fff", "angle_deg": 35});
        let branding = object(json!({"colors": {"page_background": gradient}}));
        assert_eq!(
            Brand::of(&branding, None).style,
            ":root{--page-background-color:linear-gradient(35deg,#000,#fff);}"
        );
    }

    #[test]
    fn pictures_and_fonts_come_by_https_from_the_origins_that_the_tenant_names() {
        let branding = object(json!({
            "logo_url": "https://cdn.example.com/logo.png",
            "favicon_url": "javascript:alert(1)",
            "font": {"url": "https://fonts.example.com/a\"};body{x:y.woff2"},
        }));
        let brand = Brand::of(&branding, None);
        assert_eq!(brand.logo, "https://cdn.example.com/logo.png");
        assert_eq!(brand.favicon, FAVICON);
        assert_eq!(brand.image_origins, ["https://cdn.example.com"]);
        assert_eq!(brand.font_origin.as_deref(), Some("https://fonts.example.com"));
        assert!(brand.style.starts_with("@font-face{font-family:tenant;src:url(\"https://fonts.example.com/a%22"));
    }
}
