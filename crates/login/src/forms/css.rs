//! The style sheet of a form, confined to the form.

/// Bytes of a style sheet that are shown: as many as the API takes characters, whatever they are.
const LONGEST: usize = 20_000;
/// Where it counts.
const SCOPE: &str = ".af-custom-form-container";

/// The style sheet, within the form alone. One whose blocks and texts do not end could leave it, and is not shown.
pub(super) fn confined(css: &str) -> Option<String> {
    let css = css.trim();
    if css.is_empty() || css.len() > LONGEST || !is_closed(css) {
        return None;
    }
    // No end tag ends the element that it stands in, wherever it is written.
    let css = css.replace("</", "<\\/").replace(":root", ":scope");
    Some(format!("@scope ({SCOPE}){{{css}}}"))
}

/// Whether all blocks, brackets, texts and comments end within it.
fn is_closed(css: &str) -> bool {
    let mut open: Vec<char> = Vec::new();
    let mut letters = css.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.next().is_none() => return false,
            '/' if letters.peek() == Some(&'*') => {
                letters.next();
                let mut before = ' ';
                loop {
                    match letters.next() {
                        None => return false,
                        Some('/') if before == '*' => break,
                        Some(inside) => before = inside,
                    }
                }
            }
            '"' | '\'' => loop {
                match letters.next() {
                    Some('\\') if letters.next().is_some() => {}
                    // A text that is not ended by its quote ends with the line, and swallows what a reader would not think of.
                    None | Some('\n' | '\r' | '\u{c}' | '\\') => return false,
                    Some(inside) if inside == letter => break,
                    Some(_) => {}
                }
            },
            '{' | '(' | '[' => open.push(letter),
            '}' | ')' | ']' => {
                let opening = match letter {
                    '}' => '{',
                    ')' => '(',
                    _ => '[',
                };
                if open.pop() != Some(opening) {
                    return false;
                }
            }
            _ => {}
        }
    }
    open.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_sheet_counts_within_its_form() {
        assert_eq!(
            confined("h1 { color: white }\n:root{--x:\"}\"}").as_deref(),
            Some("@scope (.af-custom-form-container){h1 { color: white }\n:scope{--x:\"}\"}}")
        );
    }

    #[test]
    fn what_could_leave_it_is_not_shown() {
        for hostile in [
            "} body { display: none } .x {",
            "a { color: red",
            "a { content: \"} ",
            "a { content: \"\\\"} ",
            "/* } ",
            "a { background: url( }",
            "a)(b",
            "a{content:'\n'}} body{",
            "a\\",
            "",
        ] {
            assert_eq!(confined(hostile), None, "{hostile}");
        }
        let tag = confined("a::after { content: '</style><script>alert(1)</script>' }").unwrap();
        assert!(!tag.contains("</"), "{tag}");
    }
}
