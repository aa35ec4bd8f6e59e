//! Batches: queued commands run one after another in one transaction and are committed with one flush.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout_at;

use super::engine::Engine;
use super::error::Error;
use super::head::{Head, Newest};
use super::needs::Needs;
use super::statement::{Connection, Statement};
use super::write::Write;
use super::writer::{Job, State, Tick, Told};
use super::writer_cache::WriterCache;
use crate::clock::Clock;

/// The most commands in a batch.
const BATCH: usize = 256;
/// After this many commands, their rows are written in the background.
const WRITE_EVERY: usize = 16;
/// With at least `GATHER_FROM` commands at once, a batch waits for more: 1/`GATHER_PART` of the last batch's
/// time, at most `MOST_GATHERING`. Fewer commits write each page fewer times.
const GATHER_FROM: usize = 16;
const GATHER_PART: u32 = 4;
const MOST_GATHERING: Duration = Duration::from_millis(10);
/// How long a batch tries to get the write lock.
const LOCK_WAIT: Duration = Duration::from_secs(30);
/// After this long without a gap the writer leaves one, so that another process can take the lock.
const BUSY_LIMIT: Duration = Duration::from_millis(200);
/// The least length of a gap: longer than the other process's retry interval.
const LOCK_GAP: Duration = Duration::from_millis(5);

/// The task that owns the writing connection.
pub(super) struct Batches {
    engine: Arc<Engine>,
    clock: Clock,
    tick: Tick,
    told: Told,
    connection: Option<Connection>,
    /// The cache, and the digest of the revision it belongs to.
    cache: Option<([u8; 32], WriterCache)>,
    /// The start of the current busy stretch, and when the lock was last released.
    busy_since: Instant,
    free_since: Instant,
    /// The commands in the last batch and in the queue after it, and how long the batch took.
    last_batch: (usize, Duration),
}

/// Sets [`State::Stopped`] when the task ends, even by a panic: [`Writer::stop`](super::writer::Writer::stop)
/// waits for it.
struct NotifyStopped(watch::Sender<State>);

impl Drop for NotifyStopped {
    fn drop(&mut self) {
        self.0.send_replace(State::Stopped);
    }
}

impl Batches {
    pub(super) fn new(engine: Arc<Engine>, clock: Clock, tick: Tick, told: Told) -> Self {
        let now = Instant::now();
        Self {
            engine,
            clock,
            tick,
            told,
            connection: None,
            cache: None,
            busy_since: now,
            free_since: now,
            last_batch: (0, Duration::ZERO),
        }
    }

