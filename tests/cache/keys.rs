//! A key that is revoked stops at once where that is done, and soon everywhere else.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use greenlight::app::Register;
use greenlight::clock::Clock;
use greenlight::domain::actor::Role;

use crate::service::{Service, key};
use crate::support::things::{company, found, noon, put};
use crate::support::{Database, on_each_engine};

const PATHS: [&str; 2] = ["/v1/companies", "/v1/companies/alibaba"];

async fn a_revoked_key_stops_at_once_on_its_node_and_within_a_second_elsewhere(database: Database) {
    let (here, there) = (database.open(&Clock::system()).await, database.open(&Clock::system()).await);
    found(&here).await;
    let (revoked, secret) = key(&here, Role::Reader).await;
    let (_, admin) = key(&here, Role::Admin).await;
    let (near, far) = (Service::new(&here, &secret), Service::new(&there, &secret));
    for path in PATHS {
        for service in [&near, &far] {
            assert_eq!(service.get(path, &[]).await.status, StatusCode::OK);
            assert_eq!(service.get(path, &[]).await.status, StatusCode::OK, "what is kept is sent");
        }
    }
    let path = format!("/v1/keys/{}", revoked.id);
    let answer = Service::new(&here, &admin).ask("DELETE", &path, &[]).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let since = Instant::now();
    for path in PATHS {
        assert_eq!(near.get(path, &[]).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    while far.get("/v1/companies", &[]).await.status == StatusCode::OK {
        assert!(since.elapsed() < Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn an_unknown_key_is_always_looked_up(database: Database) {
    let register = database.open(&Clock::system()).await;
    found(&register).await;
    let (known, secret) = key(&register, Role::Reader).await;
    let wrong = format!("gl_{}_{}", known.id, "x".repeat(43));
    for _ in 0..2 {
        let service = Service::new(&register, &wrong);
        assert_eq!(service.get("/v1/companies", &[]).await.status, StatusCode::UNAUTHORIZED);
        let service = Service::new(&register, &secret);
        assert_eq!(service.get("/v1/companies", &[]).await.status, StatusCode::OK);
    }
}

async fn an_expired_key_stays_so_when_the_clock_is_set_back(database: Database) {
    let (before, after) = (noon("2026-01-23"), noon("2026-06-23"));
    let clock = Clock::standing(before);
    let register = database.open(&clock).await;
    found(&register).await;
    let (_, secret) = key(&register, Role::Reader).await;
    let status = async |register: &Register, secret: &str| {
        let service = Service::new(register, secret);
        // The second time the key is known.
        for _ in 0..2 {
            service.get(PATHS[0], &[]).await;
        }
        service.get(PATHS[0], &[]).await.status
    };
    assert_eq!(status(&register, &secret).await, StatusCode::OK);
    clock.set(after);
    put(&register, company("late")).await.unwrap();
    // By the clock alone it would work again.
    clock.set(before);
    assert_eq!(status(&register, &secret).await, StatusCode::UNAUTHORIZED);
    let again = database.open(&clock).await;
    assert_eq!(status(&again, &secret).await, StatusCode::UNAUTHORIZED);
    // One that is made from here on works as long as it says.
    let (made, secret) = key(&again, Role::Reader).await;
    assert!(made.expires_at > after, "{made:?}");
    assert_eq!(status(&again, &secret).await, StatusCode::OK);
}

on_each_engine!(
    an_expired_key_stays_so_when_the_clock_is_set_back,
    a_revoked_key_stops_at_once_on_its_node_and_within_a_second_elsewhere,
    an_unknown_key_is_always_looked_up,
);
