//! Follows the requests on a connection and checks their heads as they were sent: the protocol accepts more
//! than RFC 9112 allows, and hides from the service what it made of it.

use std::io::BufRead as _;

use super::limits::MOST_HEAD_BYTES;

/// Why a head is refused. Unless it is for its version, an intermediary may read it in another way, and so
/// take other bytes for the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadFault {
    #[error("the service speaks only HTTP/1.1")]
    Version,
    #[error("every line of the head must end with CR LF, not with LF alone")]
    BareLineFeed,
    #[error("`Content-Length` must be one number")]
    Length,
    #[error("the request must have `Content-Length` or `Transfer-Encoding`, not both")]
    LengthAndCoding,
    #[error("a line of the head is too long")]
    LongLine,
}

/// Tells apart the requests on a connection.
#[derive(Debug, Default)]
pub(crate) struct RequestHeads {
    part: Part,
    /// The beginning of a line of a head whose end has not come.
    line: Vec<u8>,
}

/// The part of a request that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head(Head),
    /// As many bytes of a body; none if the request is complete.
    Body(u64),
    /// A body with a transfer coding, whose end only the protocol finds.
    CodedBody,
}

impl Default for Part {
    fn default() -> Self {
        Self::Body(0)
    }
}

/// What the lines of a head have said so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    /// Whether a line that is not empty has come: empty lines before a request are skipped.
    begun: bool,
    length: Option<u64>,
    coded: bool,
}

impl RequestHeads {
    /// Whether the last request is complete.
    pub(crate) fn between(&self) -> bool {
        self.part == Part::Body(0)
    }

    /// Checks the bytes that come next, and returns how many of them belong to the current request. The rest
    /// begins another one: it is to be checked by another call.
    ///
    /// Of a body with a transfer coding the end is not found: all further bytes belong to it, so the
    /// connection must be closed after that request.
    ///
    /// # Errors
    ///
    /// A [`HeadFault`] if the head is to be refused. Nothing that follows can be told to be a request.
    pub(crate) fn check(&mut self, bytes: &[u8]) -> Result<usize, HeadFault> {
        if self.between() && !bytes.is_empty() {
            self.part = Part::Head(Head::default());
        }
        let mut rest = bytes;
        if let Part::Head(mut head) = self.part {
            let mut ended = false;
            while !ended && let Some(line) = next_line(&mut rest) {
                ended = if self.line.is_empty() {
                    head.ends_with(line)?
                } else {
                    let whole = [std::mem::take(&mut self.line).as_slice(), line].concat();
                    head.ends_with(&whole)?
                };
            }
            self.part = if ended { head.body() } else { Part::Head(head) };
        }
        match &mut self.part {
            // The usual head comes whole, so that nothing is copied.
            Part::Head(_) => self.keep(rest)?,
            Part::Body(left) => {
                let more = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left -= more as u64;
                return Ok(bytes.len() - rest.len() + more);
            }
            Part::CodedBody => {}
        }
        Ok(bytes.len())
    }

    /// Keeps the beginning of a line. The protocol reads no more of a head that is too large, so that the
    /// last bytes it reads are kept at most beyond that size.
    fn keep(&mut self, beginning: &[u8]) -> Result<(), HeadFault> {
        if self.line.len() > MOST_HEAD_BYTES {
            return Err(HeadFault::LongLine);
        }
        self.line.extend_from_slice(beginning);
        Ok(())
    }
}

impl Head {
    /// Takes a line; returns whether it is the last one.
    fn ends_with(&mut self, line: &[u8]) -> Result<bool, HeadFault> {
        let line = line.strip_suffix(b"\r\n").ok_or(HeadFault::BareLineFeed)?;
        if line.is_empty() {
            return Ok(self.begun);
        }
        if !self.begun && is_of_other_version(line) {
            return Err(HeadFault::Version);
        }
        self.begun = true;
        // For most lines this comparison is enough, and costs least.
        if !matches!(line, [b'c' | b'C' | b't' | b'T', ..]) {
            return Ok(false);
        }
        // The protocol refuses a space before the colon and a value on several lines, so these fields have no
        // other form.
        if let Some(value) = value(line, b"content-length:") {
            let length = number(value).ok_or(HeadFault::Length)?;
            if self.length.replace(length).is_some_and(|other| other != length) {
                return Err(HeadFault::Length);
            }
        } else if value(line, b"transfer-encoding:").is_some() {
            self.coded = true;
        }
        if self.coded && self.length.is_some() {
            return Err(HeadFault::LengthAndCoding);
        }
        Ok(false)
    }

    /// The part that follows the head.
    fn body(self) -> Part {
        if self.coded { Part::CodedBody } else { Part::Body(self.length.unwrap_or(0)) }
    }
}

/// Takes the next line, with its line feed; `None` if its end has not come.
fn next_line<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    // The standard library's fastest search for a byte. Reading from a slice cannot fail.
    let mut after = *bytes;
    let length = after.skip_until(b'\n').ok()?;
    let line = bytes.get(..length)?;
    line.ends_with(b"\n").then(|| {
        *bytes = after;
        line
    })
}

/// Whether a request line ends in another version than HTTP/1.1. One without a version the protocol refuses.
fn is_of_other_version(line: &[u8]) -> bool {
    match line.last_chunk() {
        Some([b' ', b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9']) => {
            [*major, *minor] != *b"11"
        }
        _ => false,
    }
}

/// The value of a field in its line, if it has this name, which is written in lower case with its colon.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(value)
}

