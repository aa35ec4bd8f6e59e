//! Time: what an answer says changes when a date passes, with no further write, and is recorded once.

use greenlight::app::Register;
use greenlight::clock::Clock;
use greenlight::domain::time::Moment;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{asked, codes, rows};
use crate::service::Service;
use crate::support::things::{company, of, put};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_prohibition_that_ends_changes_every_answer_by_itself,
    however_many_keep_time_a_date_is_recorded_once,
    what_rests_on_a_stale_source_is_left_open_and_the_source_told,
    a_date_that_passed_unrecorded_counts_all_the_same,
    what_lasts_to_the_end_of_time_is_read_again,
    a_node_with_a_slow_clock_says_what_another_has_recorded,
    a_clock_that_was_far_ahead_holds_no_date_back,
);

/// Keeps time for a register until it is dropped, as a service does.
fn keeping_time(registers: impl IntoIterator<Item = Register>) -> JoinSet<()> {
    let keep = |register: Register| async move { register.keep_time().await };
    registers.into_iter().map(keep).collect()
}

/// A company and a chip of one jurisdiction, so that there is no gate between them.
async fn found(service: &Service) {
    service
        .put("/v1/companies/buyer", &json!({"name": "Buyer", "jurisdiction": "CN", "roles": ["buyer"]}))
        .await
        .is(201);
    service
        .put("/v1/chips/part", &json!({"name": "Part", "designer": "buyer", "origin": "CN"}))
        .await
        .is(201);
}

fn question() -> Value {
    json!({"company": "buyer", "chip": "part"})
}

/// Rules orders of the chip out until a moment.
async fn prohibit(service: &Service, until: Moment) -> i64 {
    let prohibition = json!({"scope": {"chip": "part"}, "kind": "prohibition", "activities": ["order"], "force": "required",
        "status": "in_force", "in_force_until": until.to_string(), "citations": [{"attribution": "own_record"}]});
    service.put("/v1/conditions/ban", &prohibition).await.is(201).revision()
}

/// What the changes after a revision are, as `action kind id`; waits for the first, if there is none yet.
async fn changes(service: &Service, after: i64, wait: u32) -> Vec<String> {
    let page = service.get(&format!("/v1/changes?after={after}&wait={wait}")).await.is(200);
    let text = |change: &Value, name: &str| change[name].as_str().unwrap().to_owned();
    let told = |change: &Value| {
        format!("{} {} {}", text(change, "action"), text(change, "kind"), text(change, "id"))
    };
    page.items().iter().map(told).collect()
}

async fn a_prohibition_that_ends_changes_every_answer_by_itself(database: Database) {
    let clock = Clock::system();
    let service = Service::over(database.open(&clock).await, clock.clone()).await;
    let _chores = keeping_time([service.register.clone()]);
    found(&service).await;
    let until = clock.now().plus_seconds(3);
    let revision = prohibit(&service, until).await;
    let board = service.get("/v1/board").await.is(200);
    assert_eq!(
        board.json()["rows"][0]["cells"][0]["verdicts"],
        json!({"prepare": "yes", "order": "no", "ship": "yes"})
    );
    let before = asked(&service, &question()).await;
    assert_eq!((&before["verdict"], codes(&before)), (&json!("no"), vec![json!("prohibited")]));
    assert!(clock.now() < until, "it took too long to ask");

    assert_eq!(changes(&service, revision, 20).await, ["ended condition ban"]);
    assert!(clock.now() >= until);
    let later = service.get("/v1/board").field("if-none-match", &board.etag()).await.is(200);
    assert_ne!(later.etag(), board.etag());
    assert_eq!(later.revision(), revision + 1);
    assert_eq!(later.json()["rows"][0]["cells"][0]["verdicts"]["order"], "yes");
    let after = asked(&service, &question()).await;
    assert_eq!((&after["verdict"], &after["reasons"]), (&json!("yes"), &json!([])));
    let made = service.get(&format!("/v1/revisions/{}", revision + 1)).await.is(200).json();
    assert_eq!(made["actor"], "service", "{made}");
    // It was ruled out then, and still was.
    let then = but_at(&before);
    assert_eq!(asked(&service, &then).await["verdict"], "no");
}

