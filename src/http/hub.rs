//! The hub reads and renders every new revision once per process, however many subscribers the stream has.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::changes::write_change;
use super::key_watch::KeyWatch;
use crate::app::feed::{self, Entry};
use crate::app::{ChangeFilter, Error, Register, Wanted};
use crate::domain::thing::{Kind, ThingRef};

/// Limits of the ring: revisions, and approximate bytes.
const MOST_EVENTS: usize = 4096;
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// The page size for reading the feed; a revision is never split, so a page may be longer.
const PAGE: i64 = 500;
/// The most concurrent reads of the register for subscribers that are behind.
const MOST_CATCHING_UP: usize = 4;
/// Larger data, in bytes, is shared rather than copied; larger pages take permits from `room`.
const SMALL: usize = 128 * 1024;
/// Memory for large pages of subscribers that are behind, in KiB: a page holds its part until every receiver
/// has sent it.
const ROOM_KIB: u32 = 64 * 1024;
/// The approximate size of a rendered change without its documents, in bytes.
const OVERHEAD: usize = 300;
/// The delay before a retry after an error.
const PAUSE: Duration = Duration::from_millis(500);

/// A revision, rendered.
#[derive(Debug)]
pub(crate) struct Event {
    revision: i64,
    /// All changes, as one event.
    whole: Bytes,
    parts: Vec<Part>,
}

/// A change: its byte range in the event, and what filters test.
#[derive(Debug)]
struct Part {
    at: Range<usize>,
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
    /// Renders a revision; each change comes with the things it touches.
    fn new(epoch: &str, revision: i64, changes: Vec<(Entry, Vec<ThingRef>)>) -> Self {
        let mut whole = String::with_capacity(room_for(changes.iter().map(|(entry, _)| entry)));
        whole.push_str(&beginning(epoch, revision));
        let mut parts = Vec::with_capacity(changes.len());
        // Entries are dropped as they are written, so that a large revision is not in memory twice.
        for (entry, touches) in changes {
            if !parts.is_empty() {
                whole.push(',');
            }
            let begins = whole.len();
            write_change(&mut whole, &entry);
            parts.push(Part { at: begins..whole.len(), kind: entry.change.thing.kind, touches });
        }
        whole.push_str(END);
        Self { revision, whole: whole.into(), parts }
    }

    /// The event narrowed to a filter, as slices of the shared bytes; empty if no change passes.
    pub(crate) fn told(&self, epoch: &str, narrowing: &ChangeFilter) -> VecDeque<Bytes> {
        let parts: Vec<(bool, &Part)> =
            self.parts.iter().map(|part| (part.passes(narrowing), part)).collect();
        let wanted = parts.iter().filter(|(wanted, _)| *wanted).count();
        if wanted == 0 {
            return VecDeque::new();
        }
        if wanted == parts.len() {
            return [self.whole.clone()].into();
        }
        let mut pieces = VecDeque::from([Bytes::from(beginning(epoch, self.revision))]);
        // A run of adjacent changes is one slice, with the commas between them.
        for run in parts.chunk_by(|(one, _), (other, _)| one == other) {
            let (Some((true, first)), Some((_, last))) = (run.first(), run.last()) else { continue };
            if pieces.len() > 1 {
                pieces.push_back(Bytes::from_static(b","));
            }
            pieces.push_back(self.whole.slice(first.at.start..last.at.end));
        }
        pieces.push_back(Bytes::from_static(END.as_bytes()));
        // A small event is copied into one piece, which costs less than sharing several.
        let size: usize = pieces.iter().map(Bytes::len).sum();
        if size > SMALL {
            return pieces;
        }
        [Bytes::from(pieces.iter().flatten().copied().collect::<Vec<u8>>())].into()
    }

    fn size(&self) -> usize {
        self.whole.len() + self.parts.len() * size_of::<Part>()
    }
}

/// The beginning of an event, up to its comma-separated changes.
fn beginning(epoch: &str, revision: i64) -> String {
    format!("event: revision\nid: {epoch}.{revision}\ndata: [")
}

