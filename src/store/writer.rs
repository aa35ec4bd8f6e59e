//! The writer: one task that owns the writing connection, and commits commands many at a time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout_at;

use super::engine::Engine;
use super::error::Error;
use super::head::{Head, Newest};
use super::memory::Memory;
use super::needs::Needs;
use super::statement::{Connection, Statement};
use super::write::Write;
use crate::clock::Clock;

/// A boxed future that may borrow.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is to be done, inside a write, once a date has passed that changes something.
pub type Tick = Arc<dyn for<'w> Fn(&'w mut Write) -> BoxFuture<'w, Result<(), Error>> + Send + Sync>;

/// The most commands in one commit.
const BATCH: usize = 256;
/// From so many commands on, the rows of one half are on their way while those of the other half run.
const HALVED: usize = 16;
/// From so many who ask at once on, a batch waits for those who have just been answered, for this part of the time
/// that the last batch took at most. A page is written once for all commands of a batch that touch it.
const CROWD: usize = 16;
const COURTESY: u32 = 4;
/// And no longer than this, however long that was.
const PATIENCE: Duration = Duration::from_millis(10);
/// How many commands can wait before callers have to.
const QUEUE: usize = 4096;
/// How long a batch tries to get its turn among other processes.
const TURN: Duration = Duration::from_secs(30);
/// How long it waits between two tries.
const RETRY: Duration = Duration::from_millis(2);
/// After so long without a pause the writer makes one, so that another process gets its turn.
const STRETCH: Duration = Duration::from_millis(200);
/// How long that pause is: longer than the time between two tries of the other process.
const GAP: Duration = Duration::from_millis(5);

/// The queue of the writing task.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
    newest: watch::Sender<Newest>,
    state: watch::Sender<State>,
    commits: Arc<AtomicU64>,
    failing: Arc<AtomicBool>,
    statements: Arc<AtomicU64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Stopping,
    Stopped,
}

/// A command whose outcome is told only after the batch it is in has been committed.
trait Job: Send {
    fn needs(&self) -> &Needs;
    fn run<'j>(&'j mut self, write: &'j mut Write) -> BoxFuture<'j, Result<(), Error>>;
    fn answer(self: Box<Self>, failure: Option<&Error>);
}

struct Task<T, F> {
    needs: Needs,
    command: Option<F>,
    outcome: Option<T>,
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
            if let Some(command) = self.command.take() {
                self.outcome = Some(command(write).await?);
            }
            Ok(())
        })
    }

    fn answer(self: Box<Self>, failure: Option<&Error>) {
        let answer = match (failure, self.outcome) {
            (Some(Error::Busy), _) => Err(Error::Busy),
            (Some(failure), _) => Err(Error::Interrupted(failure.to_string())),
            (None, Some(outcome)) => Ok(outcome),
            (None, None) => Err(Error::Closed),
        };
        // Whoever asked may have gone away; the command has run all the same.
        drop(self.reply.send(answer));
    }
}

