//! Colours as tenants write them, and how well text is read on them.

/// Whether a text is `#` and 3, 4, 6 or 8 hexadecimal digits.
pub fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| {
        matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Black or white, whichever is read better on a colour.
pub fn readable_on(color: &str) -> &'static str {
    if contrast(color, "#ffffff") >= contrast(color, "#000000") { "#ffffff" } else { "#000000" }
}

/// The contrast of two colours, from 1 to 21 (WCAG 2.2, contrast ratio).
pub fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(color: &str) -> f64 {
    let digits = color.trim_start_matches('#');
    let short = digits.len() < 6;
    let part = |index: usize| {
        let digits = if short {
            digits.get(index..=index).map(|digit| digit.repeat(2))
        } else {
            digits.get(2 * index..2 * index + 2).map(str::to_owned)
        };
        let value =
            f64::from(digits.and_then(|digits| u8::from_str_radix(&digits, 16).ok()).unwrap_or_default()) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(1) + 0.0722 * part(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((contrast("#000", "#ffffff") - 21.0).abs() < 0.01);
        assert!((contrast("#635dff", "#ffffff") - 4.7).abs() < 0.2);
    }
}
