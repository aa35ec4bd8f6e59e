//! Following the stream: every revision once, in order, whatever happens in between.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use greenlight::app::{Precondition, put as put_thing};
use greenlight::domain::actor::Actor;
use greenlight::http::{Limits, Options};
use serde_json::Value;

use crate::line::exchange;
use crate::service::{Service, brisk};
use crate::stream::{Event, Stream};
use crate::support::things::{approval, chip, company, found, import, newest, put};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_revision_comes_once_and_in_order_whatever_breaks,
    the_filters_let_through_what_the_feed_does,
    it_begins_now_or_where_it_left_off,
    a_position_of_another_epoch_is_reset_and_one_to_come_refused,
    a_quiet_stream_gives_signs_of_life,
    a_stream_whose_filter_drops_everything_gives_signs_of_life,
    a_revoked_key_ends_its_stream_and_no_other,
    a_damaged_key_ends_its_stream_and_hides_no_other,
    a_large_revision_comes_whole_through_every_filter,
    who_does_not_read_is_dropped_while_others_go_on,
    a_change_by_another_process_comes_within_a_second,
    a_change_comes_at_once_to_a_hundred,
);

async fn start(database: Database) -> Service {
    let service = Service::start(database, brisk()).await;
    found(&service.register).await;
    service
}

