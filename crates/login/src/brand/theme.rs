//! The theme of a tenant as custom properties: a line for each of its settings.

use delivery::colors::{contrast, is_color};
use kernel::{Document, Value, value_at};

use super::Properties;

/// Colours, with the properties that have them.
const COLORS: [(&str, &[&str]); 20] = [
    ("primary_button", &["primary-color"]),
    ("primary_button_label", &["button-font-color"]),
    (
        "secondary_button_border",
        &["secondary-button-border-color", "social-button-border-color", "radio-button-border-color"],
    ),
    ("secondary_button_label", &["secondary-button-text-color"]),
    ("links_focused_components", &["link-color"]),
    ("header", &["title-font-color"]),
    ("body_text", &["font-default-color"]),
    ("widget_background", &["widget-background-color"]),
    ("widget_border", &["box-border-color"]),
    ("input_labels_placeholders", &["font-light-color"]),
    ("input_filled_text", &["input-text-color"]),
    ("input_border", &["input-border-color", "border-default-color"]),
    ("input_background", &["input-background-color"]),
    ("read_only_background", &["read-only-background-color"]),
    ("icons", &["icon-default-color"]),
    ("error", &["error-color", "error-text-color"]),
    ("success", &["success-color"]),
    ("base_focus_color", &["base-focus-color"]),
    ("base_hover_color", &["base-hover-color"]),
    ("links_focused_components", &["base-focus-color"]),
];
/// Colours that lie over others, with the property that has so little of them.
const TRANSPARENT: [(&str, &str); 2] =
    [("base_focus_color", "transparency-focus-color"), ("base_hover_color", "transparency-hover-color")];
/// Texts, with the properties of their size, in percent of the reference, and of their weight.
const FONTS: [(&str, &str, &str); 6] = [
    ("title", "title-font-size", "title-font-weight"),
    ("subtitle", "subtitle-font-size", "subtitle-font-weight"),
    ("body_text", "body-font-size", "body-font-weight"),
    ("buttons_text", "button-font-size", "button-font-weight"),
    ("input_labels", "ulp-label-font-size", "ulp-label-font-weight"),
    ("links", "ulp-link-font-size", "ulp-link-font-weight"),
];
/// Lengths in pixels, with their least and most.
const LENGTHS: [(&str, &[&str], f64, f64); 7] = [
    (
        "borders.button_border_weight",
        &["button-border-width", "social-button-border-width", "radio-border-width"],
        0.0,
        10.0,
    ),
    ("borders.input_border_weight", &["input-border-width"], 0.0, 3.0),
    ("borders.widget_border_weight", &["box-border-width"], 0.0, 10.0),
    ("borders.widget_corner_radius", &["border-radius-outer"], 0.0, 50.0),
    ("fonts.reference_text_size", &["default-font-size"], 12.0, 24.0),
    ("widget.logo_height", &["logo-height"], 1.0, 100.0),
    ("borders.input_border_radius", &["input-border-radius"], 0.0, 10.0),
];
/// Words, with what they stand for; others are not taken.
const WORDS: [(&str, &str, Words); 7] = [
    ("borders.inputs_style", "input-border-radius", &[("pill", "100px"), ("sharp", "0")]),
    ("fonts.links_style", "ulp-link-decoration", &[("normal", "none"), ("underlined", "underline")]),
    ("widget.header_text_alignment", "header-alignment", SIDES),
    ("widget.logo_position", "logo-alignment", SIDES),
    ("widget.logo_position", "logo-display", &[("none", "none")]),
    ("page_background.page_layout", "page-background-alignment", SIDES),
    (
        "colors.captcha_widget_theme",
        "ulp-captcha-widget-theme",
        &[("light", "light"), ("dark", "dark"), ("auto", "auto")],
    ),
];
/// Words of a theme, with what they are in CSS.
type Words = &'static [(&'static str, &'static str)];
const SIDES: Words = &[("left", "left"), ("center", "center"), ("right", "right")];

