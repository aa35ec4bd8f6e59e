//! What is kept is what would have been answered.

use axum::http::StatusCode;
use greenlight::clock::Clock;
use greenlight::domain::actor::Role;
use greenlight::domain::chip::Chip;
use serde_json::Value;

use crate::service::{Answer, Service, key};
use crate::support::things::{chip, company, found, newest, noon, of, post, put, retire, transition};
use crate::support::{Database, on_each_engine};

const PATHS: [&str; 8] = [
    "/v1/companies",
    "/v1/companies?limit=7",
    "/v1/companies/alibaba",
    "/v1/approvals?company=alibaba&count=true",
    "/v1/approvals/case/transitions",
    "/v1/workflows/flow/history",
    "/v1/changes?after=2",
    "/v1/search?q=ali",
];

fn comparable(answer: &Answer) -> (StatusCode, Vec<(&str, &str)>, &[u8]) {
    let fields = answer.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut fields: Vec<_> = fields.filter(|(name, _)| *name != "x-request-id").collect();
    fields.sort_unstable();
    (answer.status, fields, &answer.body)
}

async fn a_kept_answer_is_the_one_that_is_made(database: Database) {
    let register = database.open(&Clock::system()).await;
    found(&register).await;
    for number in 0..40 {
        put(&register, company(&format!("ali-{number}"))).await.unwrap();
    }
    let (_, secret) = key(&register, Role::Reader).await;
    let (kept, made) = (Service::new(&register, &secret), Service::without(&register, &secret));
    for path in PATHS {
        for coding in
            ["identity", "gzip", "br", "gzip, deflate, br", "br;q=0.1, gzip", "*;q=0", "identity;q=0, gzip"]
        {
            for method in ["GET", "HEAD"] {
                let fields = [("accept-encoding", coding)];
                let wanted = made.ask(method, path, &fields).await;
                for time in ["first", "second", "third"] {
                    let answer = kept.ask(method, path, &fields).await;
                    // The length is the transport's to say where a body is compressed as it is sent.
                    let (mut answer, mut wanted) = (comparable(&answer), comparable(&wanted));
                    for side in [&mut answer, &mut wanted] {
                        side.1.retain(|(name, _)| *name != "content-length");
                    }
                    assert_eq!(answer, wanted, "{method} {path} in {coding}, the {time} time");
                }
            }
        }
        let etag = made.get(path, &[]).await.fields["etag"].clone();
        for tags in [etag.as_str(), "*", "\"other\"", &format!("\"other\", {etag}")] {
            let fields = [("if-none-match", tags)];
            let (answer, wanted) = (kept.get(path, &fields).await, made.get(path, &fields).await);
            assert_eq!(comparable(&answer), comparable(&wanted), "{path} for {tags}");
        }
    }
}

async fn what_does_not_follow_from_the_newest_revision_is_not_kept(database: Database) {
    let register = database.open(&Clock::system()).await;
    found(&register).await;
    let (_, secret) = key(&register, Role::Admin).await;
    let service = Service::new(&register, &secret);
    assert_eq!(service.get("/v1/keys", &[]).await.json()["items"].as_array().unwrap().len(), 1);
    key(&register, Role::Reader).await;
    assert_eq!(service.get("/v1/keys", &[]).await.json()["items"].as_array().unwrap().len(), 2);
    let diagram = [("accept", "text/vnd.mermaid")];
    let document = service.get("/v1/workflows/flow", &[]).await;
    assert_eq!(document.fields["content-type"], "application/json");
    assert_eq!(service.get("/v1/workflows/flow", &diagram).await.fields["content-type"], "text/vnd.mermaid");
    assert_eq!(comparable(&service.get("/v1/workflows/flow", &[]).await), comparable(&document));
}

