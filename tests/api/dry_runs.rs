//! Trials: what a write on trial answers is what the write answers, and nothing is changed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::document::{Operation, operations};
use crate::examples::{self, filled, with};
use crate::service::{Answer, Request, Service};
use crate::support::{Database, on_each_engine};

on_each_engine!(a_trial_answers_as_the_write_would_and_changes_nothing,);

/// An answer, but for what two requests cannot have in common: ids and secrets that are made for each.
fn comparable(answer: &Answer) -> Value {
    let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else {
        return json!([answer.status, answer.text()]);
    };
    let made = body["id"].as_str().is_some_and(|id| id.contains("-0")) && answer.status == 201;
    for name in ["id", "instance", "secret"] {
        if body.get(name).is_some() && (name != "id" || made) {
            body[name] = "…".into();
        }
    }
    json!([answer.status, body])
}

async fn a_trial_answers_as_the_write_would_and_changes_nothing(database: Database) {
    let service = Service::sample(&database).await;
    let (mut accepted, mut refused) = (BTreeSet::new(), 0);
    for operation in operations().into_iter().filter(Operation::writes) {
        let path = examples::path(&service, &operation).await;
        for variant in Variant::ALL {
            let before = variant.kept(&service).await;
            let Some(trial) = variant.request(&service, &operation, &with(&path, "dry_run=true")) else {
                continue;
            };
            let trial = trial.await;
            assert_eq!(variant.kept(&service).await, before, "{} on trial, {variant:?}", operation.id());
            let written = variant.request(&service, &operation, &path).unwrap().await;
            let what = format!("{} {variant:?}", operation.id());
            assert_eq!(comparable(&trial), comparable(&written), "{what}");
            if written.status < 300 {
                accepted.insert(operation.id());
                assert_eq!(trial.field("location").is_some(), written.field("location").is_some(), "{what}");
            } else {
                refused += 1;
            }
        }
    }
    assert!(refused > 50, "only {refused} writes were refused");
    let all = operations().into_iter().filter(Operation::writes).map(|operation| operation.id());
    let never: Vec<&str> = all.filter(|id| !accepted.contains(id)).collect();
    assert_eq!(never, NEVER_AS_SHOWN, "writes that the sample register does not allow");
}

/// Writes that the sample register does not allow as the contract shows them, since cases and steps refer to
/// what they would take away.
const NEVER_AS_SHOWN: [&str; 4] = ["retireCompany", "putWorkflow", "retireWorkflow", "retireSource"];

/// A way in which a write can be asked for.
#[derive(Clone, Copy, Debug)]
enum Variant {
    Nothing,
    Nonsense,
    Limited,
    Unconditional,
    Stale,
    AsShown,
}

impl Variant {
    /// Those that are refused first: what is accepted leaves another register behind.
    const ALL: [Self; 6] =
        [Self::Nothing, Self::Nonsense, Self::Limited, Self::Unconditional, Self::Stale, Self::AsShown];

    /// The newest revision and the keys, and what is on record if that could change.
    async fn kept(self, service: &Service) -> (i64, Vec<Value>, Vec<u8>) {
        let keys = service.get("/v1/keys?limit=1000").key(&service.keys.admin).await.is(200).items();
        let keys = keys.iter().map(|key| json!([key["id"], key["revoked_at"]])).collect();
        let lines = match self {
            Self::AsShown => service.get("/v1/exports").await.is(200).body.to_vec(),
            _ => Vec::new(),
        };
        (service.revision().await, keys, lines)
    }

    fn request(self, service: &Service, operation: &Operation, path: &str) -> Option<Request> {
        let request = filled(service, operation, path).key(&service.keys.admin);
        let media_type = operation.body().map(|(media_type, _)| media_type);
        let conditional = operation.takes("If-Match");
        match self {
            Self::Nothing => Some(request.body(media_type?, "")),
            Self::Nonsense => Some(request.body(media_type?, "{\"colour\": \"red\", \"colour\": 1}")),
            Self::Limited => Some(request.key(&service.keys.limited)),
            // Revoking a key does not have to name a version.
            Self::Unconditional if operation.id() == "revokeKey" => None,
            Self::Unconditional => conditional.then(|| request.without("if-match")),
            Self::Stale => conditional.then(|| request.field("if-match", "\"elsewhere-1\"")),
            Self::AsShown => Some(request),
        }
    }
}
