//! The answer cache: answers to reads at the newest revision, kept ready to send.
//!
//! An answer at a revision is valid until the next one, and this process knows the newest revision without a
//! query. A stale answer is made once for all concurrent requests. While a due date is unrecorded no cached
//! answer is sent.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::OnceCell;

use super::App;
use super::call::Call;
use super::coding::{Coding, say_depends, worth_compressing};
use super::conditional::{REVISION, has};
use super::observe::{Tally, last_touch};
use super::problem::{Code, Problem};
use super::workflows::may_differ;
use crate::domain::time::Moment;

/// The number of locks, each held while an answer is made: equal requests share one.
const LOCKS: usize = 256;
/// The approximate cost of an answer beside its bytes.
const OVERHEAD: usize = 1024;
/// An answer is cached if this many of its size fit.
const FITTING: usize = 8;
/// Parameters that name a past state or wait for a new one: such answers are not cached.
const UNCACHED_PARAMS: [&str; 3] = ["revision", "known_at", "wait"];

/// Cached answers by path and query.
pub(crate) struct AnswerCache {
    capacity: usize,
    generations: Mutex<Generations>,
    locks: Vec<tokio::sync::Mutex<()>>,
    hasher: RandomState,
}

/// Two generations of answers. A hit moves an answer to the young one; when that fills half of the capacity,
/// the old one is dropped and the young one takes its place.
#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    answers: HashMap<Box<str>, Arc<CachedAnswer>>,
    bytes: usize,
}

impl Generation {
    fn put(&mut self, target: Box<str>, kept: Arc<CachedAnswer>) {
        self.take(&target);
        self.bytes += kept.cost(&target);
        self.answers.insert(target, kept);
    }

    fn take(&mut self, target: &str) -> Option<(Box<str>, Arc<CachedAnswer>)> {
        let (target, kept) = self.answers.remove_entry(target)?;
        self.bytes -= kept.cost(&target);
        Some((target, kept))
    }
}

impl AnswerCache {
    /// A cache of `capacity` bytes; 0 disables it.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            generations: Mutex::default(),
            locks: std::iter::repeat_with(tokio::sync::Mutex::default).take(LOCKS).collect(),
            hasher: RandomState::new(),
        }
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        // No code that holds the lock can leave it half changed.
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cached answer for a target, if it is valid at a revision.
    pub(crate) fn find(&self, target: &str, revision: i64) -> Option<Arc<CachedAnswer>> {
        let mut generations = self.generations();
        if let Some(kept) = generations.young.answers.get(target) {
            return (kept.revision >= revision).then(|| Arc::clone(kept));
        }
        let (target, kept) = generations.old.take(target)?;
        let right = (kept.revision >= revision).then(|| Arc::clone(&kept))?;
        self.insert_young(&mut generations, target, kept);
        Some(right)
    }

    fn put(&self, target: &str, kept: Arc<CachedAnswer>) {
        let mut generations = self.generations();
        generations.old.take(target);
        self.insert_young(&mut generations, target.into(), kept);
    }

    fn insert_young(&self, generations: &mut Generations, target: Box<str>, kept: Arc<CachedAnswer>) {
        if generations.young.bytes + kept.cost(&target) > self.capacity / 2 {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.put(target, kept);
    }

    /// The lock for making the answer for a target.
    fn lock_for(&self, target: &str) -> Option<&tokio::sync::Mutex<()>> {
        let locks = u64::try_from(LOCKS).ok()?;
        self.locks.get(usize::try_from(self.hasher.hash_one(target) % locks).ok()?)
    }
}

/// A cached answer.
pub(crate) struct CachedAnswer {
    revision: i64,
    etag: HeaderValue,
    fields: HeaderMap,
    /// Header fields for the fast path, which bypasses the layers that would add some, and its metrics.
    fast_path_headers: HeaderMap,
    tally: Tally,
    body: Bytes,
    gzip: OnceCell<Bytes>,
    brotli: OnceCell<Bytes>,
}

