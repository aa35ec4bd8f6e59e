//! Coalescer: ways to the engine and back, which those who ask at the same time share.
//!
//! A way there and back takes longer than most of what is asked for. So whoever asks while a statement of the
//! same form is under way waits with the others who do, and the next one asks for all of them. It begins after
//! they have asked, so that each sees what was acknowledged by then. Who asks alone waits for nobody.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

use super::bundle::{Texts, check_documents};
use super::engine::Engine;
use super::error::Error;
use super::head::{FROM_HEAD, HEAD_COLUMNS, HEAD_WIDTH, Head, HeadRow};
use super::statement::{Connection, Statement};

/// How many crossings there are at once at most.
pub(super) const MOST_AT_ONCE: u32 = 4;
/// How much one statement asks for at most. Where so many wait, they wait for none that is under way.
const MOST_TOGETHER: usize = 8;

/// The newest revision, and what was asked for.
type HeadAndText = (Head, Option<String>);
/// Whom to tell.
type Waiter = oneshot::Sender<Result<HeadAndText, Error>>;

/// Those who wait, by the form of what they ask for, and the connections kept at hand for them: a pool tests
/// each as it is given out and as it is taken back, and either takes longer than most statements.
pub(super) struct Coalescer {
    engine: Arc<Engine>,
    queues: Mutex<HashMap<String, Queue>>,
    connections: Mutex<Vec<Connection>>,
    permits: Semaphore,
    count: AtomicU64,
}

/// Those who ask for something of one form, and how many carriers see to them.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<QueuedRead>,
    workers: u32,
}

/// What is asked for, and by whom.
struct QueuedRead {
    statement: Statement,
    by: Vec<Waiter>,
}

impl Coalescer {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        let permits = Semaphore::new(MOST_AT_ONCE as usize);
        let (queues, connections, count) = Default::default();
        Self { engine, queues, connections, permits, count }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, Queue>> {
        // Nothing here can panic half way.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head, and the one text that a statement comes to, at a moment that comes after the call. It is of items
    /// that each end with a stored document, which has been found fit to be shown.
    pub(super) async fn fetch(self: &Arc<Self>, statement: Statement) -> Result<HeadAndText, Error> {
        let (waiter, told) = oneshot::channel();
        if let Some(worker) = self.enqueue(statement, waiter) {
            // Whoever asks may go away, and leaves behind those who have joined.
            tokio::spawn(worker.run());
        }
        told.await.map_err(|_gone| Error::Closed)?
    }

    /// How many there have been.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Lets somebody wait with the others, and tells who is to see to them, if nobody does yet.
    fn enqueue(self: &Arc<Self>, statement: Statement, waiter: Waiter) -> Option<Worker> {
        let form = statement.text();
        let mut queues = self.queues();
        if !queues.contains_key(form) {
            queues.insert(form.to_owned(), Queue::default());
        }
        let queue = queues.get_mut(form)?;
        if let Some(same) = queue.waiting.iter_mut().find(|queued| queued.statement == statement) {
            same.by.push(waiter);
            return None;
        }
        let full = (queue.waiting.len() + 1).is_multiple_of(MOST_TOGETHER);
        let wanted = queue.workers == 0 || (full && queue.workers < MOST_AT_ONCE);
        let worker = wanted.then(|| {
            queue.workers += 1;
            Worker { coalescer: Arc::clone(self), form: form.to_owned(), done: false }
        });
        queue.waiting.push_back(QueuedRead { statement, by: vec![waiter] });
        worker
    }

    /// What is found by one statement for all that is asked. A connection on which it failed goes back to the
    /// pool, which looks whether it is still good.
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

    /// Gives every connection back to its pool, for good.
    pub(super) fn close(&self) {
        self.permits.close();
        self.connections().clear();
    }
}

/// Sees to those who ask for something of one form, until nobody waits.
struct Worker {
    coalescer: Arc<Coalescer>,
    form: String,
    done: bool,
}

impl Worker {
    async fn run(mut self) {
        let coalescer = Arc::clone(&self.coalescer);
        loop {
            // Whoever asks before there is a place comes along.
            let permit = coalescer.permits.acquire().await;
            let Some(queued) = self.next() else { return };
            let (statements, waiters): (Vec<_>, Vec<_>) =
                queued.into_iter().map(|queued| (queued.statement, queued.by)).unzip();
            let found = coalescer.fetch_batch(statements).await;
            drop(permit);
            tell(waiters, found);
        }
    }

    /// What is asked for next. How much that is is a power of two, so that few texts are prepared.
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
    /// Whoever waits for one that broke off learns of it, and the next one begins anew.
    fn drop(&mut self) {
        if !self.done {
            self.coalescer.queues().remove(&self.form);
        }
    }
}

/// Tells those who asked what was found for each. Some may have gone away.
fn tell(waiters: Vec<Vec<Waiter>>, found: Result<(Head, Vec<Option<String>>), Error>) {
    match found {
        Ok((head, shown)) => {
            for (waiters, shown) in waiters.into_iter().zip(shown) {
                // Once for all who asked for the same.
                match shown.as_deref().map_or(Ok(()), check_documents) {
                    Ok(()) => tell_all(waiters, || Ok((head.clone(), shown.clone()))),
                    Err(error) => fail_all(waiters, error),
                }
            }
        }
        Err(error) => fail_all(waiters.into_iter().flatten(), error),
    }
}

fn fail_all(waiters: impl IntoIterator<Item = Waiter>, error: Error) {
    let shared = Arc::new(error);
    tell_all(waiters, || Err(Error::Shared(Arc::clone(&shared))));
}

fn tell_all(waiters: impl IntoIterator<Item = Waiter>, outcome: impl Fn() -> Result<HeadAndText, Error>) {
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
