//! The ledger of a test: what was sent, and what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Answer, Request};
use crate::service::{Service, done, import, program};

/// How many clients write at once.
const WRITERS: usize = 6;

/// A write that was sent, and what was answered, if anything was.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) request: Request,
    pub(crate) answer: Option<Answer>,
}

impl Entry {
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.answer.as_ref().is_some_and(Answer::is_done)
    }
}

/// Puts on record what the writes refer to, among it a workflow in which a case may go back and forth for ever.
pub(crate) fn prepare(database: &str) {
    let stages = json!([
        {"id": "here", "name": "Here", "phase": "pending", "permits": []},
        {"id": "there", "name": "There", "phase": "pending", "permits": []},
    ]);
    let moves = json!([{"from": "here", "to": "there"}, {"from": "there", "to": "here"}]);
    let lines = [
        json!({"kind": "workflow", "id": "swing", "name": "Swing", "stages": stages, "moves": moves, "initial": "here"}),
        json!({"kind": "authority", "id": "office", "name": "Office", "jurisdiction": "CN", "gate": "import", "workflow": "swing"}),
        json!({"kind": "company", "id": "buyer", "name": "Buyer", "jurisdiction": "CN"}),
        json!({"kind": "chip", "id": "part", "name": "Part", "designer": "buyer", "origin": "US"}),
    ];
    import(database, &lines.map(|line| line.to_string()).join("\n"));
}

/// The write of a writer that comes next; the first of a round opens a case. The text that marks it is in the
/// document it makes, once.
fn next(writer: usize, round: u64, number: usize) -> Request {
    let mark = format!("mark-{writer}-{round}-{number}-end");
    let own_record = json!([{"attribution": "own_record"}]);
    let case = format!("/v1/approvals/case-{writer}-{round}");
    if number == 0 {
        let body = json!({"company": "buyer", "chip": "part", "authority": "office", "note": mark});
        return Request { method: "PUT", path: case, body: body.to_string(), once: mark };
    }
    let (path, body) = match number % 3 {
        0 => return Request::company(&mark),
        1 => (
            "/v1/reports".to_owned(),
            json!({"about": {"company": "buyer"}, "on": {"date": "2026-01-01", "precision": "day"},
                "modality": "states", "text": mark, "citations": own_record}),
        ),
        _ => (
            format!("{case}/transitions"),
            json!({"to": if number.is_multiple_of(2) { "there" } else { "here" }, "note": mark,
                "effective_on": {"date": "2026-01-01", "precision": "day"}, "citations": own_record}),
        ),
    };
    Request { method: "POST", path, body: body.to_string(), once: mark }
}

/// Writers at a service, until this is dropped or the service is gone. Each makes its writes one after the
/// other; one that was refused is repeated under its key before the next.
pub(crate) struct Load {
    shared: Arc<Shared>,
    writers: Vec<JoinHandle<Vec<Entry>>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    acknowledged: AtomicUsize,
}

impl Load {
    /// Starts the writers of a round.
    pub(crate) fn start(service: &Service, round: u64) -> Self {
        let shared = Arc::<Shared>::default();
        let writer = |writer: usize| {
            let (host, key, shared) = (service.host.clone(), service.key.clone(), Arc::clone(&shared));
            std::thread::spawn(move || {
                shared.write(|number| next(writer, round, number), |request| request.send(&host, &key).ok())
            })
        };
        let writers = (0..WRITERS).map(writer).collect();
        Self { shared, writers }
    }

    /// Waits until so many more writes have been acknowledged.
    pub(crate) fn goes_on(&self, more: usize) {
        let (from, started) = (self.shared.acknowledged.load(Ordering::Relaxed), Instant::now());
        while self.shared.acknowledged.load(Ordering::Relaxed) < from + more {
            assert!(started.elapsed() < Duration::from_mins(1), "the load has come to a halt");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Stops the writers; what they sent.
    pub(crate) fn stop(mut self) -> Vec<Entry> {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.writers.drain(..).flat_map(|writer| writer.join().unwrap()).collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn write(
        &self,
        next: impl Fn(usize) -> Request,
        send: impl Fn(&Request) -> Option<Answer>,
    ) -> Vec<Entry> {
        let mut entries = Vec::new();
        let stopped = || self.stop.load(Ordering::Relaxed);
        while !stopped() {
            let request = next(entries.len());
            let mut answer = send(&request);
            while answer.as_ref().is_some_and(Answer::is_unavailable) && !stopped() {
                std::thread::sleep(Duration::from_millis(5));
                answer = send(&request);
            }
            let honest = |answer: &Answer| answer.is_done() || answer.is_unavailable();
            assert!(answer.as_ref().is_none_or(honest), "{request:?} {answer:?}");
            let entry = Entry { request, answer };
            self.acknowledged.fetch_add(usize::from(entry.is_acknowledged()), Ordering::Relaxed);
            let gone = entry.answer.is_none();
            entries.push(entry);
            if gone {
                break;
            }
        }
        entries
    }
}

/// What of the ledger is not true of a register, given everything in it as lines: an acknowledged write that
/// is missing, or any that has more than one effect.
pub(crate) fn untrue(ledger: &[Entry], lines: &str) -> Vec<String> {
    let mut untrue = Vec::new();
    for entry in ledger {
        let mark = format!("\"{}\"", entry.request.once);
        let effects = lines.lines().filter(|line| line.contains(&mark)).count();
        if effects == 0 && entry.is_acknowledged() {
            untrue.push(format!("lost: {mark}"));
        }
        if effects > 1 {
            untrue.push(format!("{effects} times: {mark}"));
        }
    }
    untrue
}

/// Checks a register that nothing serves against the ledger.
pub(crate) fn check(database: &str, ledger: &[Entry]) {
    let verified = done(&mut program(database, &["verify"]));
    assert!(verified.contains(" 0 faults"), "{verified}");
    let lines = done(&mut program(database, &["export"]));
    assert_eq!(untrue(ledger, &lines), Vec::<String>::new());
}

/// Settles what nobody knows the outcome of, by repeating it under its key; and repeats what was acknowledged,
/// which is answered as it was the first time.
pub(crate) fn settle(service: &Service, ledger: &mut [Entry]) {
    for entry in ledger {
        let again = service.comes_back(&entry.request);
        match entry.answer.as_ref().filter(|answer| answer.is_done()) {
            Some(first) => {
                assert_eq!(again.field("idempotency-replayed"), Some("true"), "{entry:?}");
                assert_eq!((again.status, &again.body), (first.status, &first.body));
            }
            None => entry.answer = Some(again),
        }
    }
}
