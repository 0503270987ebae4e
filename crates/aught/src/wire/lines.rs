//! Where lines of HTTP/1 end. RFC 9112 §2.2 lets a server take a line feed alone for a line's end; a proxy that does not
//! would see other requests than we do, so such lines are made unreadable, and the parser behind refuses them.

use memchr::memchr;

/// What is kept of a line: enough to read the two headers that tell where a body ends.
const KEPT: usize = 128;
/// No request's line holds it, so the parser refuses the request.
const UNREADABLE: u8 = 0;

/// Follows the requests of a connection.
#[derive(Default)]
pub(super) struct Lines {
    part: Part,
    line: Vec<u8>,
    length: usize,
    framing: Framing,
    has_request_line: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Part {
    /// Lines of a head.
    #[default]
    Head,
    /// So many bytes, whatever they are; then the next head, or the line after a chunk.
    Bytes(u64, After),
    /// The line before a chunk.
    ChunkSize,
    /// The empty line after a chunk.
    ChunkEnd,
    /// The lines after the last chunk.
    Trailer,
    /// The parser will refuse what was seen.
    Lost,
}

#[derive(Clone, Copy, PartialEq)]
enum After {
    Head,
    Chunk,
}

#[derive(Clone, Copy, Default)]
struct Framing {
    length: u64,
    is_chunked: bool,
}

impl Lines {
    /// Takes in the next bytes, and makes those unreadable that end a line alone.
    pub(super) fn take_in(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() {
            match self.part {
                Part::Lost => return,
                Part::Bytes(left, after) => {
                    let there = (bytes.len() - at) as u64;
                    let taken = left.min(there);
                    at += usize::try_from(taken).expect("no more than what is there");
                    self.part = if taken < left {
                        Part::Bytes(left - taken, after)
                    } else {
                        match after {
                            After::Head => Part::Head,
                            After::Chunk => Part::ChunkEnd,
                        }
                    };
                }
                // A header may be some kilobytes long.
                _ => {
                    let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length);
                    self.within(&bytes[at..end]);
                    if let Some(byte) = bytes.get_mut(end) {
                        self.end(byte);
                    }
                    at = end + 1;
                }
            }
        }
    }

    /// Takes in a piece of a line.
    fn within(&mut self, piece: &[u8]) {
        let room = KEPT - self.line.len();
        self.line.extend_from_slice(&piece[..room.min(piece.len())]);
        self.length += piece.len();
        // Beyond what is kept only the last byte matters.
        if let Some(last) = piece.last().filter(|_| self.length > KEPT) {
            self.line[KEPT - 1] = *last;
        }
    }

    /// Takes in the line feed after a line.
    fn end(&mut self, byte: &mut u8) {
        if self.line.last() != Some(&b'\r') {
            *byte = UNREADABLE;
            self.part = Part::Lost;
            return;
        }
        self.line.pop();
        self.part = self.after_line();
        self.line.clear();
        self.length = 0;
    }

    fn after_line(&mut self) -> Part {
        let is_empty = self.line.is_empty();
        match self.part {
            Part::Head if is_empty && self.has_request_line => {
                self.has_request_line = false;
                let Framing { length, is_chunked } = std::mem::take(&mut self.framing);
                match (is_chunked, length) {
                    (true, _) => Part::ChunkSize,
                    (false, 0) => Part::Head,
                    (false, length) => Part::Bytes(length, After::Head),
                }
            }
            Part::Head if self.has_request_line => self.header(),
            Part::Head => {
                // Empty lines before a request are passed over (RFC 9112 §2.2).
                self.has_request_line = !is_empty;
                Part::Head
            }
            Part::ChunkSize => {
                let digits = self.line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
                let size = str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
                match size {
                    Some(0) => Part::Trailer,
                    Some(size) => Part::Bytes(size, After::Chunk),
                    None => Part::Lost,
                }
            }
            Part::ChunkEnd if is_empty => Part::ChunkSize,
            Part::Trailer if is_empty => Part::Head,
            Part::Trailer => Part::Trailer,
            _ => Part::Lost,
        }
    }

    fn header(&mut self) -> Part {
        let Some(colon) = self.line.iter().position(|byte| *byte == b':') else { return Part::Head };
        let (name, value) = (&self.line[..colon], self.line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.framing.is_chunked = value.to_ascii_lowercase().ends_with(b"chunked");
        } else if name.eq_ignore_ascii_case(b"content-length") {
            match str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()) {
                Some(length) => self.framing.length = length,
                None => return Part::Lost,
            }
        }
        Part::Head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left readable, whatever pieces it comes in.
    fn seen(text: &str) -> String {
        let outcome = |piece: usize| {
            let mut lines = Lines::default();
            let mut bytes = text.as_bytes().to_vec();
            for piece in bytes.chunks_mut(piece) {
                lines.take_in(piece);
            }
            String::from_utf8(bytes).unwrap()
        };
        let whole = outcome(text.len());
        for piece in [1, 2, 3, 7] {
            assert_eq!(outcome(piece), whole);
        }
        whole
    }

    #[test]
    fn requests_that_end_their_lines_as_they_should_are_not_touched() {
        let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(500));
        for text in [
            "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
            "\r\nPOST / HTTP/1.1\r\ncontent-length: 4\r\n\r\na\nb\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\n\n\n\r\n0\r\nt: 1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            long.as_str(),
        ] {
            assert_eq!(seen(text), text);
        }
    }

    #[test]
    fn a_line_feed_alone_is_made_unreadable() {
        for text in [
            "GET / HTTP/1.1\nhost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: x\n\r\n",
            "GET / HTTP/1.1\r\nhost: x\r\n\n",
            "POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\naGET / HTTP/1.1\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\naa\r\n0\r\n\r\n",
        ] {
            assert!(seen(text).contains('\0'), "{text:?}");
        }
    }
}
