//! Batches: commands that wait at the same time run one after another in one transaction, and are committed with
//! one flush.

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

/// The most commands in one commit.
const BATCH: usize = 256;
/// The rows of so many commands are on their way while further ones run.
const WRITE_EVERY: usize = 16;
/// From so many who ask at once on, a batch waits for those who have just been answered, for this part of the time
/// that the last batch took, and no longer than that. A page is written once for all commands that touch it.
const GATHER_FROM: usize = 16;
const GATHER_PART: u32 = 4;
const MOST_GATHERING: Duration = Duration::from_millis(10);
/// How long a batch tries to get its turn among other processes.
const LOCK_WAIT: Duration = Duration::from_secs(30);
/// After so long without a pause the writer makes one, so that another process gets its turn.
const BUSY_LIMIT: Duration = Duration::from_millis(200);
/// How long a pause is at least: longer than the time between two tries of the other process.
const LOCK_GAP: Duration = Duration::from_millis(5);

/// The task that owns the writing connection.
pub(super) struct Batches {
    engine: Arc<Engine>,
    clock: Clock,
    tick: Tick,
    told: Told,
    connection: Option<Connection>,
    /// What is known of the register at the revision with this digest.
    cache: Option<([u8; 32], WriterCache)>,
    /// Since when nobody else is known to have had time for a turn, and since when the lock is free.
    busy_since: Instant,
    free_since: Instant,
    /// How many asked while the last batch was made, or had been answered by it, and how long it took.
    crowd: (usize, Duration),
}

/// Tells that the task is over as it ends, however it does: whoever stops it waits for that.
struct TellStopped(watch::Sender<State>);

impl Drop for TellStopped {
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
            crowd: (0, Duration::ZERO),
        }
    }

    /// Runs what is queued, until the queue is closed.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>, state: watch::Sender<State>) {
        let mut told = state.subscribe();
        let _stopped = TellStopped(state);
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
            Self::wait_for_more(self.crowd, &mut jobs, &mut queue).await;
            self.leave_gap().await;
            let (count, started) = (jobs.len(), Instant::now());
            if AssertUnwindSafe(self.batch(&mut jobs, &mut queue)).catch_unwind().await.is_err() {
                self.abandon(&mut jobs);
            }
            self.crowd = (count + queue.len(), started.elapsed());
            self.shorten_wal().await;
            self.free_since = Instant::now();
        }
        self.finish().await;
    }

    /// Forgets what a batch knew that came to no end, and tells those who wait for it. What it did is undone with its
    /// connection.
    fn abandon(&mut self, jobs: &mut Vec<Box<dyn Job>>) {
        tracing::error!(commands = jobs.len(), "a batch of writes came to no end");
        (self.connection, self.cache) = (None, None);
        self.told.failing.store(true, Ordering::Relaxed);
        for job in jobs.drain(..) {
            job.answer(Some(&Error::Lost));
        }
    }

    /// Lets those join a batch who have just been answered, and ask again, if they are many.
    async fn wait_for_more(
        (crowd, took): (usize, Duration),
        jobs: &mut Vec<Box<dyn Job>>,
        queue: &mut mpsc::Receiver<Box<dyn Job>>,
    ) {
        let until = tokio::time::Instant::now() + (took / GATHER_PART).min(MOST_GATHERING);
        while crowd >= GATHER_FROM && jobs.len() < crowd.min(BATCH) {
            let more = queue.recv_many(jobs, BATCH - jobs.len());
            if timeout_at(until, more).await.unwrap_or_default() == 0 {
                return;
            }
        }
    }

    /// Looks after what writes leave behind; what they wrote is safe already.
    async fn shorten_wal(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if let Err(error) = self.engine.shorten_wal(connection).await {
            tracing::warn!(%error, "the log of the register could not be begun again");
        }
    }

    /// Lets go of the connection.
    async fn finish(mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if let Err(error) = self.engine.finish(&mut connection).await {
            tracing::warn!(%error, "the log of the register was not copied to its file");
        }
    }

    /// Leaves a gap now and then for other processes, whose commands wait for the same lock, unless there has just
    /// been one.
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
                // What came in the meantime would only wait as long again, for the same.
                jobs.extend(std::iter::from_fn(|| queue.try_recv().ok()));
                Err(error)
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
        let known = self.cache.take().filter(|(digest, _)| *digest == head.digest);
        let cache = known.map_or_else(WriterCache::default, |(_, cache)| cache.kept());
        let mut write = Write::new(connection, head, self.clock.now(), cache);
        if write.head().due_at.is_some_and(|due| due <= write.now()) {
            (self.tick)(&mut write).await?;
        }
        let needs: Vec<&Needs> = jobs.iter().map(|job| job.needs()).collect();
        match write.preload(&needs).await {
            // Whoever needs what is damaged will meet it again, and nobody else. What a date has changed by passing
            // stands nowhere else until it is written.
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

    /// The connection, inside a transaction that has the register to itself, and the head.
    async fn begin(&mut self) -> Result<(Connection, Head), Error> {
        self.engine.check_place()?;
        let started = Instant::now();
        if let Some(kept) = self.connection.take() {
            match self.begin_on_connection(kept, started).await {
                Err(error) if !matches!(error, Error::Busy) => {
                    // The server may have been restarted since; nothing has been done on it yet.
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
