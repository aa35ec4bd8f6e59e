//! A client that makes one request a connection, and knows what it was answered, if it was.

use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take, whatever the trouble.
const DEADLINE: Duration = Duration::from_secs(30);

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
    /// The idempotency key; empty for none.
    pub(crate) once: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Request {
    /// A read.
    pub(crate) fn get(path: &str) -> Self {
        Self { method: "GET", path: path.to_owned(), body: String::new(), once: String::new() }
    }

    /// A company of this name put on record, once.
    pub(crate) fn company(id: &str) -> Self {
        let body = serde_json::json!({"name": id, "jurisdiction": "CN"}).to_string();
        Self { method: "PUT", path: format!("/v1/companies/{id}"), body, once: id.to_owned() }
    }

    /// Makes the request.
    pub(crate) fn send(&self, host: &str, key: &str) -> Result<Answer, Error> {
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let Self { method, path, body, once } = self;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n"
        );
        if !once.is_empty() {
            head += &["Idempotency-Key: ", once, "\r\n"].concat();
        }
        if !body.is_empty() {
            head += &["Content-Type: application/json\r\nContent-Length: ", &body.len().to_string(), "\r\n"]
                .concat();
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Answer::read(&text).ok_or_else(|| Error::new(ErrorKind::UnexpectedEof, "half an answer"))
    }
}

impl Answer {
    /// An answer, if it is whole.
    fn read(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let answer = Self { status, head: head.to_owned(), body: body.to_owned() };
        let length: usize = answer.field("content-length").map_or(Some(0), |length| length.parse().ok())?;
        (answer.body.len() == length).then_some(answer)
    }

    /// A header field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether it says that the request was done.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.status, 200 | 201)
    }

    /// Whether it is an honest refusal: try again later.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.status == 503
            && self.field("retry-after").is_some()
            && self.json()["code"] == "unavailable"
            && self.json()["retryable"] == true
            && self.field("content-type") == Some("application/problem+json")
    }

    /// What a problem says of whether the request was applied.
    pub(crate) fn outcome(&self) -> String {
        self.json()["outcome"].as_str().unwrap_or_else(|| panic!("no outcome: {self:?}")).to_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|cause| panic!("{cause}: {self:?}"))
    }
}
