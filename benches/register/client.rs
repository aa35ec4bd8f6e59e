//! The load: keep-alive connections, one request at a time on each.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::child::Service;
use crate::figures::Round;

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// Its head, up to the empty line.
    pub(crate) head: String,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(1 << 16) }
    }

    /// Sends a request and takes in the whole answer; returns its status, the ends of its head and of itself.
    async fn exchange(&mut self, request: &[u8]) -> (u16, usize, usize) {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        loop {
            assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "the service hung up");
            let Some(head) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
                continue;
            };
            let status = std::str::from_utf8(&self.buffer[9..12]).unwrap().parse().unwrap();
            let end = head + 4 + length(&self.buffer[..head], status);
            while self.buffer.len() < end {
                assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "the service hung up");
            }
            return (status, head, end);
        }
    }

    /// Sends a request and returns the answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Answer {
        let (status, head, end) = self.exchange(request).await;
        let text = String::from_utf8(self.buffer[..head].to_vec()).unwrap();
        Answer { status, head: text, body: self.buffer[head + 4..end].to_vec() }
    }
}

fn length(head: &[u8], status: u16) -> usize {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    if status == 304 || status == 204 {
        return 0;
    }
    let at = head.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME));
    let digits = &head[at.expect("an answer has a length") + NAME.len()..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    std::str::from_utf8(&digits[..end]).unwrap().parse().unwrap()
}

/// A request without a body.
pub(crate) fn get(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    request("GET", path, fields, "")
}

/// A request.
pub(crate) fn request(method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: register\r\n");
    for (name, value) in fields {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if !body.is_empty() {
        let _ = write!(text, "content-length: {}\r\n", body.len());
    }
    (text + "\r\n" + body).into_bytes()
}

/// Asks the same of a service over many connections for a while.
pub(crate) async fn poll(service: &Service, request: &[u8], connections: usize, span: Duration) -> Round {
    poll_each(service, &[request.to_vec()], connections, span).await
}

/// Asks all of these of a service in turn, each connection beginning with another one.
pub(crate) async fn poll_each(
    service: &Service,
    requests: &[Vec<u8>],
    connections: usize,
    span: Duration,
) -> Round {
    let requests: Arc<[Vec<u8>]> = requests.into();
    let makers = (0..connections).map(|first| {
        let (requests, mut next) = (Arc::clone(&requests), first * requests.len() / connections);
        move || {
            next += 1;
            requests[next % requests.len()].clone()
        }
    });
    load(service, makers.collect(), span).await
}

/// Lets each maker's requests go over a connection of its own for a while.
pub(crate) async fn load<M>(service: &Service, makers: Vec<M>, span: Duration) -> Round
where
    M: FnMut() -> Vec<u8> + Send + 'static,
{
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    let (cpu, started) = (service.cpu(), Instant::now());
    for mut next in makers {
        let (stop, address) = (Arc::clone(&stop), service.address);
        clients.spawn(async move {
            let mut connection = Connection::open(address).await;
            let mut times = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let (request, asked) = (next(), Instant::now());
                let (status, head, _) = connection.exchange(&request).await;
                let told = || String::from_utf8_lossy(&connection.buffer[head..]).into_owned();
                assert!(status < 400, "{status} {}", told());
                times.push(asked.elapsed());
            }
            times
        });
    }
    tokio::time::sleep(span).await;
    stop.store(true, Ordering::Relaxed);
    let mut times: Vec<Duration> = clients.join_all().await.concat();
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), service.cpu() - cpu);
    times.sort_unstable();
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    Round { requests: figure(times.len()), seconds, cpu, p99 }
}

/// A count as a figure to reckon with.
pub(crate) fn figure(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