/// The question at the moment at which it was answered.
fn but_at(answer: &Value) -> Value {
    super::but(question(), &json!({"valid_at": answer["valid_at"]}))
}

async fn however_many_keep_time_a_date_is_recorded_once(database: Database) {
    let clock = Clock::system();
    let service = Service::over(database.open(&clock).await, clock.clone()).await;
    let mut nodes = vec![service.register.clone()];
    for _ in 0..3 {
        nodes.push(database.open(&clock).await);
    }
    let _chores = keeping_time(nodes);
    found(&service).await;
    let revision = prohibit(&service, clock.now().plus_seconds(1)).await;
    assert_eq!(changes(&service, revision, 20).await, ["ended condition ban"]);
    // Each of the others looks more than once while this waits for nothing.
    assert_eq!(changes(&service, revision + 1, 2).await, [""; 0]);
    assert_eq!(service.revision().await, revision + 1);
}

async fn what_rests_on_a_stale_source_is_left_open_and_the_source_told(database: Database) {
    let service = Service::empty(&database).await;
    found(&service).await;
    for id in ["gazette", "elsewhere"] {
        let source = json!({"publisher": "Gazette", "title": "Notice", "check_every_days": 7});
        service.put(&format!("/v1/sources/{id}"), &source).await.is(201);
        service.post(&format!("/v1/sources/{id}/checks"), &json!({})).await.is(200);
    }
    // Nobody has looked at it at a time to come, by whatever way that is told.
    let ahead = json!({"last_checked_at": "2099-01-01T00:00:00Z"});
    let ahead = service.patch("/v1/sources/gazette", &ahead).field("if-match", "*");
    assert_eq!(ahead.await.refused(400, "invalid_body").faults(), ["/last_checked_at out_of_range"]);
    let test = json!({"scope": {"chip": "part"}, "kind": "requirement", "what": "third_party_test", "met_on": "2026-09-01", "force": "required",
        "status": "in_force", "citations": [{"source": "gazette", "attribution": "official_text"}]});
    service.put("/v1/conditions/test", &test).await.is(201);
    let fresh = asked(&service, &question()).await;
    assert_eq!((&fresh["verdict"], &fresh["stale_sources"]), (&json!("yes"), &json!([])));
    // Asking on that day can be what records it: that the key was used is written then.
    let before = service.revision().await;
    service.clock.set(of("2026-09-23T12:00:00Z"));
    service.register.look().await.unwrap();
    let mut told = changes(&service, before, 0).await;
    told.sort();
    assert_eq!(told, ["became_stale source elsewhere", "became_stale source gazette"]);
    let stale = asked(&service, &question()).await;
    assert_eq!((&stale["verdict"], codes(&stale)), (&json!("unknown"), vec![json!("source_stale")]));
    // Only what the answer rests on is told.
    assert_eq!(stale["stale_sources"], json!(["gazette"]));
    let cell = &rows(&service, "").await[0]["cells"][0];
    assert_eq!((&cell["verdicts"]["order"], &cell["reasons"]), (&json!("unknown"), &json!(["source_stale"])));
    service.post("/v1/sources/gazette/checks", &json!({})).await.is(200);
    let again = asked(&service, &question()).await;
    assert_eq!((&again["verdict"], &again["stale_sources"]), (&json!("yes"), &json!([])));
}

async fn a_date_that_passed_unrecorded_counts_all_the_same(database: Database) {
    let service = Service::empty(&database).await;
    found(&service).await;
    let revision = prohibit(&service, of("2026-09-16T00:00:00Z")).await;
    assert_eq!(asked(&service, &question()).await["verdict"], "no");
    service.clock.set(of("2026-09-16T00:00:00Z"));
    // The use of a key would be noted, and whoever writes looks at the clock.
    let board = service.public().get("/v1/board").nobody().await.is(200);
    assert_eq!(board.revision(), revision, "nobody has looked at the clock");
    assert_eq!(board.json()["rows"][0]["cells"][0]["verdicts"]["order"], "yes");
}