/// The end of an event.
const END: &str = "]\n\n";

/// The approximate size of the rendered changes, in bytes, so that the buffer seldom grows.
fn room_for<'e>(entries: impl Iterator<Item = &'e Entry>) -> usize {
    let document = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    entries.map(|entry| document(&entry.change.before) + document(&entry.change.after) + OVERHEAD).sum()
}

/// The newest revisions, rendered and contiguous.
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

/// What follows a position.
pub(crate) enum After {
    /// The next revision.
    Event(Arc<Event>, i64),
    /// No newer revision yet.
    Nothing,
    /// The position is older than the ring: read from the register.
    Behind,
    /// The position is of another epoch.
    Gone,
}

/// A page of events from the register, shared by everyone that is sent it.
struct Page {
    text: String,
    /// The position after the events.
    next: i64,
    /// The page's permits for [`ROOM_KIB`], if it is large.
    _room: Option<OwnedSemaphorePermit>,
}

/// A subscriber's handle to a page.
pub(crate) struct Events(Arc<Page>);

impl Events {
    /// The position after the events.
    pub(crate) fn next(&self) -> i64 {
        self.0.next
    }

    /// The events, without a copy; `None` if there are none.
    pub(crate) fn bytes(self) -> Option<Bytes> {
        (!self.0.text.is_empty()).then(|| Bytes::from_owner(self))
    }
}

impl AsRef<[u8]> for Events {
    fn as_ref(&self) -> &[u8] {
        self.0.text.as_bytes()
    }
}

/// Pages being made or sent, by position and filter: equal requests wait for the first and share its page.
type Pages = HashMap<(i64, ChangeFilter), Arc<AsyncMutex<Weak<Page>>>>;

struct Shared {
    register: Register,
    ring: RwLock<Ring>,
    newest: watch::Sender<i64>,
    behind: Semaphore,
    room: Arc<Semaphore>,
    pages: Mutex<Pages>,
}

/// The newest revisions, rendered, for every subscriber of the stream.
pub(crate) struct Hub {
    shared: Arc<Shared>,
    /// Which keys still work.
    pub(crate) key_watch: Arc<KeyWatch>,
    /// The background tasks: started by the first subscriber, aborted when the hub is dropped.
    tasks: OnceLock<JoinSet<()>>,
}

impl Hub {
    /// A hub that starts with its first subscriber.
    pub(crate) fn new(register: &Register) -> Self {
        let shared = Shared {
            register: register.clone(),
            ring: RwLock::default(),
            newest: watch::Sender::new(0),
            behind: Semaphore::new(MOST_CATCHING_UP),
            room: Arc::new(Semaphore::new(ROOM_KIB as usize)),
            pages: Mutex::default(),
        };
        Self { shared: Arc::new(shared), key_watch: Arc::default(), tasks: OnceLock::new() }
    }

    /// Starts following the register after revision `newest`, unless started already.
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

    /// Signals revisions announced after this call.
    pub(crate) fn news(&self) -> watch::Receiver<i64> {
        self.shared.newest.subscribe()
    }

    /// What follows a position.
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

    /// Reads the events after a position from the register, for a subscriber that is behind. Dropping the
    /// task aborts it.
    pub(crate) fn read(&self, position: i64, narrowing: &ChangeFilter) -> JoinSet<Result<Events, Error>> {
        let (shared, narrowing) = (Arc::clone(&self.shared), narrowing.clone());
        let mut task = JoinSet::new();
        task.spawn(async move { shared.page(position, narrowing).await.map(Events) });
        task
    }
}

