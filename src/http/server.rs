//! Serves connections up to a limit, and shuts down within a deadline.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::client_stream::{ClientStream, ConnectionState};
use super::connection::Host;
use super::problem::{Code, Problem};
use super::{Options, built};
use crate::app::Register;

/// The delay after an error in accepting a connection.
const PAUSE: Duration = Duration::from_millis(50);
/// How many excess connections are answered with an error at a time; others are closed at once.
const MOST_REFUSING: usize = 64;
/// The socket send buffer, in bytes; the system may double it. With half as much, an answer of this size took
/// twice as long.
const SEND_BUFFER: u32 = 256 * 1024;
/// The listen backlog.
const BACKLOG: u32 = 1024;
/// How much longer than its deadline a shutdown may take, for connections that end at the deadline.
const SLACK: Duration = Duration::from_secs(1);

/// Serves the register until `stop` resolves, then gives requests in progress time to finish.
///
/// # Errors
///
/// [`io::Error`] if the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    register: &Register,
    options: Options,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = bounded(listener)?;
    let (app, router) = built(register, options);
    let host = Arc::new(Host { app, router });
    let places = Arc::new(Semaphore::new(options.limits.connections as usize));
    tokio::select! {
        () = accept(&listener, &host, &places) => {}
        () = stop => {}
    }
    drop(listener);
    host.app.stopping.begin();
    // Every connection holds a permit until it ends, and ends by itself at the deadline.
    let ended = places.acquire_many(options.limits.connections);
    if timeout(options.limits.stop + SLACK, ended).await.is_err() {
        tracing::warn!("connections were still open at the end");
    }
    Ok(())
}

/// A listener with a bounded send buffer. Unbounded, it grows to megabytes, and a slow client would seem to
/// take nothing while it drains the buffer.
fn bounded(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    let socket = TcpSocket::from_std_stream(OwnedFd::from(listener).into());
    socket.set_send_buffer_size(SEND_BUFFER)?;
    // It listens already; this only sets the backlog.
    socket.listen(BACKLOG)
}

/// Accepts connections for ever.
async fn accept(listener: &tokio::net::TcpListener, host: &Arc<Host>, places: &Arc<Semaphore>) {
    let refusing = Arc::new(Semaphore::new(MOST_REFUSING));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                sleep(PAUSE).await;
                continue;
            }
        };
        if let Ok(place) = Arc::clone(places).try_acquire_owned() {
            let host = Arc::clone(host);
            tokio::spawn(async move {
                host.serve_client(stream, peer.ip()).await;
                drop(place);
            });
        } else if let Ok(refusing) = Arc::clone(&refusing).try_acquire_owned() {
            let host = Arc::clone(host);
            tokio::spawn(async move {
                turn_away(&host, stream, peer).await;
                drop(refusing);
            });
        }
    }
}

/// Refuses a connection above the limit.
async fn turn_away(host: &Host, stream: TcpStream, peer: SocketAddr) {
    tracing::debug!(%peer, "no room for a connection");
    let problem = Problem::new(Code::Overloaded, "as many connections are open as the service takes");
    let stream = ClientStream::new(stream, Arc::new(ConnectionState::default()), &host.app.options.limits);
    stream.close(Some(host.last_word(&problem))).await;
}
