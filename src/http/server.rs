//! Serving connections: as many as there is room for, and a stop that ends within a bound.

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

/// How long to wait before the next try to take a connection that the system would not give.
const PAUSE: Duration = Duration::from_millis(50);
/// How many clients for whom there is no room are told so at a time.
const TOLD: usize = 64;
/// How much of an answer the system takes before the client does, in bytes. It may double that for its own needs. Half
/// as much would make an answer of its size take twice as long.
const SENT_AHEAD: u32 = 256 * 1024;
/// How many connections may wait to be taken.
const WAITING: u32 = 1024;
/// How much longer than the bound a stop may take, for what ends at the bound to end.
const SLACK: Duration = Duration::from_secs(1);

/// Serves the register until `stop` is done, then lets the requests under way finish for a while.
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
    // Every connection has its place until it ends, and each ends within the bound by itself.
    let ended = places.acquire_many(options.limits.connections);
    if timeout(options.limits.stop + SLACK, ended).await.is_err() {
        tracing::warn!("connections were still open at the end");
    }
    Ok(())
}

/// A listener whose connections keep no more than so much of an answer in the system. Without a bound that becomes
/// megabytes, and a client that takes its answer slowly would seem to take nothing while it takes what is kept there.
fn bounded(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    let socket = TcpSocket::from_std_stream(OwnedFd::from(listener).into());
    socket.set_send_buffer_size(SENT_AHEAD)?;
    // It listens already; this only tells anew how many may wait to be taken.
    socket.listen(WAITING)
}

/// Takes connections for ever.
async fn accept(listener: &tokio::net::TcpListener, host: &Arc<Host>, places: &Arc<Semaphore>) {
    let told = Arc::new(Semaphore::new(TOLD));
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
        } else if let Ok(told) = Arc::clone(&told).try_acquire_owned() {
            let host = Arc::clone(host);
            tokio::spawn(async move {
                turn_away(&host, stream, peer).await;
                drop(told);
            });
        }
    }
}

/// Tells a client that there is no room for it.
async fn turn_away(host: &Host, stream: TcpStream, peer: SocketAddr) {
    tracing::debug!(%peer, "no room for a connection");
    let problem = Problem::new(Code::Overloaded, "as many connections are open as the service takes");
    let stream = ClientStream::new(stream, Arc::new(ConnectionState::default()), &host.app.options.limits);
    stream.close(Some(host.last_word(&problem))).await;
}