impl Shared {
    /// A page: the shared one if it is still in use, else a new one.
    async fn page(&self, position: i64, narrowing: ChangeFilter) -> Result<Arc<Page>, Error> {
        let slot = {
            let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
            // Drop slots whose page is neither being made nor held.
            pages.retain(|_, slot| {
                Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|page| page.strong_count() > 0)
            });
            Arc::clone(pages.entry((position, narrowing.clone())).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(page) = slot.upgrade() {
            return Ok(page);
        }
        let page = Arc::new(self.new_page(position, &narrowing).await?);
        *slot = Arc::downgrade(&page);
        Ok(page)
    }

    /// Makes a page. A large one needs room until every receiver has sent it; while there is none, it is
    /// dropped, and read again once there is.
    async fn new_page(&self, position: i64, narrowing: &ChangeFilter) -> Result<Page, Error> {
        let mut room: Option<OwnedSemaphorePermit> = None;
        loop {
            let turn = self.behind.acquire().await;
            let (text, next) = self.rendered(position, narrowing).await?;
            let wanted = room_of(text.len());
            let missing = wanted.saturating_sub(room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
            let more = u32::try_from(missing).unwrap_or(ROOM_KIB);
            if missing == 0 {
                return Ok(Page { text, next, _room: room });
            }
            if let Ok(more) = Arc::clone(&self.room).try_acquire_many_owned(more) {
                return Ok(Page { text, next, _room: Some(merged(room, more)) });
            }
            drop((text, turn, room));
            let wanted = u32::try_from(wanted).unwrap_or(ROOM_KIB);
            room = Arc::clone(&self.room).acquire_many_owned(wanted).await.ok();
        }
    }

    /// The events after a position as text, and the position after them.
    async fn rendered(&self, position: i64, narrowing: &ChangeFilter) -> Result<(String, i64), Error> {
        let mut read = self.register.read(Wanted::Newest).await?;
        let page = feed::page(&mut read, position, PAGE, narrowing).await?;
        let epoch = read.head().epoch.clone();
        drop(read);
        let mut text = String::with_capacity(room_for(page.items.iter()));
        let mut before = None;
        // Entries are dropped as they are written, so that a large revision is not in memory twice.
        for entry in page.items {
            let revision = entry.change.revision;
            if before == Some(revision) {
                text.push(',');
            } else {
                text.push_str(if before.is_some() { END } else { "" });
                text.push_str(&beginning(&epoch, revision));
            }
            write_change(&mut text, &entry);
            before = Some(revision);
        }
        text.push_str(if before.is_some() { END } else { "" });
        Ok((text, page.next))
    }
}

/// The room that a page of this size takes, in KiB: none if it is small, at most all.
fn room_of(bytes: usize) -> usize {
    if bytes <= SMALL { 0 } else { bytes.div_ceil(1024).min(ROOM_KIB as usize) }
}

fn merged(room: Option<OwnedSemaphorePermit>, mut more: OwnedSemaphorePermit) -> OwnedSemaphorePermit {
    if let Some(room) = room {
        more.merge(room);
    }
    more
}

/// Reads and renders every new revision until aborted.
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

/// Reads and renders the revisions after `last`; returns the newest one rendered.
async fn news(shared: &Shared, last: i64) -> Result<i64, Error> {
    let mut read = shared.register.read(Wanted::Newest).await?;
    let page = feed::page(&mut read, last, PAGE, &ChangeFilter::default()).await?;
    let mut others: HashMap<(i64, i64), Vec<ThingRef>> = HashMap::new();
    for (change, thing) in read.touched_between(last + 1, page.next).await? {
        others.entry(change).or_default().push(thing);
    }
    let epoch = read.head().epoch.clone();
    drop(read);
    let mut events: VecDeque<Event> = VecDeque::new();
    let mut entries = page.items.into_iter().peekable();
    while let Some(revision) = entries.peek().map(|entry| entry.change.revision) {
        let mut changes = Vec::new();
        while let Some(entry) = entries.next_if(|entry| entry.change.revision == revision) {
            let mut touches = others.remove(&(revision, entry.change.ordinal)).unwrap_or_default();
            touches.push(entry.change.thing.clone());
            changes.push((entry, touches));
        }
        events.push_back(Event::new(&epoch, revision, changes));
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
