//! The hub: every new revision is read and rendered once on this node, however many follow the stream.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::changes::written;
use super::key_watch::KeyWatch;
use crate::app::feed::{self, Entry};
use crate::app::{ChangeFilter, Error, Register, Wanted};
use crate::domain::thing::{Kind, ThingRef};

/// The most revisions that are kept ready, and about how many bytes of them.
const MOST_EVENTS: usize = 4096;
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// About how many changes are read at a time.
const PAGE: i64 = 500;
/// How many of those who are behind read from the register at a time.
const BEHIND: usize = 4;
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// A revision, ready to send.
#[derive(Debug)]
pub(crate) struct Event {
    revision: i64,
    /// Everything in it, as one event.
    whole: Bytes,
    parts: Vec<Part>,
}

/// A change, ready to send, and what tells whether somebody wants it.
#[derive(Debug)]
struct Part {
    json: Bytes,
    kind: Kind,
    touches: Vec<ThingRef>,
}

impl Part {
    fn passes(&self, narrowing: &ChangeFilter) -> bool {
        let touches = |any: &Vec<ThingRef>| any.iter().any(|thing| self.touches.contains(thing));
        (narrowing.kinds.is_empty() || narrowing.kinds.contains(&self.kind))
            && narrowing.touching.iter().all(touches)
    }
}

impl Event {
    fn new(epoch: &str, revision: i64, parts: Vec<(String, Kind, Vec<ThingRef>)>) -> Self {
        let texts: Vec<&str> = parts.iter().map(|(text, ..)| text.as_str()).collect();
        let whole = Bytes::from(rendered(epoch, revision, &texts));
        let parts = parts.into_iter().map(|(text, kind, touches)| Part { json: text.into(), kind, touches });
        Self { revision, whole, parts: parts.collect() }
    }

    /// What it says to somebody who wants only some changes; `None` if that is nothing.
    pub(crate) fn told(&self, epoch: &str, narrowing: &ChangeFilter) -> Option<Bytes> {
        let wanted: Vec<&str> = self
            .parts
            .iter()
            .filter(|part| part.passes(narrowing))
            .filter_map(|part| std::str::from_utf8(&part.json).ok())
            .collect();
        match wanted.len() {
            0 => None,
            all if all == self.parts.len() => Some(self.whole.clone()),
            _ => Some(rendered(epoch, self.revision, &wanted).into()),
        }
    }

    fn size(&self) -> usize {
        self.whole.len() + self.parts.iter().map(|part| part.json.len()).sum::<usize>()
    }
}

/// Changes of one revision as an event.
fn rendered(epoch: &str, revision: i64, changes: &[&str]) -> String {
    format!("event: revision\nid: {epoch}.{revision}\ndata: [{}]\n\n", changes.join(","))
}

/// The newest revisions, ready to send: one after the other, without gaps.
#[derive(Debug, Default)]
struct Ring {
    epoch: String,
    newest: i64,
    events: VecDeque<Arc<Event>>,
    bytes: usize,
}

impl Ring {
    fn push(&mut self, event: Event) {
        self.newest = event.revision;
        self.bytes += event.size();
        self.events.push_back(Arc::new(event));
        while self.events.len() > MOST_EVENTS || (self.bytes > MOST_BYTES && self.events.len() > 1) {
            let oldest = self.events.pop_front();
            self.bytes -= oldest.map_or(0, |event| event.size());
        }
    }
}

/// What comes after a position.
pub(crate) enum After {
    /// The next revision.
    Event(Arc<Event>, i64),
    /// Nothing yet.
    Nothing,
    /// More than is kept ready: it must be read from the register.
    Behind,
    /// The position is of a register that is no longer served.
    Gone,
}

/// A page of events from the register.
pub(crate) struct Events {
    /// The events.
    pub(crate) text: String,
    /// The position after them.
    pub(crate) next: i64,
}

struct Shared {
    register: Register,
    ring: RwLock<Ring>,
    newest: watch::Sender<i64>,
    behind: Semaphore,
}

/// The newest revisions, ready to send to everybody who follows them.
pub(crate) struct Hub {
    shared: Arc<Shared>,
    /// Whose streams may go on.
    pub(crate) key_watch: Arc<KeyWatch>,
    /// What keeps the hub up to date, from the first subscriber on and as long as there is a hub.
    tasks: OnceLock<JoinSet<()>>,
}

