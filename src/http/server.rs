//! Serving connections: HTTP/1.1 with deadlines, and a stop that ends within a bound.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;

/// How long a connection may take to send its first request, and any request its head.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// How long requests under way may go on once the service stops.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Serves until `stop` is done, then lets the requests under way finish for a while.
///
/// # Errors
///
/// [`io::Error`] if the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let handle: Handle<SocketAddr> = Handle::new();
    let stopping = handle.clone();
    let stop_task = tokio::spawn(async move {
        stop.await;
        stopping.graceful_shutdown(Some(STOP_WITHIN));
    });
    let mut server = axum_server::from_tcp(listener)?.handle(handle);
    server.http_builder().http1().header_read_timeout(HEAD_DEADLINE);
    let outcome = server.serve(router.into_make_service()).await;
    stop_task.abort();
    outcome
}
