//! A client of the stream.

use std::net::SocketAddr;

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::line::{Answer, Client, PATIENCE};

/// An event: its name, its id, its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn of(block: &str) -> Self {
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().to_owned()
        };
        Self { name: field("event: "), id: field("id: "), data: field("data: ") }
    }

    pub(crate) fn number(&self) -> i64 {
        self.id.rsplit_once('.').unwrap().1.parse().unwrap()
    }
}

/// A stream that is followed.
pub(crate) struct Stream {
    client: Client,
    /// What was received, in chunks.
    received: Vec<u8>,
    /// What the chunks held, and nobody has read.
    unread: Vec<u8>,
    /// The position that was told last.
    pub(crate) position: String,
}

impl Stream {
    /// Follows the stream with these parameters and header fields.
    pub(crate) async fn open(address: SocketAddr, query: &str, fields: &str) -> Self {
        let request = format!("GET /v1/changes/stream{query} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut client = Client::saying(address, request).await;
        let head = Answer::of(&client.until("\r\n\r\n").await);
        assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")), "{head:?}");
        let mut stream = Self { client, received: Vec::new(), unread: Vec::new(), position: String::new() };
        let greeting = stream.block().await.unwrap();
        assert!(greeting.starts_with("retry: "), "{greeting}");
        stream.position = Event::of(&greeting).id;
        if greeting.contains("event: ") {
            stream.unread.splice(0..0, format!("{greeting}\n\n").into_bytes());
        }
        stream
    }

    /// Goes on from a position.
    pub(crate) async fn from(address: SocketAddr, query: &str, position: &str) -> Self {
        Self::open(address, query, &format!("Last-Event-ID: {position}\r\n")).await
    }

    /// The next block; `None` once the stream has ended.
    pub(crate) async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                let rest = self.unread.split_off(end + 2);
                let block = std::mem::replace(&mut self.unread, rest);
                return Some(String::from_utf8(block).unwrap().trim_end().to_owned());
            }
            let read = timeout(PATIENCE, self.client.stream.read_buf(&mut self.received)).await;
            if !read.unwrap_or_else(|_| panic!("nothing came")).is_ok_and(|read| read > 0) {
                return None;
            }
            while self.unpack() {}
        }
    }

    /// Takes a chunk from what was received; returns whether a whole one was there.
    fn unpack(&mut self) -> bool {
        let Some(begin) = self.received.windows(2).position(|pair| pair == b"\r\n") else { return false };
        let size = std::str::from_utf8(&self.received[..begin]).unwrap();
        let end = begin + 2 + usize::from_str_radix(size, 16).unwrap();
        let Some(after) = self.received.get(end..end + 2) else { return false };
        assert_eq!(after, b"\r\n");
        self.unread.extend_from_slice(&self.received[begin + 2..end]);
        self.received.drain(..end + 2);
        true
    }

    /// The next event; `None` once the stream has ended.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            if block.contains("event: ") {
                let event = Event::of(&block);
                self.position.clone_from(&event.id);
                return Some(event);
            }
        }
    }
}