/// Sets what a theme says.
pub(super) fn set(properties: &mut Properties, theme: &Document) {
    let color = |name: &str| text(theme, &format!("colors.{name}")).filter(|color| is_color(color));
    // What has no focus colour of its own is focused as links are.
    for (name, targets) in COLORS.iter().rev() {
        if let Some(color) = color(name) {
            for target in *targets {
                properties.set(target, color);
            }
        }
    }
    for (name, target) in TRANSPARENT {
        if let Some(color) = color(name) {
            properties.set(target, format!("color-mix(in srgb,{color} 15%,transparent)"));
        }
    }
    for (path, targets, least, most) in LENGTHS {
        if let Some(length) = number(theme, path, least, most) {
            for target in targets {
                properties.set(target, format!("{length}px"));
            }
        }
    }
    button_radius(properties, theme);
    for (name, size, weight) in FONTS {
        if let Some(percent) = number(theme, &format!("fonts.{name}.size"), 0.0, 150.0) {
            properties.set(size, format!("{}rem", percent / 100.0));
        }
        if let Some(is_bold) = value_at(theme, &format!("fonts.{name}.bold")).and_then(Value::as_bool) {
            properties.set(weight, if is_bold { "700" } else { "400" });
        }
    }
    for (path, target, words) in WORDS {
        let word = text(theme, path).and_then(|text| words.iter().find(|(word, _)| *word == text));
        if let Some((_, value)) = word {
            properties.set(target, *value);
        }
    }
    if value_at(theme, "borders.show_widget_shadow").and_then(Value::as_bool) == Some(false) {
        properties.set("box-shadow", "none");
    }
}

/// Whether a theme is light or dark: browsers draw scroll bars and lists of suggestions accordingly.
pub(super) fn color_scheme(theme: &Document) -> &'static str {
    let background = text(theme, "colors.widget_background").filter(|color| is_color(color)).unwrap_or("#ffffff");
    if contrast(background, "#ffffff") > contrast(background, "#000000") { "dark" } else { "light" }
}

/// How puzzles look.
pub(super) fn captcha_theme(theme: &Document) -> &'static str {
    match text(theme, "colors.captcha_widget_theme") {
        Some("light") => "light",
        Some("dark") => "dark",
        _ => "auto",
    }
}

fn button_radius(properties: &mut Properties, theme: &Document) {
    let radius = match text(theme, "borders.buttons_style") {
        Some("pill") => Some("100px".to_owned()),
        Some("sharp") => Some("0".to_owned()),
        _ => number(theme, "borders.button_border_radius", 1.0, 10.0).map(|radius| format!("{radius}px")),
    };
    if let Some(radius) = radius {
        properties.set("button-border-radius", radius.as_str());
        properties.set("radio-border-radius", radius);
    }
}

fn text<'t>(theme: &'t Document, path: &str) -> Option<&'t str> {
    value_at(theme, path).and_then(Value::as_str)
}

fn number(theme: &Document, path: &str, least: f64, most: f64) -> Option<f64> {
    value_at(theme, path).and_then(Value::as_f64).map(|number| number.clamp(least, most))
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;

    fn style(theme: serde_json::Value) -> String {
        let mut properties = Properties::default();
        set(&mut properties, &object(theme));
        properties.rule()
    }

    #[test]
    fn what_is_not_of_its_kind_is_left_out() {
        let theme = json!({
            "colors": {"header": "red;}body{", "error": 1, "icons": "#12"},
            "borders": {"buttons_style": "url(//x)", "button_border_radius": "1", "widget_corner_radius": 1e300},
            "fonts": {"title": {"size": -5, "bold": "yes"}, "links_style": "none;}"},
            "widget": {"logo_position": ["left"], "logo_height": null},
        });
        assert_eq!(style(theme), ":root{--border-radius-outer:50px;--title-font-size:0rem;}");
    }

    #[test]
    fn what_says_nothing_of_focus_is_focused_as_links_are() {
        let colors = json!({"links_focused_components": "#111111"});
        assert_eq!(style(json!({"colors": colors})), ":root{--base-focus-color:#111111;--link-color:#111111;}");
        let colors = json!({"links_focused_components": "#111111", "base_focus_color": "#222222"});
        let style = style(json!({"colors": colors}));
        assert!(style.contains("--base-focus-color:#222222;") && style.contains("--link-color:#111111;"), "{style}");
    }

    #[test]
    fn a_theme_is_light_or_dark() {
        let of = |color: &str| color_scheme(&object(json!({"colors": {"widget_background": color}})));
        assert_eq!((of("#ffffff"), of("#101014"), of("none")), ("light", "dark", "light"));
    }
}
