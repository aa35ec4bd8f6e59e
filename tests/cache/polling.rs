//! Whoever polls kept answers while others write never sees less than has been acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::http::StatusCode;
use greenlight::app::Register;
use greenlight::clock::Clock;
use greenlight::domain::actor::Role;
use tokio::task::JoinSet;

use crate::service::{Service, key};
use crate::support::things::{company, found, newest, put};
use crate::support::{Database, on_each_engine};

const WRITERS: usize = 8;
const WRITES: usize = 12;
const READERS: usize = 4;
const LIST: &str = "/v1/companies?limit=1000";

/// Lets some write through one register and others poll a service; returns how many answers were polled,
/// and how many of them were older than what had been acknowledged when they were asked for.
async fn polled(register: &Register, service: &Service, truth: &Service) -> (usize, usize) {
    let acknowledged = Arc::new(AtomicI64::new(newest(register).await));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (register, acknowledged) = (register.clone(), Arc::clone(&acknowledged));
        writers.spawn(async move {
            for number in 0..WRITES {
                let written = put(&register, company(&format!("c-{writer}-{number}"))).await.unwrap();
                acknowledged.fetch_max(written.since, Ordering::SeqCst);
            }
        });
    }
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (service, truth, acknowledged) = (service.clone(), truth.clone(), Arc::clone(&acknowledged));
        readers.spawn(async move {
            let (mut polled, mut stale) = (0, 0);
            let mut last = 0;
            while last < i64::try_from(WRITERS * WRITES).unwrap() {
                let known = acknowledged.load(Ordering::SeqCst);
                let answer = service.get(LIST, &[]).await;
                polled += 1;
                if answer.revision() < known {
                    stale += 1;
                }
                // What was shown must be what the register says of that revision, whoever kept it.
                let past = truth.get(&format!("{LIST}&revision={}", answer.revision()), &[]).await;
                assert_eq!((past.status, &past.body), (StatusCode::OK, &answer.body));
                last = acknowledged.load(Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
            (polled, stale)
        });
    }
    writers.join_all().await;
    let counts = readers.join_all().await;
    counts.into_iter().fold((0, 0), |sum, (polled, stale)| (sum.0 + polled, sum.1 + stale))
}

async fn a_poller_never_sees_less_than_was_acknowledged(database: Database) {
    let register = database.open(&Clock::system()).await;
    found(&register).await;
    let (_, secret) = key(&register, Role::Reader).await;
    let (service, truth) = (Service::new(&register, &secret), Service::without(&register, &secret));
    let (polled, stale) = polled(&register, &service, &truth).await;
    assert!(polled > 0);
    assert_eq!(stale, 0, "of {polled}");
}

/// The check itself: a service that does not learn of the writes is caught.
async fn a_service_that_learns_of_no_writes_is_caught_and_one_look_heals_it(database: Database) {
    let (register, other) = (database.open(&Clock::system()).await, database.open(&Clock::system()).await);
    found(&register).await;
    let (_, secret) = key(&register, Role::Reader).await;
    let (service, truth) = (Service::new(&other, &secret), Service::without(&register, &secret));
    assert_eq!(service.get(LIST, &[]).await.status, StatusCode::OK);
    let before = service.get(LIST, &[]).await.revision();
    put(&register, company("tencent")).await.unwrap();
    assert_eq!(service.get(LIST, &[]).await.revision(), before, "the answer is not kept at all");
    let (polled, stale) = polled(&register, &service, &truth).await;
    assert!(stale > 0, "of {polled} answers of a service that knows nothing none was old");
    other.look().await.unwrap();
    assert_eq!(service.get(LIST, &[]).await.revision(), newest(&register).await);
}

on_each_engine!(
    a_poller_never_sees_less_than_was_acknowledged,
    a_service_that_learns_of_no_writes_is_caught_and_one_look_heals_it,
);