/// What is sent of a cached answer.
pub(crate) enum Representation {
    /// No body: the client has the answer.
    Nothing,
    /// The answer without a content coding.
    Identity(Bytes),
    /// The answer in the named content coding.
    Coded(&'static str, Bytes),
}

impl CachedAnswer {
    /// The answer of a handler, if it can be cached in a cache of size `room`, else the response itself.
    async fn of(response: Response, room: usize, tally: Tally) -> Result<Self, Response> {
        let number = |value: &HeaderValue| value.to_str().ok()?.parse::<i64>().ok();
        let revision = response.headers().get(REVISION).and_then(number);
        let etag = response.headers().get(header::ETAG).cloned();
        let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
        let (Some(revision), Some(etag), Some(size)) = (revision, etag, size) else { return Err(response) };
        if response.status() != StatusCode::OK || size.saturating_mul(FITTING) > room {
            return Err(response);
        }
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, size).await.map_err(|cause| {
            tracing::error!(%cause, "an answer broke off");
            Problem::new(Code::Internal, "the service failed on this request").into_response()
        })?;
        let mut fast_path_headers = parts.headers.clone();
        if worth_compressing(&fast_path_headers, body.len()) {
            say_depends(&mut fast_path_headers);
        }
        last_touch(&mut fast_path_headers);
        Ok(Self {
            revision,
            etag,
            fields: parts.headers,
            fast_path_headers,
            tally,
            body,
            gzip: OnceCell::new(),
            brotli: OnceCell::new(),
        })
    }

    /// The bytes it is charged for; each compressed form is assumed to be as long as the answer.
    fn cost(&self, target: &str) -> usize {
        target.len() + self.body.len() * 3 + OVERHEAD
    }

    /// Whether `If-None-Match` names the answer.
    pub(crate) fn client_has(&self, headers: &HeaderMap) -> bool {
        let Some(tags) = headers.get(header::IF_NONE_MATCH) else { return false };
        *tags == self.etag || self.etag.to_str().is_ok_and(|etag| has(headers, etag))
    }

    /// An empty 304, if `If-None-Match` names the answer.
    fn not_modified(&self, headers: &HeaderMap) -> Option<Response> {
        if !self.client_has(headers) {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().insert(header::ETAG, self.etag.clone());
        response.headers_mut().insert(REVISION, HeaderValue::from(self.revision));
        Some(response)
    }

    /// What to send to a client; `None` if the compressed form is not made yet.
    pub(crate) fn form(&self, coding: Coding, headers: &HeaderMap) -> Option<Representation> {
        if self.client_has(headers) {
            return Some(Representation::Nothing);
        }
        if !worth_compressing(&self.fields, self.body.len()) {
            return Some(Representation::Identity(self.body.clone()));
        }
        match coding {
            Coding::Identity => Some(Representation::Identity(self.body.clone())),
            Coding::Gzip => Some(Representation::Coded("gzip", self.gzip.get()?.clone())),
            Coding::Brotli => Some(Representation::Coded("br", self.brotli.get()?.clone())),
        }
    }

    /// The header fields for a representation.
    pub(crate) fn headers_for(&self, form: &Representation) -> HeaderMap {
        let mut fields = self.fast_path_headers.clone();
        match form {
            Representation::Nothing => {
                fields.remove(header::CONTENT_TYPE);
                fields.remove(header::LINK);
            }
            Representation::Identity(_) => {}
            Representation::Coded(name, _) => {
                fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
            }
        }
        fields
    }

    /// Its metrics on the fast path.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    fn whole(&self, body: Bytes) -> Response {
        let mut response = Response::new(Body::from(body));
        *response.headers_mut() = self.fields.clone();
        response
    }

    /// The answer as a handler would give it; on its way out its compressed form is cached too.
    fn into_response(self: Arc<Self>, headers: &HeaderMap) -> Response {
        self.not_modified(headers).unwrap_or_else(|| {
            let mut response = self.whole(self.body.clone());
            response.extensions_mut().insert(self);
            response
        })
    }
}

/// Answers a call from the cache, or runs the handler and caches its answer.
pub(crate) async fn kept<H, F>(mut call: Call, handler: H) -> Result<Response, Problem>
where
    H: FnOnce(Call) -> F,
    F: Future<Output = Result<Response, Problem>>,
{
    let (app, target) = (call.app.clone(), call.target.clone());
    let passing = UNCACHED_PARAMS.iter().any(|name| call.params.text(name).is_some());
    let lock = app.cache.lock_for(&target).filter(|_| app.cache.capacity > 0);
    let (Some(lock), false) = (lock, passing || may_differ(&call.path, &call.headers)) else {
        let _turn = call.turn().await?;
        return handler(call).await;
    };
    let find = || app.current_revision().and_then(|revision| app.cache.find(&target, revision));
    if let Some(kept) = find() {
        return Ok(kept.into_response(&call.headers));
    }
    // Before the lock, which requests for other targets may share.
    let _turn = call.turn().await?;
    let _lock = lock.lock().await;
    if let Some(kept) = find() {
        return Ok(kept.into_response(&call.headers));
    }
    if app.current_revision().is_none() {
        return handler(call).await;
    }
    let tally = app.metrics.tally(&call.operation.path);
    // The whole answer is made, to be cached; `If-None-Match` is applied when it is sent.
    let headers = call.headers.clone();
    call.headers.remove(header::IF_NONE_MATCH);
    match CachedAnswer::of(handler(call).await?, app.cache.capacity, tally).await {
        Ok(kept) => {
            let kept = Arc::new(kept);
            if app.current_revision().is_some() {
                app.cache.put(&target, Arc::clone(&kept));
            }
            Ok(kept.into_response(&headers))
        }
        Err(response) => Ok(response),
    }
}

