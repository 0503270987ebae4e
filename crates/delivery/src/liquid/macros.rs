//! The older syntax of templates, in which `@@name@@` stands for a value.

/// The same template in Liquid. What is written in Liquid already stays.
pub(crate) fn without_macros(template: &str) -> String {
    let is_name = |text: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        !text.is_empty() && text.len() <= 100 && text.bytes().all(is_part)
    };
    let mut written = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("@@") {
        written.push_str(before);
        if let Some((name, after)) = after.split_once("@@").filter(|(name, _)| is_name(name.trim())) {
            written.extend(["{{ ", name.trim(), " }}"]);
            rest = after;
        } else {
            written.push_str("@@");
            rest = after;
        }
    }
    written.push_str(rest);
    written
}

#[cfg(test)]
mod tests {
    use super::without_macros;

    #[test]
    fn macros_are_outputs() {
        assert_eq!(without_macros("Code: @@password@@, @@ user.name @@."), "Code: {{ password }}, {{ user.name }}.");
        assert_eq!(without_macros("a@@b c@@d {{ code }}"), "a@@b c@@d {{ code }}");
        assert_eq!(without_macros("@@@@"), "@@@@");
    }
}