/// A number that consists of nothing but digits, with white space around it.
fn number(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    // Parsing would accept a sign.
    let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit))?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    const POST: &str = "POST /a HTTP/1.1\r\nContent-Length: 4\r\nHost: a\r\n\r\na\n\nb";
    const CODED: &str =
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";

    /// The complete requests in these pieces, and what is wrong with the one after them.
    fn told_apart<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<HeadFault>) {
        let mut requests = RequestHeads::default();
        let (mut complete, mut current) = (Vec::new(), Vec::new());
        for mut piece in pieces {
            while !piece.is_empty() {
                let length = match requests.check(piece) {
                    Ok(length) => length,
                    Err(fault) => return (complete, Some(fault)),
                };
                let (this, rest) = piece.split_at(length);
                current.extend_from_slice(this);
                piece = rest;
                assert!(piece.is_empty() || requests.between(), "{piece:?} is held back");
                if requests.between() {
                    complete.push(String::from_utf8(std::mem::take(&mut current)).unwrap());
                }
            }
        }
        (complete, None)
    }

    fn fault(text: &str) -> Option<HeadFault> {
        told_apart([text.as_bytes()]).1
    }

    #[test]
    fn requests_are_told_apart() {
        let (complete, fault) = told_apart([format!("{GET}\r\n\r\n{POST}{GET}GET").as_bytes()]);
        assert_eq!(complete, [GET, &format!("\r\n\r\n{POST}"), GET]);
        assert_eq!(fault, None);
    }

    #[test]
    fn after_a_transfer_coding_nothing_is_told_apart() {
        let (complete, fault) = told_apart([format!("{GET}{CODED}{GET}\n").as_bytes()]);
        assert_eq!((complete, fault), (vec![GET.to_owned()], None));
    }

    #[test]
    fn every_line_of_a_head_ends_with_both_bytes() {
        assert_eq!(fault(GET), None);
        for (at, _) in GET.match_indices("\r\n") {
            let mut text = GET.to_owned();
            text.remove(at);
            assert_eq!(fault(&text), Some(HeadFault::BareLineFeed), "{text:?}");
            assert_eq!(fault(&format!("{POST}{text}")), Some(HeadFault::BareLineFeed), "{text:?}");
        }
        assert_eq!(fault(&format!("\n{GET}")), Some(HeadFault::BareLineFeed));
    }

    #[test]
    fn another_version_is_told_from_none() {
        for (end, expected) in [
            (" HTTP/1.1", None),
            (" HTTP/1.0", Some(HeadFault::Version)),
            (" HTTP/0.9", Some(HeadFault::Version)),
            (" HTTP/2.0", Some(HeadFault::Version)),
            (" HTTP/2", None),
            ("HTTP/1.0", None),
            (" http/1.0", None),
            (" HTTP/1.1\r\nA: HTTP/1.0", None),
            ("", None),
        ] {
            assert_eq!(fault(&format!("GET /a{end}\r\n\r\n")), expected, "{end}");
        }
    }

    #[test]
    fn the_length_of_a_body_is_said_once_and_in_one_way() {
        let head = |fields: &str| format!("POST /a HTTP/1.1\r\n{fields}\r\n\r\n");
        for (fields, expected) in [
            ("Content-Length: 0", None),
            ("content-length:\t07 \r\nCONTENT-LENGTH:7", None),
            ("X-Content-Length: x\r\nContent-Length-X: x\r\nTransfer-Encodings: x\r\nTE: x", None),
            ("Content-Length: 1\r\nContent-Length: 2", Some(HeadFault::Length)),
            ("Content-Length: 1, 1", Some(HeadFault::Length)),
            ("Content-Length: +1", Some(HeadFault::Length)),
            ("Content-Length: 99999999999999999999", Some(HeadFault::Length)),
            ("Content-Length:", Some(HeadFault::Length)),
            ("Transfer-Encoding: chunked", None),
            ("Transfer-Encoding: chunked\r\nContent-Length: 1", Some(HeadFault::LengthAndCoding)),
            ("content-length: 0\r\nA: b\r\ntransfer-ENCODING:gzip", Some(HeadFault::LengthAndCoding)),
        ] {
            assert_eq!(fault(&head(fields)), expected, "{fields}");
        }
    }

    #[test]
    fn how_the_bytes_are_divided_makes_no_difference() {
        let bad = ["GET /a HTTP/1.1\nHost: a\r\n\r\n", "A /a HTTP/1.1\r\nContent-Length: x\r\n\r\n", "\n"];
        let texts = [GET, POST, CODED].map(|text| format!("{text}{POST}\r\n{GET}{CODED}"));
        let texts = texts.into_iter().chain(bad.map(|bad| format!("{POST}{bad}{GET}")));
        for text in texts {
            let bytes = text.as_bytes();
            let whole = told_apart([bytes]);
            assert_eq!(told_apart(bytes.chunks(1)), whole, "{text:?}");
            for at in 0..bytes.len() {
                let (start, rest) = bytes.split_at(at);
                assert_eq!(told_apart([start, rest]), whole, "{text:?} at {at}");
                for more in 0..rest.len() {
                    let (middle, end) = rest.split_at(more);
                    assert_eq!(told_apart([start, middle, end]), whole, "{text:?} at {at} and {more}");
                }
            }
        }
    }

    #[test]
    fn what_is_kept_of_a_line_is_bounded() {
        let mut requests = RequestHeads::default();
        let piece = [b'a'; 1024];
        let kept = (0..100).take_while(|_| requests.check(&piece).is_ok()).count();
        assert_eq!(kept, MOST_HEAD_BYTES / piece.len() + 1);
        assert_eq!(requests.check(&piece), Err(HeadFault::LongLine));
    }
}
