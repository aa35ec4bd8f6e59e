//! `greenlight serve`: serves the register until it is asked to stop.

use std::fs::{File, TryLockError};
use std::future::{Future, pending};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::backup::beside;
use super::key::Revoke;
use super::limits::Limits;
use super::{Error, made, open, output, sample};
use crate::app::{Address, Register, check_single_name, keys};
use crate::config::{self, CACHE_BYTES, Config, LISTEN, PUBLIC_READ, SAMPLE};
use crate::http;

/// Interval between deletions of old replies.
const TIDY: Duration = Duration::from_hours(1);
/// Time a shutdown may take beyond the deadline of requests in progress: a second to close their connections,
/// and one for the write queue.
const STOP_SLACK: Duration = Duration::from_secs(2);
/// Open files needed besides connections.
const SPARE_FILES: u64 = 256;

#[derive(Args)]
pub(super) struct Serve {
    #[arg(long = LISTEN.flag, env = LISTEN.env, default_value = LISTEN.default, help = LISTEN.meaning,
        value_name = "HOST:PORT", value_parser = config::listen, hide_env_values = true)]
    listen: String,
    #[arg(long = SAMPLE.flag, env = SAMPLE.env, help = SAMPLE.meaning, value_parser = config::truth,
        action = clap::ArgAction::SetTrue, hide_env_values = true)]
    sample: bool,
    #[arg(long = PUBLIC_READ.flag, env = PUBLIC_READ.env, help = PUBLIC_READ.meaning,
        value_parser = config::truth, action = clap::ArgAction::SetTrue, hide_env_values = true)]
    public_read: bool,
    #[command(flatten)]
    limits: Limits,
    #[arg(long = CACHE_BYTES.flag, env = CACHE_BYTES.env, default_value = CACHE_BYTES.default,
        help = CACHE_BYTES.meaning, value_name = "BYTES", value_parser = config::bytes, hide_env_values = true)]
    cache_bytes: usize,
}

impl Serve {
    pub(super) async fn run(&self, config: &Config) -> Result<(), Error> {
        let address = config.address().map_err(Error::Usage)?;
        // Held while the service runs.
        let _lock = match &address {
            Address::Sqlite(file) => Some(lock(file)?),
            Address::Postgres(_) => None,
        };
        self.raise_file_limit();
        let listener = self.bind()?;
        let requested_at = Arc::new(OnceLock::new());
        let stop = stop_requested(Arc::clone(&requested_at))?;
        let mut register = open(config).await?;
        if register.come_to_life().await? {
            register.store().close().await;
            register = open(config).await?;
        }
        let outcome = self.attend(&register, listener, stop).await;
        let until = *requested_at.get_or_init(Instant::now) + self.limits.limits().stop + STOP_SLACK;
        let closed = tokio::time::timeout_at(until.into(), register.store().close()).await;
        if closed.is_err() {
            tracing::warn!("the database does not answer; it is left alone");
        }
        outcome
    }

    /// Raises the limit on open files to the number of connections and some more.
    fn raise_file_limit(&self) {
        let wanted = u64::from(self.limits.connections()) + SPARE_FILES;
        match rlimit::increase_nofile_limit(wanted) {
            Ok(granted) if granted >= wanted => {}
            Ok(granted) => tracing::warn!(granted, wanted, "fewer files can be open than connections"),
            Err(error) => tracing::warn!(%error, "the limit on open files is unknown"),
        }
    }

    fn bind(&self) -> Result<TcpListener, Error> {
        let bound = TcpListener::bind(&self.listen).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        bound.map_err(|cause| Error::of(format_args!("cannot listen on {}", self.listen), cause))
    }

    async fn attend(
        &self,
        register: &Register,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        if self.sample {
            sample::load(register).await?;
        }
        let first = keys::first(register).await?;
        let address = listener.local_addr().map_err(|cause| Error::of("the listener", cause))?;
        output::tell(format_args!("listening on http://{address}"));
        if let Some((key, secret)) = first {
            let secret = secret.reveal();
            let shown = output::shown(format_args!(
                "open http://{address}/docs; the first admin key, shown this once, is\n\n    {secret}\n"
            ));
            if let Err(lost) = shown {
                // The secret is lost, so the key is useless.
                Revoke::run(register, key.id).await?;
                return Err(lost);
            }
        }
        let background_tasks = background_tasks(register);
        let served = http::serve(listener, register, self.options(), stop).await;
        drop(background_tasks);
        served.map_err(|cause| Error::of("the service", cause))
    }

    /// The options in the service's form.
    fn options(&self) -> http::Options {
        http::Options {
            public_read: self.public_read,
            limits: self.limits.limits(),
            cache_bytes: self.cache_bytes,
        }
    }
}

/// Locks the file against other services while the returned file is open.
fn lock(file: &Path) -> Result<File, Error> {
    // `canonicalize` needs an existing file.
    let unfit = |cause| Error::of(file.display(), cause);
    drop(made(file).map_err(unfit)?);
    check_single_name(file)?;
    // One lock per file, whatever path leads to it.
    let file = file.canonicalize().map_err(unfit)?;
    let path = beside(&file, "-serve.lock");
    let lock = made(&path).map_err(|cause| Error::of(path.display(), cause))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(Error::of(file.display(), "another `greenlight serve` has this register"))
        }
        Err(TryLockError::Error(cause)) => Err(Error::of(path.display(), cause)),
    }
}

/// Resolves when the process is asked to stop, and records that time.
fn stop_requested(
    requested_at: Arc<OnceLock<Instant>>,
) -> Result<impl Future<Output = ()> + Send + 'static, Error> {
    let listen = |kind| signal(kind).map_err(|cause| Error::of("cannot listen for signals", cause));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    // A process started with `nohup` should outlive the terminal.
    let mut hangup = if ignores_hangup() { None } else { Some(listen(SignalKind::hangup())?) };
    Ok(async move {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = hung_up => {}
        }
        requested_at.get_or_init(Instant::now);
        tracing::info!("stopping");
    })
}

/// Whether the process was started with SIGHUP ignored, if that can be determined.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // A bit for each signal, that of SIGHUP the lowest.
    ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_some_and(|set| set & 1 == 1)
}

/// Starts the background tasks; they end when the set is dropped.
fn background_tasks(register: &Register) -> JoinSet<()> {
    let mut background_tasks = JoinSet::new();
    let timekeeper = register.clone();
    background_tasks.spawn(async move { timekeeper.keep_time().await });
    let register = register.clone();
    background_tasks.spawn(async move {
        loop {
            if let Err(error) = register.tidy().await {
                tracing::warn!(%error, "could not forget old replies");
            }
            register.store().clock().pause(TIDY).await;
        }
    });
    background_tasks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Arguments, Command};
    use clap::Parser as _;

    #[test]
    fn a_service_that_is_told_nothing_behaves_as_one_by_default() {
        let Command::Serve(serve) = Arguments::parse_from(["greenlight", "serve"]).command else {
            panic!("another command");
        };
        let http::Options { public_read, limits, cache_bytes } = http::Options::default();
        let told = serve.options();
        assert_eq!((told.public_read, told.limits, told.cache_bytes), (public_read, limits, cache_bytes));
    }
}
