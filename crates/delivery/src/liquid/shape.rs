//! What a template looks like before it is parsed: how deep its blocks lie in one another, and how long its tags are. The parser
//! and what it makes call themselves for each level, so an unbounded depth would end the process.

/// Blocks within blocks, branches of a condition included.
const DEPTH: usize = 128;
/// Brackets within brackets, as in `a[b[c]]`.
const BRACKETS: usize = 16;
/// Bytes of one tag: a condition of it has no more parts than fit.
const TAG: usize = 4 << 10;
/// Bytes of a template.
const LENGTH: usize = 512 << 10;

/// Tags that another one ends.
const BLOCKS: [&str; 8] = ["if", "unless", "for", "tablerow", "case", "capture", "comment", "raw"];

/// Says why a template is not parsed.
pub(super) fn check(template: &str) -> Result<(), &'static str> {
    if template.len() > LENGTH {
        return Err("it is too long");
    }
    // Levels that each open block has added.
    let (mut open, mut depth) = (Vec::new(), 0);
    let mut rest = template;
    while let Some(start) = rest.find("{%").into_iter().chain(rest.find("{{")).min() {
        let is_tag = rest[start..].starts_with("{%");
        let inside = &rest[start + 2..];
        let end = inside.find(if is_tag { "%}" } else { "}}" }).unwrap_or(inside.len());
        check_tag(&inside[..end])?;
        if is_tag {
            let words = inside[..end].trim_start_matches('-').trim_start();
            let name = words.split(|character: char| !character.is_ascii_alphanumeric() && character != '_').next();
            let name = name.unwrap_or_default();
            if BLOCKS.contains(&name) {
                open.push(1);
                depth += 1;
            } else if let (true, Some(levels)) = (matches!(name, "elsif" | "when"), open.last_mut()) {
                *levels += 1;
                depth += 1;
            } else if name.starts_with("end") {
                depth -= open.pop().unwrap_or(0);
            }
        }
        if depth > DEPTH {
            return Err("its blocks are nested too deeply");
        }
        rest = &inside[end..];
    }
    Ok(())
}

fn check_tag(tag: &str) -> Result<(), &'static str> {
    if tag.len() > TAG {
        return Err("one of its tags is too long");
    }
    let mut depth = 0_usize;
    for byte in tag.bytes() {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > BRACKETS {
            return Err("its brackets are nested too deeply");
        }
    }
    Ok(())
}