async fn every_revision_comes_once_and_in_order_whatever_breaks(database: Database) {
    let service = start(database).await;
    let (first, address) = (newest(&service.register).await, service.address);
    let last = first + 4 * 30;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let register = service.register.clone();
            tokio::spawn(async move {
                for number in 0..30 {
                    put(&register, company(&format!("c-{writer}-{number}"))).await.unwrap();
                }
            })
        })
        .collect();
    let followers: Vec<_> = (1..=4)
        .map(|patience: usize| {
            tokio::spawn(async move {
                let (mut seen, mut position) = (Vec::new(), first.to_string());
                while seen.last() != Some(&last) {
                    let mut stream = Stream::from(address, "", &position).await;
                    // Some break off after a few events, in the middle of whatever comes next.
                    for _ in 0..patience * 7 {
                        let event = stream.event().await.unwrap();
                        assert_eq!(event.name, "revision");
                        seen.push(event.number());
                        position = event.id;
                        if seen.last() == Some(&last) {
                            break;
                        }
                    }
                }
                seen
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    for follower in followers {
        assert_eq!(follower.await.unwrap(), (first + 1..=last).collect::<Vec<i64>>());
    }
}

/// What the feed tells of each revision after a position.
async fn fed(address: SocketAddr, query: &str, after: i64) -> BTreeMap<i64, Vec<Value>> {
    let path = format!("/v1/changes?after={after}&limit=1000{query}");
    let answer =
        exchange(address, format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
    let page: Value = serde_json::from_str(&answer.body).unwrap();
    let mut revisions: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for change in page["items"].as_array().unwrap() {
        revisions.entry(change["revision"].as_i64().unwrap()).or_default().push(change.clone());
    }
    revisions
}

/// What the stream tells of each revision up to one.
async fn streamed(stream: &mut Stream, last: i64) -> BTreeMap<i64, Vec<Value>> {
    let mut revisions = BTreeMap::new();
    while revisions.last_key_value().is_none_or(|(number, _)| *number < last) {
        let event = stream.event().await.unwrap();
        revisions.insert(event.number(), serde_json::from_str(&event.data).unwrap());
    }
    revisions
}

async fn the_filters_let_through_what_the_feed_does(database: Database) {
    let service = start(database).await;
    let (register, address) = (&service.register, service.address);
    let first = newest(register).await;
    let filters = [
        "",
        "kind=company",
        "kind=company,chip",
        "company=alibaba",
        "company=alibaba,tencent",
        "chip=h200",
        "authority=ndrc",
        "kind=approval&company=tencent&chip=h20",
    ];
    let mut live = Vec::new();
    for filter in filters {
        let mut stream = Stream::open(address, &format!("?{filter}"), "").await;
        assert_eq!(Event::of(&format!("id: {}", stream.position)).number(), first);
        stream.position.clear();
        live.push(stream);
    }
    put(register, company("tencent")).await.unwrap();
    put(register, chip("h20")).await.unwrap();
    let case = |id: &str| {
        let mut case = approval(id);
        (case.company, case.chip) = ("tencent".try_into().unwrap(), "h20".try_into().unwrap());
        case
    };
    put(register, case("other")).await.unwrap();
    let mut moved = case("other");
    moved.company = "alibaba".try_into().unwrap();
    put(register, moved).await.unwrap();
    crate::support::things::retire::<greenlight::domain::approval::Approval>(register, "case").await.unwrap();
    put(register, case("last")).await.unwrap();
    // Everybody is told of the end: a case of everything that is filtered by.
    let mut end = approval("end");
    end.company = "alibaba".try_into().unwrap();
    put(register, end).await.unwrap();
    for (filter, stream) in filters.iter().zip(&mut live) {
        let expected = fed(address, &format!("&{filter}"), first).await;
        let last = *expected.last_key_value().unwrap().0;
        assert_eq!(streamed(stream, last).await, expected, "live, {filter}");
        let mut resumed = Stream::from(address, &format!("?{filter}"), &first.to_string()).await;
        assert_eq!(streamed(&mut resumed, last).await, expected, "resumed, {filter}");
        let mut early = Stream::from(address, &format!("?{filter}"), "0").await;
        assert_eq!(
            streamed(&mut early, last).await,
            fed(address, &format!("&{filter}"), 0).await,
            "{filter}"
        );
    }
}

async fn it_begins_now_or_where_it_left_off(database: Database) {
    let service = start(database).await;
    let first = newest(&service.register).await;
    let mut stream = Stream::open(service.address, "", "").await;
    let beginning = stream.position.clone();
    put(&service.register, company("a")).await.unwrap();
    assert_eq!(stream.event().await.unwrap().number(), first + 1);
    drop(stream);
    put(&service.register, company("b")).await.unwrap();
    let mut resumed = Stream::from(service.address, "", &beginning).await;
    assert_eq!(resumed.event().await.unwrap().number(), first + 1);
    let event = resumed.event().await.unwrap();
    assert_eq!(event.number(), first + 2);
    let changes: Value = serde_json::from_str(&event.data).unwrap();
    assert_eq!((&changes[0]["id"], &changes[0]["action"]), (&"b".into(), &"created".into()));
}

async fn a_position_of_another_epoch_is_reset_and_one_to_come_refused(database: Database) {
    let service = start(database).await;
    let now = newest(&service.register).await;
    let mut stream = Stream::from(service.address, "", "0123456789ab.3").await;
    let reset = stream.event().await.unwrap();
    assert_eq!((reset.name.as_str(), reset.number()), ("reset", now));
    let data: Value = serde_json::from_str(&reset.data).unwrap();
    assert_eq!((&data["revision"], &data["next"]), (&now.into(), &reset.id.as_str().into()));
    put(&service.register, company("a")).await.unwrap();
    let event = stream.event().await.unwrap();
    assert_eq!((event.name.as_str(), event.number()), ("revision", now + 1));
    for (position, code) in
        [("999999", "revision_in_future"), ("-1", "invalid_parameter"), ("x", "invalid_parameter")]
    {
        let request = format!(
            "GET /v1/changes/stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\nLast-Event-ID: {position}\r\n\r\n"
        );
        let answer = exchange(service.address, request).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, code));
    }
}

async fn a_quiet_stream_gives_signs_of_life(database: Database) {
    let limits = Limits { heartbeat: Duration::from_millis(100), ..brisk() };
    let service = Service::start(database, limits).await;
    let mut stream = Stream::open(service.address, "", "").await;
    for _ in 0..5 {
        assert_eq!(stream.block().await.unwrap(), ":");
    }
    put(&service.register, company("a")).await.unwrap();
    assert_eq!(stream.event().await.unwrap().number(), 1);
}

async fn a_stream_whose_filter_drops_everything_gives_signs_of_life(database: Database) {
    let limits = Limits { heartbeat: Duration::from_millis(300), ..brisk() };
    let service = Service::start(database, limits).await;
    let mut stream = Stream::open(service.address, "?kind=chip", "").await;
    // Each comes before a whole time without anything has passed.
    let writing = async {
        for number in 0..100 {
            put(&service.register, company(&format!("c-{number}"))).await.unwrap();
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    tokio::select! {
        sign = stream.block() => assert_eq!(sign.unwrap(), ":"),
        () = writing => panic!("nothing came while companies were put on record"),
    }
}

async fn a_large_revision_comes_whole_through_every_filter(database: Database) {
    let service = start(database).await;
    let (register, address) = (&service.register, service.address);
    let first = newest(register).await;
    let note = "so it goes ".repeat(10);
    let thing = |number: usize| {
        let (kind, more) = match number % 3 {
            0 => ("chip", serde_json::json!({"designer": "nvidia", "origin": "US"})),
            _ => ("company", serde_json::json!({"jurisdiction": "CN"})),
        };
        let mut body = serde_json::json!({"kind": kind, "id": format!("many-{number}"), "name": format!("{number} {}", note.trim_end())});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("{body}\n")
    };
    let filters = ["", "kind=company", "kind=chip", "company=many-1", "company=many-1,many-2,many-4"];
    let mut live = Vec::new();
    for filter in filters {
        live.push(Stream::open(address, &format!("?{filter}"), "").await);
    }
    let outcome = import(register, &(0..1500).map(thing).collect::<String>()).await;
    assert_eq!((outcome.failed, outcome.created), (0, 1500), "{:?}", outcome.bad);
    for (filter, stream) in filters.iter().zip(&mut live) {
        let expected = fed(address, &format!("&{filter}"), first).await;
        assert_eq!(expected.len(), 1, "{filter}");
        assert_eq!(streamed(stream, first + 1).await, expected, "live, {filter}");
        let mut early = Stream::from(address, &format!("?{filter}"), "0").await;
        let all = fed(address, &format!("&{filter}"), 0).await;
        assert_eq!(streamed(&mut early, first + 1).await, all, "from the beginning, {filter}");
    }
}

/// Makes a key, and returns its id and its secret.
async fn key(service: &Service) -> (String, String) {
    let secret = service
        .register
        .write(|write| {
            Box::pin(async move {
                let new = greenlight::app::keys::NewKey {
                    name: crate::support::things::of("reader"),
                    owner: crate::support::things::of("desk"),
                    role: greenlight::domain::actor::Role::Reader,
                    authorities: Vec::new(),
                    expires_at: None,
                };
                Ok(greenlight::app::keys::create(write, &Actor::Operator, new).await.unwrap())
            })
        })
        .await
        .unwrap();
    (secret.0.id.to_string(), secret.1.reveal().to_owned())
}

async fn a_revoked_key_ends_its_stream_and_no_other(database: Database) {
    let service = Service::with(database, Options { limits: brisk(), ..Options::default() }).await;
    let ((id, revoked), (_, kept)) = (key(&service).await, key(&service).await);
    let bearer = |secret: &str| format!("Authorization: Bearer {secret}\r\n");
    let mut ending = Stream::open(service.address, "", &bearer(&revoked)).await;
    let mut going_on = Stream::open(service.address, "", &bearer(&kept)).await;
    let began = Instant::now();
    let key_cache = std::sync::Arc::clone(service.register.key_cache());
    service
        .register
        .write(move |write| {
            Box::pin(async move {
                let id = id.as_str().try_into().unwrap();
                Ok(greenlight::app::keys::revoke(write, &Actor::Operator, &id, Some(&key_cache))
                    .await
                    .map(drop))
            })
        })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ending.event().await, None);
    assert!(began.elapsed() < Duration::from_millis(1500), "it took {:?}", began.elapsed());
    put(&service.register, company("a")).await.unwrap();
    assert_eq!(going_on.event().await.unwrap().number(), 1);
    let request = |fields: &str| {
        format!("GET /v1/changes/stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n")
    };
    for fields in [String::new(), bearer(&revoked)] {
        assert_eq!(exchange(service.address, request(&fields)).await.problem(), "unauthenticated");
    }
}

async fn a_damaged_key_ends_its_stream_and_hides_no_other(database: Database) {
    let options = Options { limits: brisk(), ..Options::default() };
    let service = Service::with(database.clone(), options).await;
    let bearer = |secret: &str| format!("Authorization: Bearer {secret}\r\n");
    let mut others = Vec::new();
    let (_, damaged) = key(&service).await;
    database.tamper("UPDATE api_key SET name = 'damaged'").await;
    let mut ending = Stream::open(service.address, "", &bearer(&damaged)).await;
    // They are looked at in no order, so that most of them come after the damaged one.
    for _ in 0..8 {
        let (_, secret) = key(&service).await;
        others.push(Stream::open(service.address, "", &bearer(&secret)).await);
    }
    database.tamper("UPDATE api_key SET name = '' WHERE name = 'damaged'").await;
    assert_eq!(ending.event().await, None);
    put(&service.register, company("a")).await.unwrap();
    for other in &mut others {
        assert_eq!(other.event().await.unwrap().number(), 1);
    }
    database.tamper("UPDATE api_key SET revoked_at = created_at WHERE name = 'reader'").await;
    for mut other in others {
        assert_eq!(other.event().await, None);
    }
}

async fn who_does_not_read_is_dropped_while_others_go_on(database: Database) {
    let service = start(database).await;
    let first = newest(&service.register).await;
    let mut idle = Stream::open(service.address, "", "").await;
    let mut eager = Stream::open(service.address, "", "").await;
    let count = 300;
    let writing = async {
        for number in 0..count {
            let mut large = company(&format!("c-{number}"));
            let alias = |alias: usize| crate::support::things::of(&format!("{number}-{alias:0>150}"));
            large.aliases = (0..100).map(alias).collect();
            put(&service.register, large).await.unwrap();
        }
    };
    let reading = async {
        for number in 1..=count {
            assert_eq!(eager.event().await.unwrap().number(), first + number);
        }
    };
    tokio::join!(writing, reading);
    tokio::time::sleep(brisk().reply * 3).await;
    let mut seen = 0;
    let mut position = idle.position.clone();
    while let Some(event) = idle.event().await {
        seen += 1;
        position = event.id;
    }
    assert!(seen < count, "all {seen} were kept for somebody who did not read");
    let mut resumed = Stream::from(service.address, "", &position).await;
    for number in seen + 1..=count {
        assert_eq!(resumed.event().await.unwrap().number(), first + number);
    }
}

async fn a_change_by_another_process_comes_within_a_second(database: Database) {
    let service = start(database.clone()).await;
    let other = database.open(&greenlight::clock::Clock::system()).await;
    let mut stream = Stream::open(service.address, "", "").await;
    for name in ["a", "b", "c"] {
        put(&other, company(name)).await.unwrap();
        let began = Instant::now();
        assert!(stream.event().await.unwrap().data.contains(&format!("\"id\":\"{name}\"")));
        assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
    }
}

async fn a_change_comes_at_once_to_a_hundred(database: Database) {
    let service = start(database).await;
    let mut followers = Vec::new();
    let (committed, _) = tokio::sync::broadcast::channel::<Instant>(64);
    for _ in 0..100 {
        let mut stream = Stream::open(service.address, "", "").await;
        let mut commits = committed.subscribe();
        followers.push(tokio::spawn(async move {
            let mut delays = Vec::new();
            for _ in 0..20 {
                stream.event().await.unwrap();
                let arrived = Instant::now();
                delays.push(arrived.saturating_duration_since(commits.recv().await.unwrap()));
            }
            delays
        }));
    }
    for number in 0..20 {
        let write = service.register.write(move |write| {
            Box::pin(async move {
                let company = company(&format!("c-{number}"));
                put_thing(write, &Actor::Operator, company, &Precondition::Import).await.unwrap();
                write.record(&crate::support::things::maker()).await.map(drop)
            })
        });
        write.await.unwrap();
        committed.send(Instant::now()).unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let mut delays = Vec::new();
    for follower in followers {
        delays.extend(follower.await.unwrap());
    }
    delays.sort_unstable();
    let at = |share: usize| delays[delays.len() * share / 100];
    println!("commit to subscriber, of 100: median {:?}, p99 {:?}", at(50), at(99));
    // The build of the tests is slow, and they share their machine: the figure itself is printed.
    assert!(at(99) < Duration::from_millis(250), "p99 {:?}", at(99));
}
