//! How a tenant's pages look: colours, logo, icon, font and shapes, made only from checked values.

mod theme;

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
    /// The schemes that its colours are made for.
    pub(crate) color_scheme: &'static str,
    /// How puzzles look: `light`, `dark` or `auto`.
    pub(crate) captcha_theme: &'static str,
    /// Whether the buttons of other connections stand before the form.
    pub(crate) has_connections_first: bool,
    /// Foreign origins from which pictures and icons come.
    pub(crate) image_origins: Vec<String>,
    /// The foreign origin from which the font comes.
    pub(crate) font_origin: Option<String>,
}

impl Brand {
    /// What the branding and the theme say. A theme is for light and dark alike; without one the pages follow the browser.
    pub(crate) fn of(branding: &Document, theme: Option<&Document>) -> Self {
        let text = |document: &Document, path: &str| {
            value_at(document, path).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let themed = |path: &str| theme.and_then(|theme| text(theme, path));
        let address = |text: Option<String>| text.and_then(|text| Url::parse(&text).ok()).filter(is_fetched);
        let logo = address(themed("widget.logo_url").or_else(|| text(branding, "logo_url")));
        let favicon = address(text(branding, "favicon_url"));
        let font = address(themed("fonts.font_url").or_else(|| text(branding, "font.url")));
        let background = address(themed("page_background.background_image_url"));
        let mut image_origins: Vec<String> = Vec::new();
        for origin in [&logo, &favicon, &background].into_iter().flatten().map(origin) {
            if !image_origins.contains(&origin) {
                image_origins.push(origin);
            }
        }
        let mut properties = Properties::default();
        colors(&mut properties, branding, &themed);
        if let Some(theme) = theme {
            theme::set(&mut properties, theme);
        }
        if let Some(background) = &background {
            properties.set("page-background-image", format!("url(\"{}\")", in_quotes(background)));
        }
        let mut style = String::new();
        if let Some(font) = &font {
            style.extend(["@font-face{font-family:\"ULP Custom\";src:url(\"", &in_quotes(font), "\")}"]);
            properties.set("font-family", "\"ULP Custom\",system-ui,sans-serif");
        }
        style.push_str(&properties.rule());
        Self {
            font_origin: font.as_ref().map(origin),
            logo: logo.map_or_else(|| LOGO.to_owned(), |address| address.to_string()),
            favicon: favicon.map_or_else(|| FAVICON.to_owned(), |address| address.to_string()),
            color_scheme: theme.map_or("light dark", theme::color_scheme),
            captcha_theme: theme.map_or("auto", theme::captcha_theme),
            has_connections_first: themed("widget.social_buttons_layout").as_deref() == Some("top"),
            style,
            image_origins,
        }
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

/// Custom properties of the whole page. Each is set once: the last value counts.
#[derive(Default)]
struct Properties(Vec<(&'static str, String)>);

impl Properties {
    fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value.into()));
    }

    fn rule(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let properties = self.0.iter().flat_map(|(name, value)| ["--", *name, ":", value.as_str(), ";"]);
        format!(":root{{{}}}", properties.collect::<String>())
    }
}

fn is_fetched(address: &Url) -> bool {
    address.scheme() == "https" && address.has_host()
}

fn origin(address: &Url) -> String {
    address.origin().ascii_serialization()
}

/// An address as it stands between quotes in a style sheet within a page.
fn in_quotes(address: &Url) -> String {
    address.as_str().replace(['"', '\\', '<', '\n'], "")
}

/// The two colours that a tenant without a theme chooses, too.
fn colors(properties: &mut Properties, branding: &Document, themed: &dyn Fn(&str) -> Option<String>) {
    let of_branding = |path: &str| value_at(branding, path).and_then(Value::as_str).map(str::to_owned);
    let color = |text: Option<String>| text.filter(|text| is_color(text));
    let button = color(themed("colors.primary_button")).or_else(|| color(of_branding("colors.primary")));
    if let Some(button) = &button {
        properties.set("primary-color", button.as_str());
        properties.set("button-font-color", readable_on(button));
        // A colour that can be read on a button may not be readable as text.
        if contrast(button, "#ffffff") < CONTRAST {
            properties.set("link-color", "var(--font-default-color)");
        }
    }
    let background = color(themed("page_background.background_color"))
        .or_else(|| value_at(branding, "colors.page_background").and_then(background));
    if let Some(background) = background {
        properties.set("page-background-color", background);
    }
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
        assert_eq!(
            brand.style,
            ":root{--primary-color:#ffd700;--button-font-color:#000000;--link-color:var(--font-default-color);}"
        );
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
        let theme = object(json!({
            "page_background": {"background_image_url": "https://pics.example.com/a\")}body{x:url(\"//evil.example"},
            "widget": {"logo_url": "http://plain.example.com/logo.png"},
        }));
        let brand = Brand::of(&branding, Some(&theme));
        assert_eq!(brand.favicon, FAVICON);
        assert_eq!(brand.image_origins, ["https://pics.example.com"]);
        assert_eq!(brand.logo, LOGO);
        assert_eq!(Brand::of(&branding, None).logo, "https://cdn.example.com/logo.png");
        assert_eq!(brand.font_origin.as_deref(), Some("https://fonts.example.com"));
        assert!(
            brand.style.starts_with("@font-face{font-family:\"ULP Custom\";src:url(\"https://fonts.example.com/a%22")
        );
        assert!(
            brand.style.contains(
                "--page-background-image:url(\"https://pics.example.com/a%22)%7Dbody%7Bx:url(%22//evil.example\");"
            ),
            "{}",
            brand.style
        );
    }
}