impl Hub {
    /// A hub that begins once somebody follows it.
    pub(crate) fn new(register: &Register) -> Self {
        let shared = Shared {
            register: register.clone(),
            ring: RwLock::default(),
            newest: watch::Sender::new(0),
            behind: Semaphore::new(BEHIND),
        };
        Self { shared: Arc::new(shared), key_watch: Arc::default(), tasks: OnceLock::new() }
    }

    /// Follows the register from the newest revision on, if nobody has made it do so yet.
    pub(crate) fn begin(&self, epoch: &str, newest: i64) {
        self.tasks.get_or_init(|| {
            if let Ok(mut ring) = self.shared.ring.write() {
                *ring = Ring { epoch: epoch.to_owned(), newest, ..Ring::default() };
            }
            let mut tasks = JoinSet::new();
            tasks.spawn(follow(Arc::clone(&self.shared), newest));
            tasks.spawn(Arc::clone(&self.key_watch).keep(self.shared.register.clone()));
            tasks
        });
    }

    /// Tells of revisions that come after this call.
    pub(crate) fn news(&self) -> watch::Receiver<i64> {
        self.shared.newest.subscribe()
    }

    /// What comes after a position.
    pub(crate) fn after(&self, epoch: &str, position: i64) -> After {
        let Ok(ring) = self.shared.ring.read() else { return After::Gone };
        if ring.epoch != epoch {
            return After::Gone;
        }
        if position >= ring.newest {
            return After::Nothing;
        }
        let first = ring.events.front().map_or(ring.newest + 1, |event| event.revision);
        let event = usize::try_from(position + 1 - first).ok().and_then(|index| ring.events.get(index));
        event.map_or(After::Behind, |event| After::Event(Arc::clone(event), event.revision))
    }

    /// The events after a position from the register, for somebody who is behind.
    pub(crate) async fn read(&self, position: i64, narrowing: &ChangeFilter) -> Result<Events, Error> {
        let _turn = self.shared.behind.acquire().await;
        let mut read = self.shared.register.read(Wanted::Newest).await?;
        let page = feed::page(&mut read, position, PAGE, narrowing).await?;
        let epoch = read.head().epoch.clone();
        drop(read);
        let mut text = String::new();
        for changes in page.items.chunk_by(|one, other| one.change.revision == other.change.revision) {
            let revision = changes.first().map_or(0, |entry| entry.change.revision);
            let changes: Vec<String> = changes.iter().map(written).collect();
            let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
            text.push_str(&rendered(&epoch, revision, &changes));
        }
        Ok(Events { text, next: page.next })
    }
}

/// Reads and renders every new revision, for ever.
async fn follow(shared: Arc<Shared>, mut last: i64) {
    loop {
        shared.register.store().changed(last).await;
        match news(&shared, last).await {
            Ok(newest) => last = newest,
            Err(error) => {
                tracing::warn!(%error, "the changes could not be followed");
                shared.register.store().clock().pause(PAUSE).await;
            }
        }
    }
}

/// Reads and renders what came after a revision.
async fn news(shared: &Shared, last: i64) -> Result<i64, Error> {
    let mut read = shared.register.read(Wanted::Newest).await?;
    let page = feed::page(&mut read, last, PAGE, &ChangeFilter::default()).await?;
    let mut beside: HashMap<(i64, i64), Vec<ThingRef>> = HashMap::new();
    for (change, thing) in read.touched_between(last + 1, page.next).await? {
        beside.entry(change).or_default().push(thing);
    }
    let epoch = read.head().epoch.clone();
    drop(read);
    let mut events: VecDeque<Event> = VecDeque::new();
    for changes in page.items.chunk_by(|one, other| one.change.revision == other.change.revision) {
        let revision = changes.first().map_or(0, |entry| entry.change.revision);
        let part = |entry: &Entry| {
            let mut touches = beside.remove(&(revision, entry.change.ordinal)).unwrap_or_default();
            touches.push(entry.change.thing.clone());
            (written(entry), entry.change.thing.kind, touches)
        };
        events.push_back(Event::new(&epoch, revision, changes.iter().map(part).collect()));
    }
    if let Ok(mut ring) = shared.ring.write() {
        if ring.epoch != epoch {
            *ring = Ring { epoch: epoch.clone(), newest: last, ..Ring::default() };
        }
        for revision in last + 1..=page.next {
            let next = events.pop_front_if(|event| event.revision == revision);
            ring.push(next.unwrap_or_else(|| Event::new(&epoch, revision, Vec::new())));
        }
    }
    shared.newest.send_replace(page.next);
    Ok(page.next)
}
