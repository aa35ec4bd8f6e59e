//! `greenlight health`: checks that a service is alive, so that an image needs no other program for it.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use clap::Args;

use super::Error;
use crate::config::HEALTH_URL;

/// Timeout for connecting, sending and receiving, each.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Most bytes read of the response: only its first line counts.
const MAX_RESPONSE: u64 = 1024;

#[derive(Args)]
pub(super) struct Health {
    #[arg(
        long = HEALTH_URL.flag, env = HEALTH_URL.env, default_value = HEALTH_URL.default,
        help = HEALTH_URL.meaning, value_name = "URL", hide_env_values = true
    )]
    url: String,
}

impl Health {
    pub(super) fn run(&self) -> Result<(), Error> {
        let rest = self.url.strip_prefix("http://").filter(|rest| !rest.contains(char::is_whitespace));
        let Some(rest) = rest else {
            return Err(Error::Usage(format!("`{}` must be an address that begins with http://", self.url)));
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let status = ask(host, path).map_err(|cause| Error::of(&self.url, cause))?;
        if status.split(' ').nth(1) == Some("200") {
            return Ok(());
        }
        Err(Error::of(&self.url, status))
    }
}

/// Sends the request and returns the response's first line.
fn ask(host: &str, path: &str) -> std::io::Result<String> {
    // A name may have several addresses; the service listens on one of them.
    let mut reached = Err(std::io::ErrorKind::NotFound.into());
    for address in host.to_socket_addrs()? {
        reached = TcpStream::connect_timeout(&address, TIMEOUT);
        if reached.is_ok() {
            break;
        }
    }
    let mut stream = reached?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_RESPONSE).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
