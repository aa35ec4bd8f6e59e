//! A client that says exactly what a test wants it to.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything may take that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    opened: Instant,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// An answer from its text.
    pub(crate) fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("{head}")),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// The value of a header field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut values = fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        values.next()
    }

    /// What a problem says of whether the request was applied.
    pub(crate) fn outcome(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["outcome"].as_str().unwrap().to_owned()
    }

    /// The code of a problem, which must be one in every respect.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{self:?}");
        let body: Value =
            serde_json::from_str(&self.body).unwrap_or_else(|cause| panic!("{cause}: {self:?}"));
        assert_eq!(body["status"], self.status);
        assert_eq!(body["instance"].as_str(), self.field("x-request-id"));
        assert_eq!(self.field("content-length"), Some(self.body.len().to_string().as_str()));
        let passes = [408, 429, 500, 503].contains(&self.status);
        assert_eq!(body["retryable"], passes, "{self:?}");
        assert!(body["outcome"] == "none" || [500, 503].contains(&self.status), "{self:?}");
        body["code"].as_str().unwrap().to_owned()
    }
}

impl Client {
    /// Connects, and says something.
    pub(crate) async fn saying(address: SocketAddr, text: impl AsRef<[u8]>) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_ref()).await.unwrap();
        Self { stream, opened: Instant::now() }
    }

    /// Says more.
    pub(crate) async fn say(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
    }

    /// Everything it is told until the connection is closed, and how long that took. A connection that is
    /// reset is closed, too.
    pub(crate) async fn rest(&mut self) -> (String, Duration) {
        let mut bytes = Vec::new();
        let closed = timeout(PATIENCE, self.stream.read_to_end(&mut bytes)).await;
        assert!(closed.is_ok(), "it is still open; so far it was told {:?}", String::from_utf8_lossy(&bytes));
        (String::from_utf8_lossy(&bytes).into_owned(), self.opened.elapsed())
    }

    /// What it is told until the text ends in something.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_bytes()) {
            let byte = timeout(PATIENCE, self.stream.read_u8()).await;
            let so_far = || panic!("so far it was told {:?}", String::from_utf8_lossy(&bytes));
            let Ok(Ok(byte)) = byte else { so_far() };
            bytes.push(byte);
        }
        String::from_utf8(bytes).unwrap()
    }

    /// One answer with its body; the connection may stay open.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.until("\r\n\r\n").await;
        let mut answer = Answer::of(&head);
        let length = answer.field("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        timeout(PATIENCE, self.stream.read_exact(&mut body)).await.unwrap().unwrap();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }
}

/// What is said and answered on a connection of its own, which the service then closes.
pub(crate) async fn exchange(address: SocketAddr, text: impl AsRef<[u8]>) -> Answer {
    let (told, _) = Client::saying(address, text).await.rest().await;
    Answer::of(&told)
}
