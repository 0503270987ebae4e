//! The parts of a `multipart/form-data` body (RFC 7578) that is at hand as a whole.

/// The parts of a body, by name; `None` when the body is not of this form.
pub(super) fn parts<'b>(content_type: &str, body: &'b [u8]) -> Option<Vec<(String, &'b [u8])>> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = &body[find(body, delimiter.as_bytes())? + delimiter.len()..];
    loop {
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let head_end = find(rest, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&rest[..head_end]).ok()?;
        let content = &rest[head_end + 4..];
        let ending = format!("\r\n{delimiter}");
        let end = find(content, ending.as_bytes())?;
        parts.push((name_of(head)?, &content[..end]));
        rest = &content[end + ending.len()..];
    }
}

/// The name in a part's `Content-Disposition`.
fn name_of(head: &str) -> Option<String> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let value = line.split(';').find_map(|parameter| parameter.trim().strip_prefix("name="))?;
    Some(value.trim_matches('"').to_owned())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_name() {
        let body = b"--xyz\r\nContent-Disposition: form-data; name=\"users\"; filename=\"u.json\"\r\nContent-Type: text/json\r\n\r\n[]\r\n\
            --xyz\r\ncontent-disposition: form-data; name=upsert\r\n\r\ntrue\r\n--xyz--\r\n";
        let parts = parts("multipart/form-data; boundary=\"xyz\"", body).unwrap();
        assert_eq!(parts, [("users".to_owned(), &b"[]"[..]), ("upsert".to_owned(), &b"true"[..])]);
    }

    #[test]
    fn what_is_not_multipart_is_refused() {
        let broken: [(&str, &[u8]); 4] = [
            ("application/json", b"{}"),
            ("multipart/form-data", b"--x--"),
            ("multipart/form-data; boundary=x", b"--x\r\n"),
            ("multipart/form-data; boundary=x", b"--x\r\nA: b\r\n\r\nc"),
        ];
        for (content_type, body) in broken {
            assert!(parts(content_type, body).is_none(), "{content_type}");
        }
    }
}