/// Caches the compressed body of a cached answer, so that it is compressed once.
pub(crate) async fn compressed(mut response: Response) -> Response {
    let Some(kept) = response.extensions_mut().remove::<Arc<CachedAnswer>>() else { return response };
    let coding = response.headers().get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    let form = match coding {
        Some(b"gzip") => &kept.gzip,
        Some(b"br") => &kept.brotli,
        _ => return response,
    };
    let (parts, body) = response.into_parts();
    match form.get_or_try_init(|| to_bytes(body, usize::MAX)).await {
        Ok(form) => Response::from_parts(parts, Body::from(form.clone())),
        Err(cause) => {
            tracing::error!(%cause, "an answer could not be compressed");
            Problem::new(Code::Internal, "the service failed on this request").into_response()
        }
    }
}

impl App {
    /// The newest revision; `None` while a due date is unrecorded, when no cached answer may be sent.
    pub(crate) fn current_revision(&self) -> Option<i64> {
        self.lasting_at(self.register.now())
    }

    /// The newest revision; `None` if a due date is unrecorded at `now`.
    pub(crate) fn lasting_at(&self, now: Moment) -> Option<i64> {
        let newest = self.register.store().newest();
        newest.is_current(now).then_some(newest.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::observe::Metrics;

    fn tally() -> Tally {
        Metrics::new().tally("/v1/chips")
    }

    async fn kept(revision: i64, length: usize) -> Arc<CachedAnswer> {
        let mut response = Response::new(Body::from("x".repeat(length)));
        response.headers_mut().insert(REVISION, HeaderValue::from(revision));
        response.headers_mut().insert(header::ETAG, HeaderValue::from_static("W/\"x\""));
        Arc::new(
            CachedAnswer::of(response, usize::MAX, tally())
                .await
                .unwrap_or_else(|_| panic!("it can be kept")),
        )
    }

    #[tokio::test]
    async fn an_answer_is_found_until_a_later_revision_is_known() {
        let cache = AnswerCache::new(1 << 20);
        cache.put("/v1/chips", kept(7, 100).await);
        assert!(cache.find("/v1/chips", 7).is_some());
        assert!(cache.find("/v1/chips", 8).is_none());
        assert!(cache.find("/v1/chips?limit=1", 7).is_none());
    }

    #[tokio::test]
    async fn what_is_used_stays_and_the_room_is_never_exceeded() {
        let cache = AnswerCache::new(100_000);
        cache.put("/used", kept(1, 1000).await);
        for number in 0..1000 {
            cache.put(&format!("/{number}"), kept(1, 1000).await);
            assert!(cache.find("/used", 1).is_some(), "{number}");
            let generations = cache.generations();
            assert!(generations.young.bytes + generations.old.bytes <= 100_000, "{number}");
        }
        assert!(cache.find("/0", 1).is_none());
        assert!(cache.find("/999", 1).is_some());
    }

    #[tokio::test]
    async fn what_is_no_whole_answer_at_a_revision_is_not_kept() {
        let fit = || {
            let mut response = Response::new(Body::from("{}"));
            response.headers_mut().insert(REVISION, HeaderValue::from(1));
            response.headers_mut().insert(header::ETAG, HeaderValue::from_static("\"x\""));
            response
        };
        assert!(CachedAnswer::of(fit(), 1000, tally()).await.is_ok());
        assert!(CachedAnswer::of(fit(), 10, tally()).await.is_err(), "too large for the room");
        for unfit in [header::ETAG, REVISION] {
            let mut response = fit();
            response.headers_mut().remove(&unfit);
            assert!(CachedAnswer::of(response, 1000, tally()).await.is_err(), "{unfit}");
        }
        let mut response = fit();
        *response.status_mut() = StatusCode::NOT_FOUND;
        assert!(CachedAnswer::of(response, 1000, tally()).await.is_err());
    }
}
