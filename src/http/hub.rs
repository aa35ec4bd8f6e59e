//! The hub: every new revision is read and rendered once on this node, however many follow the stream.

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

/// The most revisions that are kept ready, and about how many bytes of them.
const MOST_EVENTS: usize = 4096;
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// About how many changes are read at a time.
const PAGE: i64 = 500;
/// How many of those who are behind read from the register at a time.
const BEHIND: usize = 4;
/// What is larger, in bytes, is shared rather than copied, and takes room.
const SMALL: usize = 128 * 1024;
/// How much room there is, in KiB, for large pages of those who are behind: they are kept until they have been taken.
const ROOM_KIB: u32 = 64 * 1024;
/// About how many bytes of a change are not its documents.
const BESIDE: usize = 300;
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

/// A change: where it stands in its event, and what tells whether somebody wants it.
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
    /// A revision with its changes, each with what it touches.
    fn new(epoch: &str, revision: i64, changes: Vec<(Entry, Vec<ThingRef>)>) -> Self {
        let mut whole = String::with_capacity(room_for(changes.iter().map(|(entry, _)| entry)));
        whole.push_str(&beginning(epoch, revision));
        let mut parts = Vec::with_capacity(changes.len());
        // Each is let go as it is written, so that a large revision is not there twice.
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

    /// What it says to somebody who wants only some changes, in pieces of the event that all share; none if that is
    /// nothing.
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
        // Neighbours stand side by side, with the comma between them.
        for run in parts.chunk_by(|(one, _), (other, _)| one == other) {
            let (Some((true, first)), Some((_, last))) = (run.first(), run.last()) else { continue };
            if pieces.len() > 1 {
                pieces.push_back(Bytes::from_static(b","));
            }
            pieces.push_back(self.whole.slice(first.at.start..last.at.end));
        }
        pieces.push_back(Bytes::from_static(END.as_bytes()));
        // What is small is sent in one piece, which costs less than to share it.
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

/// The beginning of an event, up to its changes, which commas separate.
fn beginning(epoch: &str, revision: i64) -> String {
    format!("event: revision\nid: {epoch}.{revision}\ndata: [")
}

/// The end of an event.
const END: &str = "]\n\n";

/// About how many bytes it takes to write changes: enough, as a rule, not to have to move what is written.
fn room_for<'e>(entries: impl Iterator<Item = &'e Entry>) -> usize {
    let document = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    entries.map(|entry| document(&entry.change.before) + document(&entry.change.after) + BESIDE).sum()
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

/// A page of events from the register: one, however many are sent it at the same time.
struct Page {
    text: String,
    /// The position after them.
    next: i64,
    /// The room it takes of that for large pages.
    _room: Option<OwnedSemaphorePermit>,
}

/// A page of events, as one of those has it who are sent it.
pub(crate) struct Events(Arc<Page>);

impl Events {
    /// The position after them.
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

/// The pages that are being made or sent, by what was asked for: those who ask for the same wait for one another.
type Pages = HashMap<(i64, ChangeFilter), Arc<AsyncMutex<Weak<Page>>>>;

struct Shared {
    register: Register,
    ring: RwLock<Ring>,
    newest: watch::Sender<i64>,
    behind: Semaphore,
    room: Arc<Semaphore>,
    pages: Mutex<Pages>,
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
            room: Arc::new(Semaphore::new(ROOM_KIB as usize)),
            pages: Mutex::default(),
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

    /// Reads the events after a position from the register, for somebody who is behind. Dropping the task ends it.
    pub(crate) fn read(&self, position: i64, narrowing: &ChangeFilter) -> JoinSet<Result<Events, Error>> {
        let (shared, narrowing) = (Arc::clone(&self.shared), narrowing.clone());
        let mut task = JoinSet::new();
        task.spawn(async move { shared.page(position, narrowing).await.map(Events) });
        task
    }
}

impl Shared {
    /// A page: the one that somebody else is sent who asked for the same, or else a new one.
    async fn page(&self, position: i64, narrowing: ChangeFilter) -> Result<Arc<Page>, Error> {
        let slot = {
            let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
            // Of a page that nobody makes or has, the slot is of no use any more.
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

    /// Makes a page. Of one that is large there must be room until everybody has taken it; while there is none it is
    /// let go, and made again once there is.
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

    /// The events after a position, as text, and the position after them.
    async fn rendered(&self, position: i64, narrowing: &ChangeFilter) -> Result<(String, i64), Error> {
        let mut read = self.register.read(Wanted::Newest).await?;
        let page = feed::page(&mut read, position, PAGE, narrowing).await?;
        let epoch = read.head().epoch.clone();
        drop(read);
        let mut text = String::with_capacity(room_for(page.items.iter()));
        let mut before = None;
        // Each is let go as it is written, so that a large revision is not there twice.
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

/// How much of the room for large pages one of so many bytes takes, in KiB. One larger than all of it takes all.
fn room_of(bytes: usize) -> usize {
    if bytes <= SMALL { 0 } else { bytes.div_ceil(1024).min(ROOM_KIB as usize) }
}

fn merged(room: Option<OwnedSemaphorePermit>, mut more: OwnedSemaphorePermit) -> OwnedSemaphorePermit {
    if let Some(room) = room {
        more.merge(room);
    }
    more
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
    let mut entries = page.items.into_iter().peekable();
    while let Some(revision) = entries.peek().map(|entry| entry.change.revision) {
        let mut changes = Vec::new();
        while let Some(entry) = entries.next_if(|entry| entry.change.revision == revision) {
            let mut touches = beside.remove(&(revision, entry.change.ordinal)).unwrap_or_default();
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