async fn what_lasts_to_the_end_of_time_is_read_again(database: Database) {
    let clock = Clock::system();
    let service = Service::over(database.open(&clock).await, clock.clone()).await;
    found(&service).await;
    let condition = json!({"scope": {"chip": "part"}, "kind": "other", "text": "a test", "force": "required",
        "status": "in_force", "citations": [{"attribution": "own_record"}]});
    for (place, (field, value)) in [
        ("in_force_until", "9999-12-31"),
        ("in_force_until", "9999-12-30"),
        ("in_force_until", "9999-12-30T22:00:00.5Z"),
        ("in_force_from", "9999-12-31"),
        ("met_on", "9999-12-31"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut condition = condition.clone();
        condition[field] = value.into();
        let path = format!("/v1/conditions/lasting-{place}");
        let put = service.put(&path, &condition).await.is(201);
        let again = Service::over(database.open(&clock).await, clock.clone()).await;
        assert_eq!(again.get(&path).await.is(200).json()[field], put.json()[field], "{field} {value}");
        again.get("/v1/board").await.is(200);
        assert_eq!(again.register.store().verify().await.unwrap().faults, [""; 0], "{field} {value}");
    }
    let mut condition = condition;
    condition["in_force_from"] = "0000-01-01T00:00:00+14:00".into();
    let refused = service.put("/v1/conditions/first", &condition).await.is(400);
    assert_eq!(refused.json()["errors"][0]["code"], "out_of_range");
}

async fn a_node_with_a_slow_clock_says_what_another_has_recorded(database: Database) {
    let fast = Service::empty(&database).await;
    found(&fast).await;
    let until: Moment = of("2026-09-16T00:00:00Z");
    let revision = prohibit(&fast, until).await;
    let clock = Clock::standing(of("2026-09-15T23:59:59.5Z"));
    let slow = Service::over(database.open(&clock).await, clock.clone()).await;
    let ordering = |board: &Value| board["rows"][0]["cells"][0]["verdicts"]["order"].clone();
    assert_eq!(ordering(&slow.get("/v1/board").await.is(200).json()), "no");
    fast.clock.set(of("2026-09-16T00:00:00.1Z"));
    fast.register.look().await.unwrap();
    slow.register.look().await.unwrap();
    for _ in 0..2 {
        let board = slow.get("/v1/board").await.is(200);
        let valid_at: Moment = of(board.json()["valid_at"].as_str().unwrap());
        assert!(board.revision() > revision && valid_at >= until, "{valid_at}");
        assert_eq!(ordering(&board.json()), "yes");
        assert_eq!(asked(&slow, &question()).await["verdict"], "yes");
    }
}

async fn a_clock_that_was_far_ahead_holds_no_date_back(database: Database) {
    let service = Service::sample(&database).await;
    let right = service.clock.now();
    found(&service).await;
    service.clock.set(of("2029-09-15T12:00:00Z"));
    put(&service.register, company("later")).await.unwrap();
    service.clock.set(right);
    let key =
        json!({"name": "desk", "owner": "desk", "role": "reader", "expires_at": "2026-10-15T00:00:00Z"});
    service.post("/v1/keys", &key).key(&service.keys.admin).await.is(201);

    let case = format!("/v1/approvals/{}", super::CASE);
    let before = service.get(&case).await.is(200);
    let to = json!({"to": "conditional_terms_set", "effective_on": {"date": "2027-06-01", "precision": "day"},
        "citations": [{"attribution": "own_record"}]});
    service.post(&format!("{case}/transitions"), &to).await.is(201);
    let after = service.get(&case).await.is(200);
    assert_eq!((&after.json()["stage"], after.etag()), (&before.json()["stage"], before.etag()));
    assert!(!after.etag().starts_with("W/"), "it is its version's");

    let revision = prohibit(&service, right.plus_seconds(8)).await;
    let asking = json!({"company": "buyer", "chip": "part"});
    assert_eq!(asked(&service, &asking).await["verdict"], "no");
    service.clock.set(right.plus_seconds(8));
    assert_eq!(asked(&service, &asking).await["verdict"], "yes");
    service.register.look().await.unwrap();
    assert_eq!(changes(&service, revision, 0).await, ["ended condition ban"]);
    let recorded = service.get(&format!("/v1/revisions/{}", revision + 1)).await.is(200).json();
    assert_eq!(recorded["recorded_at"], "2029-09-15T12:00:00Z", "what is recorded does not go back");
}