impl Writer {
    pub(super) fn start(engine: Arc<Engine>, clock: Clock, tick: Tick, newest: Newest) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (newest, _) = watch::channel(newest);
        let (state, _) = watch::channel(State::Running);
        let (commits, failing) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let statements = Arc::<AtomicU64>::default();
        let writer = Self {
            queue,
            newest: newest.clone(),
            state: state.clone(),
            commits: Arc::clone(&commits),
            failing: Arc::clone(&failing),
            statements: Arc::clone(&statements),
        };
        let work = Work {
            engine,
            clock,
            tick,
            newest,
            commits,
            failing,
            statements,
            connection: None,
            memory: None,
            busy_since: None,
            crowd: (0, Duration::ZERO),
        };
        tokio::spawn(work.run(jobs, state));
        writer
    }

    pub(super) async fn write<T, F>(&self, needs: Needs, command: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, Error>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task { needs, command: Some(command), outcome: None, reply };
        self.queue.send(Box::new(task)).await.map_err(closed)?;
        answer.await.map_err(closed)?
    }

    pub(super) async fn changed(&self, after: i64) {
        let mut newest = self.newest.subscribe();
        // The sender lives as long as `self`.
        drop(newest.wait_for(|newest| newest.revision > after).await);
    }

    pub(super) fn newest(&self) -> Newest {
        *self.newest.borrow()
    }

    pub(super) fn noticed(&self, seen: Newest) {
        // Most reads see nothing new, and need not wait for each other to find that out.
        if self.newest() != seen {
            self.newest.send_if_modified(|newest| newest.learn(seen));
        }
    }

    /// Whether the last batch failed.
    pub(super) fn failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    pub(super) fn queued(&self) -> usize {
        QUEUE - self.queue.capacity()
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(super) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Lets the task finish what is queued, and waits for it.
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

fn closed<E: std::fmt::Debug>(cause: E) -> Error {
    tracing::debug!(?cause, "a command came too late");
    Error::Closed
}

struct Work {
    engine: Arc<Engine>,
    clock: Clock,
    tick: Tick,
    newest: watch::Sender<Newest>,
    commits: Arc<AtomicU64>,
    failing: Arc<AtomicBool>,
    statements: Arc<AtomicU64>,
    connection: Option<Connection>,
    /// What is known of the register at the revision with this digest.
    memory: Option<([u8; 32], Memory)>,
    busy_since: Option<Instant>,
    /// How many asked while the last batch was made, or had been answered by it, and how long it took.
    crowd: (usize, Duration),
}

impl Work {
    async fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>, state: watch::Sender<State>) {
        let mut told = state.subscribe();
        let mut jobs = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                count = queue.recv_many(&mut jobs, BATCH) => if count == 0 { break },
                _ = told.wait_for(|state| *state != State::Running), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
            }
            Self::gather(self.crowd, &mut jobs, &mut queue).await;
            let (count, begun) = (jobs.len(), Instant::now());
            self.batch(&mut jobs, &mut queue).await;
            self.crowd = (count + queue.len(), begun.elapsed());
            self.tend().await;
            self.breathe(queue.is_empty()).await;
        }
        drop(self.connection.take());
        state.send_replace(State::Stopped);
    }

    /// Lets those join a batch who have just been answered, and ask again, if they are many.
    async fn gather(
        (crowd, took): (usize, Duration),
        jobs: &mut Vec<Box<dyn Job>>,
        queue: &mut mpsc::Receiver<Box<dyn Job>>,
    ) {
        let until = tokio::time::Instant::now() + (took / COURTESY).min(PATIENCE);
        while crowd >= CROWD && jobs.len() < crowd.min(BATCH) {
            let more = queue.recv_many(jobs, BATCH - jobs.len());
            if timeout_at(until, more).await.unwrap_or_default() == 0 {
                return;
            }
        }
    }

    /// Looks after what writes leave behind; what they wrote is safe already.
    async fn tend(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if let Err(error) = self.engine.tend(connection).await {
            tracing::warn!(%error, "the log of the register could not be begun again");
        }
    }

    /// Leaves a gap now and then for other processes, whose commands wait for the same lock.
    async fn breathe(&mut self, idle: bool) {
        let busy_since = *self.busy_since.get_or_insert_with(Instant::now);
        if idle {
            self.busy_since = None;
        } else if busy_since.elapsed() > STRETCH {
            self.clock.pause(GAP).await;
            self.busy_since = None;
        }
    }

    async fn batch(&mut self, jobs: &mut Vec<Box<dyn Job>>, queue: &mut mpsc::Receiver<Box<dyn Job>>) {
        let outcome = match self.begun().await {
            Ok((connection, head)) => self.commit(connection, head, jobs).await,
            Err(error) => {
                // What came in the meantime would only wait as long again, for the same.
                jobs.extend(std::iter::from_fn(|| queue.try_recv().ok()));
                Err(error)
            }
        };
        let failure = match outcome {
            Ok(committed) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                self.newest.send_if_modified(|newest| newest.learn(committed));
                None
            }
            Err(error) => {
                tracing::error!(%error, commands = jobs.len(), "a batch of writes failed");
                Some(error)
            }
        };
        self.failing.store(failure.is_some(), Ordering::Relaxed);
        for job in jobs.drain(..) {
            job.answer(failure.as_ref());
        }
    }

    /// Runs the commands in one transaction. Whatever fails beneath the rules fails the whole batch and
    /// costs the connection: after a failed COMMIT or ROLLBACK nobody knows what state it is in.
    async fn commit(
        &mut self,
        connection: Connection,
        head: Head,
        jobs: &mut [Box<dyn Job>],
    ) -> Result<Newest, Error> {
        let (before, due_before) = (head.revision, head.due_at);
        // A chain of digests that ends in the same one is the same: nobody else has written since.
        let known = self.memory.take().filter(|(digest, _)| *digest == head.digest);
        let memory = known.map_or_else(Memory::default, |(_, memory)| memory.kept());
        let mut write = Write::new(connection, head, self.clock.now(), memory);
        if write.head().due_at.is_some_and(|due| due <= write.now()) {
            (self.tick)(&mut write).await?;
        }
        let needs: Vec<&Needs> = jobs.iter().map(|job| job.needs()).collect();
        write.foresee(&needs).await?;
        let count = jobs.len();
        for (done, job) in (1..).zip(jobs) {
            job.run(&mut write).await?;
            write.undo().await?;
            if count >= HALVED && done == count / 2 {
                write.send_off();
            }
        }
        let mut last = write.unsettled();
        let (mut connection, head, memory) = write.into_parts();
        if (head.revision, head.due_at) != (before, due_before) {
            last.push(self.engine.telling(stored(&head)));
        }
        last.push(Statement::new("COMMIT"));
        connection.execute_all(last).await?;
        self.statements.fetch_add(connection.count(), Ordering::Relaxed);
        self.connection = Some(connection);
        self.memory = Some((head.digest, memory));
        Ok(Newest::of(&head))
    }

    /// The connection, inside a transaction that has the register to itself, and the head.
    async fn begun(&mut self) -> Result<(Connection, Head), Error> {
        let started = Instant::now();
        if let Some(kept) = self.connection.take() {
            match self.begun_on(kept, started).await {
                Err(error) if !matches!(error, Error::Busy) => {
                    // The server may have been restarted since; nothing has been done on it yet.
                    tracing::warn!(%error, "the writer's connection was lost");
                }
                outcome => return outcome,
            }
        }
        loop {
            match self.engine.writer().await {
                Ok(connection) => return self.begun_on(connection, started).await,
                Err(error) => self.await_turn(started, error).await?,
            }
        }
    }

    async fn begun_on(
        &mut self,
        mut connection: Connection,
        started: Instant,
    ) -> Result<(Connection, Head), Error> {
        loop {
            match self.engine.begin_on(&mut connection).await {
                Ok(head) => return Ok((connection, Head::try_from(head)?)),
                Err(error) => self.await_turn(started, error).await?,
            }
        }
    }

    /// Waits until it may be worth trying again, if another process holds the register and has not held
    /// it for too long.
    async fn await_turn(&mut self, started: Instant, error: Error) -> Result<(), Error> {
        if !error.is_busy() || started.elapsed() > TURN {
            return Err(error.or_busy());
        }
        self.clock.pause(RETRY).await;
        Ok(())
    }
}

fn stored(head: &Head) -> Statement {
    Statement::new("UPDATE head SET revision = $1, digest = $2, recorded_at = $3, due_at = $4 WHERE one = 1")
        .with(head.revision)
        .with(head.digest.to_vec())
        .with(head.recorded_at)
        .with(head.due_at)
}