async fn a_tag_outlives_writes_elsewhere(database: Database) {
    let register = database.open(&Clock::system()).await;
    found(&register).await;
    let (_, secret) = key(&register, Role::Reader).await;
    let service = Service::new(&register, &secret);
    let path = "/v1/approvals?chip=h200";
    let first = service.get(path, &[]).await;
    let known = [("if-none-match", first.fields["etag"].as_str())];
    put(&register, company("tencent")).await.unwrap();
    let second = service.get(path, &known).await;
    assert_eq!((second.status, second.revision()), (StatusCode::NOT_MODIFIED, first.revision() + 1));
    post(&register, transition("t", "case", "granted", "2020-01-01")).await.unwrap();
    assert_eq!(service.get(path, &known).await.status, StatusCode::OK);
}

async fn a_date_that_has_passed_is_not_waited_for(database: Database) {
    let clock = Clock::standing(noon("2026-01-01"));
    let register = database.open(&clock).await;
    found(&register).await;
    post(&register, transition("t", "case", "granted", "2026-01-02")).await.unwrap();
    let (_, secret) = key(&register, Role::Reader).await;
    let service = Service::new(&register, &secret);
    let stage = |answer: Answer| answer.json()["stage"].clone();
    let before = stage(service.get("/v1/approvals/case", &[]).await);
    assert_eq!(stage(service.get("/v1/approvals/case", &[]).await), before);
    clock.set(of("2026-01-02T00:00:00Z"));
    // Nothing has recorded yet that the transition took effect.
    assert_eq!(stage(service.get("/v1/approvals/case", &[]).await), "granted");
    assert_ne!(before, "granted");
    register.look().await.unwrap();
    assert_eq!(stage(service.get("/v1/approvals/case", &[]).await), "granted");
}

async fn a_rule_that_begins_is_recorded_and_shown(database: Database) {
    let clock = Clock::standing(noon("2026-01-14"));
    let register = database.open(&clock).await;
    found(&register).await;
    put(&register, chip("retired")).await.unwrap();
    retire::<Chip>(&register, "retired").await.unwrap();
    put(&register, chip("h20")).await.unwrap();
    let (_, secret) = key(&register, Role::Reader).await;
    let service = Service::new(&register, &secret);
    let paths = ["/v1/chips", "/v1/chips?limit=1", "/v1/chips/h200"];
    let rule = |answer: &Answer| {
        let body = answer.json();
        let chip = body["items"].get(0).unwrap_or(&body);
        chip["classification"]["rule"]["vintage"].clone()
    };
    let mut before = Vec::new();
    for path in paths {
        service.get(path, &[]).await;
        let answer = service.get(path, &[]).await;
        assert_eq!(rule(&answer), "2024-12", "{path}");
        before.push(answer);
    }
    let revision = newest(&register).await;
    clock.set(of("2026-01-15T00:00:00Z"));
    register.look().await.unwrap();
    assert_eq!(newest(&register).await, revision + 1);
    let feed = service.get(&format!("/v1/changes?after={revision}"), &[]).await.json();
    let told: Vec<_> = feed["items"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(told, ["took_effect chip h20", "took_effect chip h200"]);
    for (path, before) in paths.into_iter().zip(before) {
        let known = [("if-none-match", before.fields["etag"].as_str())];
        let answer = service.get(path, &known).await;
        assert_eq!((answer.status, rule(&answer)), (StatusCode::OK, "2026-01".into()), "{path}");
        assert_ne!(answer.fields["etag"], before.fields["etag"], "{path}");
    }
    // The last rule on file has begun.
    clock.set(noon("2026-06-01"));
    register.look().await.unwrap();
    assert_eq!(newest(&register).await, revision + 1);
}

/// A change of the feed, as `action kind id`.
fn told(change: &Value) -> String {
    let member = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
    format!("{} {} {}", member("action"), member("kind"), member("id"))
}

on_each_engine!(
    a_rule_that_begins_is_recorded_and_shown,
    a_kept_answer_is_the_one_that_is_made,
    what_does_not_follow_from_the_newest_revision_is_not_kept,
    a_tag_outlives_writes_elsewhere,
    a_date_that_has_passed_is_not_waited_for,
);
