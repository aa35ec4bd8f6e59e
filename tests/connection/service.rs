//! A service that listens, inside the test.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use greenlight::app::Register;
use greenlight::clock::Clock;
use greenlight::http::{self, Limits, Options};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::support::Database;

/// Limits short enough for a test, and far enough apart to tell which one it was.
pub(crate) fn brisk() -> Limits {
    Limits {
        head: Duration::from_millis(400),
        body: Duration::from_millis(400),
        reply: Duration::from_millis(600),
        stop: Duration::from_secs(1),
        ..Limits::default()
    }
}

/// A service that runs until it is stopped or dropped.
pub(crate) struct Service {
    pub(crate) register: Register,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<io::Result<()>>,
    _chores: JoinSet<()>,
    _database: Database,
}

impl Service {
    /// The first key, which may do everything.
    pub(crate) async fn first_key(&self) -> String {
        greenlight::app::keys::first(&self.register).await.unwrap().unwrap().1.reveal().to_owned()
    }

    /// Serves a database to anybody, within limits.
    pub(crate) async fn start(database: Database, limits: Limits) -> Self {
        Self::with(database, Options { public_read: true, limits, ..Options::default() }).await
    }

    /// Serves a database.
    pub(crate) async fn with(database: Database, options: Options) -> Self {
        let register = database.open(&Clock::system()).await;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = register.clone();
        let serving = tokio::spawn(async move {
            http::serve(listener, &served, options, async { drop(stopped.await) }).await
        });
        let mut chores = JoinSet::new();
        let timekeeper = register.clone();
        chores.spawn(async move { timekeeper.keep_time().await });
        Self { register, address, stop: Some(stop), serving, _chores: chores, _database: database }
    }

    /// Tells the service to stop; what is returned resolves once it has, to the service with its database: of one
    /// that is gone before requests under way are answered, they can be told nothing.
    pub(crate) fn stop(mut self) -> impl Future<Output = Self> {
        drop(self.stop.take());
        async move {
            let mut service = self;
            (&mut service.serving).await.unwrap().unwrap();
            service
        }
    }
}

/// Runs a test with a register in a file, and a limit on its time that is not reached.
pub(crate) fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { test(Database::sqlite().await).await });
}