    /// Runs queued commands until the queue is closed.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>, state: watch::Sender<State>) {
        let mut changes = state.subscribe();
        let _stopped = NotifyStopped(state);
        let mut jobs = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                count = queue.recv_many(&mut jobs, BATCH) => if count == 0 { break },
                _ = changes.wait_for(|state| *state != State::Running), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
            }
            Self::wait_for_more(self.last_batch, &mut jobs, &mut queue).await;
            self.leave_gap().await;
            let (count, started) = (jobs.len(), Instant::now());
            if AssertUnwindSafe(self.batch(&mut jobs, &mut queue)).catch_unwind().await.is_err() {
                self.abandon(&mut jobs);
            }
            self.last_batch = (count + queue.len(), started.elapsed());
            self.shorten_wal().await;
            self.free_since = Instant::now();
        }
        self.finish().await;
    }

    /// Cleans up after a panic: drops the connection, which rolls back, and the cache, and answers every job
    /// with [`Error::Lost`].
    fn abandon(&mut self, jobs: &mut Vec<Box<dyn Job>>) {
        tracing::error!(commands = jobs.len(), "a batch of writes came to no end");
        (self.connection, self.cache) = (None, None);
        self.told.failing.store(true, Ordering::Relaxed);
        for job in jobs.drain(..) {
            job.answer(Some(&Error::Lost));
        }
    }

    /// Waits briefly for more commands if the last batch was large.
    async fn wait_for_more(
        (demand, took): (usize, Duration),
        jobs: &mut Vec<Box<dyn Job>>,
        queue: &mut mpsc::Receiver<Box<dyn Job>>,
    ) {
        let until = tokio::time::Instant::now() + (took / GATHER_PART).min(MOST_GATHERING);
        while demand >= GATHER_FROM && jobs.len() < demand.min(BATCH) {
            let more = queue.recv_many(jobs, BATCH - jobs.len());
            if timeout_at(until, more).await.unwrap_or_default() == 0 {
                return;
            }
        }
    }

    /// Truncates the WAL if needed. A failure is only logged: the writes are durable already.
    async fn shorten_wal(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if let Err(error) = self.engine.shorten_wal(connection).await {
            tracing::warn!(%error, "the log of the register could not be begun again");
        }
    }

    /// Finishes and drops the connection.
    async fn finish(mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if let Err(error) = self.engine.finish(&mut connection).await {
            tracing::warn!(%error, "the log of the register was not copied to its file");
        }
    }

    /// Leaves a gap of `LOCK_GAP` after `BUSY_LIMIT` of work, so that other processes can take the write
    /// lock.
    async fn leave_gap(&mut self) {
        if self.free_since.elapsed() < LOCK_GAP {
            if self.busy_since.elapsed() < BUSY_LIMIT {
                return;
            }
            self.clock.pause(LOCK_GAP).await;
        }
        self.busy_since = Instant::now();
    }

    async fn batch(&mut self, jobs: &mut Vec<Box<dyn Job>>, queue: &mut mpsc::Receiver<Box<dyn Job>>) {
        let outcome = match self.begin().await {
            Ok((connection, head)) => self.commit(connection, head, jobs).await,
            Err(error) => {
                // Commands queued meanwhile fail as well: they would only wait as long for the same error.
                jobs.extend(std::iter::from_fn(|| queue.try_recv().ok()));
                Err(error.before_the_batch())
            }
        };
        let failure = match outcome {
            Ok(committed) => {
                self.told.commits.fetch_add(1, Ordering::Relaxed);
                self.told.newest.send_if_modified(|newest| newest.learn(committed));
                None
            }
            Err(error) => {
                tracing::error!(%error, commands = jobs.len(), "a batch of writes failed");
                Some(error)
            }
        };
        self.told.failing.store(failure.is_some(), Ordering::Relaxed);
        for job in jobs.drain(..) {
            job.answer(failure.as_ref());
        }
    }

    /// Runs the commands in one transaction. A database error fails the whole batch and drops the connection,
    /// whose transaction state is then unknown.
    async fn commit(
        &mut self,
        connection: Connection,
        head: Head,
        jobs: &mut [Box<dyn Job>],
    ) -> Result<Newest, Error> {
        let (before, due_before) = (head.revision, head.due_at);
        // Equal digests mean equal histories: no other process has written since.
        let known = self.cache.take().filter(|(digest, _)| *digest == head.digest);
        let cache = known.map_or_else(WriterCache::default, |(_, cache)| cache.kept());
        let mut write = Write::new(connection, head, self.clock.now(), cache);
        if write.head().due_at.is_some_and(|due| due <= write.now()) {
            (self.tick)(&mut write).await?;
        }
        let needs: Vec<&Needs> = jobs.iter().map(|job| job.needs()).collect();
        match write.preload(&needs).await {
            // The command that needs the damaged row will meet it again, and no other. What the tick has
            // changed is only in the cache and the buffer: write it before the cache is dropped.
            Err(error) if error.is_own() => {
                write.write_buffered().await?;
                write.cache = WriterCache::default();
            }
            preloaded => preloaded?,
        }
        let count = jobs.len();
        for (done, job) in (1..).zip(jobs) {
            job.run(&mut write).await?;
            write.undo().await?;
            if done % WRITE_EVERY == 0 && done < count {
                write.start_writing();
            }
        }
        let mut last = write.take_buffered();
        let (mut connection, head, cache) = write.into_parts();
        if (head.revision, head.due_at) != (before, due_before) {
            last.push(self.engine.with_notify(stored(&head)));
        }
        last.push(Statement::new("COMMIT"));
        connection.execute_all(last).await?;
        self.told.statements.fetch_add(connection.take_statements(), Ordering::Relaxed);
        self.connection = Some(connection);
        self.cache = Some((head.digest, cache));
        Ok(Newest::of(&head))
    }

    /// The connection, in a transaction that holds the write lock, and the head.
    async fn begin(&mut self) -> Result<(Connection, Head), Error> {
        self.engine.check_place()?;
        let started = Instant::now();
        if let Some(kept) = self.connection.take() {
            match self.begin_on_connection(kept, started).await {
                Err(error) if !matches!(error, Error::Busy) => {
                    // The server may have restarted; nothing has been done in this transaction yet.
                    tracing::warn!(%error, "the writer's connection was lost");
                }
                outcome => return outcome,
            }
        }
        loop {
            match self.engine.writer().await {
                Ok(connection) => return self.begin_on_connection(connection, started).await,
                Err(error) => error.await_turn(&self.clock, started, LOCK_WAIT).await?,
            }
        }
    }

    async fn begin_on_connection(
        &mut self,
        mut connection: Connection,
        started: Instant,
    ) -> Result<(Connection, Head), Error> {
        loop {
            match self.engine.begin_on(&mut connection).await {
                Ok(head) => return Ok((connection, Head::try_from(head)?)),
                Err(error) => error.await_turn(&self.clock, started, LOCK_WAIT).await?,
            }
        }
    }
}

fn stored(head: &Head) -> Statement {
    Statement::new("UPDATE head SET revision = $1, digest = $2, recorded_at = $3, due_at = $4 WHERE one = 1")
        .with(head.revision)
        .with(head.digest.to_vec())
        .with(head.recorded_at)
        .with(head.due_at)
}
