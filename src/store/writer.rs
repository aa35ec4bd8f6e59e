//! The writer: a queue of commands, run by the one task that writes.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot, watch};

use super::batches::Batches;
use super::engine::Engine;
use super::error::Error;
use super::head::Newest;
use super::needs::Needs;
use super::write::Write;
use crate::clock::Clock;

/// A boxed future that may borrow.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs inside a write once a date has passed on which something changes.
pub type Tick = Arc<dyn for<'w> Fn(&'w mut Write) -> BoxFuture<'w, Result<(), Error>> + Send + Sync>;

/// The capacity of the queue; beyond it, callers wait.
const QUEUE: usize = 4096;

/// A handle to the writer task.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
    state: watch::Sender<State>,
    told: Told,
}

/// The state that the task shares with its handles.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) newest: watch::Sender<Newest>,
    /// The batches committed, and the statements in them.
    pub(super) commits: Arc<AtomicU64>,
    pub(super) statements: Arc<AtomicU64>,
    /// Whether the last batch failed.
    pub(super) failing: Arc<AtomicBool>,
}

/// The state of the task.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Stopping,
    Stopped,
}

/// A queued command. Its outcome is sent only after its batch has been committed.
pub(super) trait Job: Send {
    fn needs(&self) -> &Needs;
    /// Runs the command. Keeps an error that concerns this command alone as its outcome; returns any other.
    fn run<'j>(&'j mut self, write: &'j mut Write) -> BoxFuture<'j, Result<(), Error>>;
    fn answer(self: Box<Self>, failure: Option<&Error>);
}

struct Task<T, F> {
    needs: Needs,
    command: Option<F>,
    outcome: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, Error>> + Send,
{
    fn needs(&self) -> &Needs {
        &self.needs
    }

    fn run<'j>(&'j mut self, write: &'j mut Write) -> BoxFuture<'j, Result<(), Error>> {
        Box::pin(async move {
            let Some(command) = self.command.take() else { return Ok(()) };
            match command(write).await {
                Err(error) if !error.is_own() => Err(error),
                outcome => {
                    self.outcome = Some(outcome);
                    Ok(())
                }
            }
        })
    }

    fn answer(self: Box<Self>, failure: Option<&Error>) {
        let answer = match (failure, self.outcome) {
            (Some(Error::Busy), _) => Err(Error::Busy),
            (Some(Error::NotBegun(cause)), _) => Err(Error::NotBegun(cause.clone())),
            (Some(failure), _) => Err(Error::Interrupted(failure.to_string())),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(lost("the command has no outcome")),
        };
        // The caller may be gone; the command has run all the same.
        drop(self.reply.send(answer));
    }
}

impl Writer {
    pub(super) fn start(engine: Arc<Engine>, clock: Clock, tick: Tick, newest: Newest) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (newest, _) = watch::channel(newest);
        let (state, _) = watch::channel(State::Running);
        let (commits, statements, failing) = Default::default();
        let told = Told { newest, commits, statements, failing };
        tokio::spawn(Batches::new(engine, clock, tick, told.clone()).run(jobs, state.clone()));
        Self { queue, state, told }
    }

    pub(super) async fn write<T, F>(&self, needs: Needs, command: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, Error>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task { needs, command: Some(command), outcome: None, reply };
        self.queue.send(Box::new(task)).await.map_err(|cause| {
            tracing::debug!(%cause, "a command came too late");
            Error::Closed
        })?;
        answer.await.map_err(lost)?
    }

    pub(super) async fn changed(&self, after: i64) {
        let mut newest = self.told.newest.subscribe();
        // The sender lives as long as `self`.
        drop(newest.wait_for(|newest| newest.revision > after).await);
    }

    pub(super) fn newest(&self) -> Newest {
        *self.told.newest.borrow()
    }

    pub(super) fn noticed(&self, seen: Newest) {
        // Compare first: most reads see nothing new and should not contend for the lock.
        if self.newest() != seen {
            self.told.newest.send_if_modified(|newest| newest.learn(seen));
        }
    }

    /// Whether the last batch failed.
    pub(super) fn failing(&self) -> bool {
        self.told.failing.load(Ordering::Relaxed)
    }

    /// Whether the writer task has ended.
    pub(super) fn gone(&self) -> bool {
        self.queue.is_closed()
    }

    pub(super) fn queued(&self) -> usize {
        QUEUE - self.queue.capacity()
    }

    pub(super) fn commits(&self) -> u64 {
        self.told.commits.load(Ordering::Relaxed)
    }

    pub(super) fn statements(&self) -> u64 {
        self.told.statements.load(Ordering::Relaxed)
    }

    /// Lets the task finish the queue, and waits until it has stopped.
    pub(super) async fn stop(&self) {
        let mut state = self.state.subscribe();
        self.state.send_if_modified(|state| {
            let running = *state == State::Running;
            if running {
                *state = State::Stopping;
            }
            running
        });
        // The sender lives as long as `self`.
        drop(state.wait_for(|state| *state == State::Stopped).await);
    }
}

/// The error of a command that was queued, and whose outcome nobody told.
fn lost(cause: impl Display) -> Error {
    Error::Interrupted(format!("the writer ended: {cause}"))
}
