//! Request coalescing: concurrent single-statement reads share one round trip.
//!
//! A round trip costs more than most reads. A read that arrives while one of the same SQL text is in flight
//! is queued, and the next statement serves the whole queue. It starts after they were queued, so each sees
//! every commit acknowledged before it. A lone read never waits.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

use super::bundle::{Texts, check_documents};
use super::engine::Engine;
use super::error::Error;
use super::head::{FROM_HEAD, HEAD_COLUMNS, HEAD_WIDTH, Head, HeadRow};
use super::statement::{Connection, Statement};

/// The most statements in flight at once.
pub(super) const MOST_AT_ONCE: u32 = 4;
/// The most reads per statement; a full queue starts another worker at once.
const MOST_TOGETHER: usize = 8;

/// The head, and the result of the read.
type HeadAndText = (Head, Option<String>);
/// The channel to a caller.
type Waiter = oneshot::Sender<Result<HeadAndText, Error>>;

/// Waiting reads by SQL text, and idle connections kept outside the pool, whose checks on acquire and release
/// cost more than most reads.
pub(super) struct Coalescer {
    engine: Arc<Engine>,
    queues: Mutex<HashMap<String, Queue>>,
    connections: Mutex<Vec<Connection>>,
    permits: Semaphore,
    count: AtomicU64,
}

/// The waiting reads of one SQL text, and the number of workers that serve them.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<QueuedRead>,
    workers: u32,
}

/// A read, and its callers.
struct QueuedRead {
    statement: Statement,
    waiters: Vec<Waiter>,
}

impl Coalescer {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        let permits = Semaphore::new(MOST_AT_ONCE as usize);
        let (queues, connections, count) = Default::default();
        Self { engine, queues, connections, permits, count }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, Queue>> {
        // No code that holds this lock leaves the map inconsistent if it panics.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head and the text that a statement selects, as of a time after the call. Each item of the text
    /// ends with a stored document, which has been checked.
    pub(super) async fn fetch(self: &Arc<Self>, statement: Statement) -> Result<HeadAndText, Error> {
        let (waiter, answer) = oneshot::channel();
        if let Some(worker) = self.enqueue(statement, waiter) {
            // A separate task: the caller may be dropped, but other callers have joined.
            tokio::spawn(worker.run());
        }
        answer.await.map_err(|_gone| Error::Closed)?
    }

    /// The number of statements run.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Queues a read; returns a worker if one must be started.
    fn enqueue(self: &Arc<Self>, statement: Statement, waiter: Waiter) -> Option<Worker> {
        let form = statement.text();
        let mut queues = self.queues();
        if !queues.contains_key(form) {
            queues.insert(form.to_owned(), Queue::default());
        }
        let queue = queues.get_mut(form)?;
        if let Some(same) = queue.waiting.iter_mut().find(|queued| queued.statement == statement) {
            same.waiters.push(waiter);
            return None;
        }
        let full = (queue.waiting.len() + 1).is_multiple_of(MOST_TOGETHER);
        let wanted = queue.workers == 0 || (full && queue.workers < MOST_AT_ONCE);
        let worker = wanted.then(|| {
            queue.workers += 1;
            Worker { coalescer: Arc::clone(self), form: form.to_owned(), done: false }
        });
        queue.waiting.push_back(QueuedRead { statement, waiters: vec![waiter] });
        worker
    }

    /// Runs one statement for all reads. After an error the connection returns to the pool, which checks it.
    async fn fetch_batch(&self, queued: Vec<Statement>) -> Result<(Head, Vec<Option<String>>), Error> {
        let kept = self.connections().pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.engine.autocommit_reader().await?,
        };
        let statement =
            Statement::new("SELECT ").push(HEAD_COLUMNS).push(", ").columns(queued).push(FROM_HEAD);
        self.count.fetch_add(1, Ordering::Relaxed);
        let CoalescedRow { head, shown: Texts(shown) } = connection.fetch_one(statement).await?;
        let mut connections = self.connections();
        if !self.permits.is_closed() {
            connections.push(connection);
        }
        drop(connections);
        Ok((head.try_into()?, shown))
    }

    /// Returns every connection to the pool and stops the workers.
    pub(super) fn close(&self) {
        self.permits.close();
        self.connections().clear();
    }
}

/// Serves the reads of one SQL text until none waits.
struct Worker {
    coalescer: Arc<Coalescer>,
    form: String,
    done: bool,
}

impl Worker {
    async fn run(mut self) {
        let coalescer = Arc::clone(&self.coalescer);
        loop {
            // Reads queued while waiting for the permit join this batch.
            let permit = coalescer.permits.acquire().await;
            let Some(queued) = self.next() else { return };
            let (statements, waiters): (Vec<_>, Vec<_>) =
                queued.into_iter().map(|queued| (queued.statement, queued.waiters)).unzip();
            let found = coalescer.fetch_batch(statements).await;
            drop(permit);
            send_results(waiters, found);
        }
    }

    /// The next reads. Their number is a power of two, so that few texts are prepared.
    fn next(&mut self) -> Option<Vec<QueuedRead>> {
        let mut queues = self.coalescer.queues();
        let Some(queue) = queues.get_mut(&self.form) else {
            self.done = true;
            return None;
        };
        if let Some(size) = queue.waiting.len().min(MOST_TOGETHER).checked_ilog2() {
            return Some(queue.waiting.drain(..1 << size).collect());
        }
        queue.workers = queue.workers.saturating_sub(1);
        if queue.workers == 0 {
            queues.remove(&self.form);
        }
        self.done = true;
        None
    }
}

impl Drop for Worker {
    /// After a panic, drops the queue: its waiters get `Error::Closed`.
    fn drop(&mut self) {
        if !self.done {
            self.coalescer.queues().remove(&self.form);
        }
    }
}

/// Sends each caller its result. Some may be gone.
fn send_results(waiters: Vec<Vec<Waiter>>, found: Result<(Head, Vec<Option<String>>), Error>) {
    match found {
        Ok((head, shown)) => {
            for (waiters, shown) in waiters.into_iter().zip(shown) {
                // Once per read, not per caller.
                match shown.as_deref().map_or(Ok(()), check_documents) {
                    Ok(()) => send_all(waiters, || Ok((head.clone(), shown.clone()))),
                    Err(error) => fail_all(waiters, error),
                }
            }
        }
        Err(error) => fail_all(waiters.into_iter().flatten(), error),
    }
}

fn fail_all(waiters: impl IntoIterator<Item = Waiter>, error: Error) {
    let shared = Arc::new(error);
    send_all(waiters, || Err(Error::Shared(Arc::clone(&shared))));
}

fn send_all(waiters: impl IntoIterator<Item = Waiter>, outcome: impl Fn() -> Result<HeadAndText, Error>) {
    for waiter in waiters {
        drop(waiter.send(outcome()));
    }
}

/// The head, and a text for each who asked.
#[derive(sqlx::FromRow)]
struct CoalescedRow {
    #[sqlx(flatten)]
    head: HeadRow,
    #[sqlx(flatten)]
    shown: Texts<HEAD_WIDTH>,
}
