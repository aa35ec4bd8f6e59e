//! Who may call what: every operation of the document, by a key of every kind.

use greenlight::domain::actor::Role;
use greenlight::domain::time::Moment;
use serde_json::{Value, json};

use crate::document::operations;
use crate::examples;
use crate::service::{LIMIT, NOW, Service};
use crate::support::things::of;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_operation_lets_in_whom_the_contract_says,
    anybody_may_read_where_reading_is_public,
    a_limited_key_writes_what_belongs_to_its_authorities_and_nothing_else,
    a_revoked_key_stops_at_once,
    a_key_is_revoked_as_it_was_seen,
    a_key_is_told_from_anything_like_it,
);

/// Who calls, with what they may do: the greatest of these roles that lets them in.
const ROLES: [&str; 4] = ["anybody", "reader", "editor", "admin"];

fn rank(role: &str) -> usize {
    ROLES.iter().position(|known| *known == role).unwrap()
}

async fn every_operation_lets_in_whom_the_contract_says(database: Database) {
    let service = Service::sample(&database).await;
    let soon: Moment = of("2026-09-15T12:30:00Z");
    let expired = service.key(Role::Admin, &[], Some(soon)).await;
    let revoked = service.key(Role::Admin, &[], None).await;
    revoke(&service, &revoked).await;
    service.clock.set(of("2026-09-15T13:00:00Z"));
    let keys = service.keys.clone();
    let callers = [
        (None, "anybody"),
        (Some(&expired), "anybody"),
        (Some(&revoked), "anybody"),
        (Some(&keys.reader), "reader"),
        (Some(&keys.limited), "editor"),
        (Some(&keys.editor), "editor"),
        (Some(&keys.admin), "admin"),
    ];
    for operation in operations() {
        for (secret, role) in callers {
            let request = examples::on_trial(&service, &operation).await;
            let request = match secret {
                Some(secret) => request.key(secret),
                None => request.nobody(),
            };
            let answer = request.await;
            let who = format!("{} by {role}: {}", operation.id(), answer.brief());
            if rank(role) >= rank(operation.role()) {
                assert_ne!(answer.status, 401, "{who}");
                let limited = secret == Some(&keys.limited) && answer.status == 403;
                assert!(answer.status != 403 || limited && answer.code() == "forbidden_authority", "{who}");
            } else if role == "anybody" {
                assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"), "{who}");
                assert!(answer.field("www-authenticate").unwrap().starts_with("Bearer"), "{who}");
            } else {
                assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{who}");
            }
        }
    }
}

async fn revoke(service: &Service, secret: &str) {
    service.delete(&format!("/v1/keys/{}", id_in(secret))).key(&service.keys.admin).await.is(204);
}

/// The id of a key, which its secret begins with.
fn id_in(secret: &str) -> &str {
    secret.strip_prefix("gl_").unwrap().split_once('_').unwrap().0
}

async fn anybody_may_read_where_reading_is_public(database: Database) {
    let service = Service::sample(&database).await.public();
    for operation in operations() {
        let answer = examples::on_trial(&service, &operation).await.nobody().await;
        let refused = rank(operation.role()) > rank("reader");
        assert_eq!(answer.status == 401, refused, "{}: {}", operation.id(), answer.brief());
    }
    // A key that opens nothing is refused rather than ignored.
    service.get("/v1/companies").key("gl_nothing").await.refused(401, "unauthenticated");
}

async fn a_limited_key_writes_what_belongs_to_its_authorities_and_nothing_else(database: Database) {
    let service = Service::sample(&database).await;
    let limited = service.keys.limited.clone();
    let citations = json!([{"attribution": "own_record"}]);
    let case = |authority: &str| json!({"company": "baidu", "chip": "h20", "authority": authority});
    let report = |about: Value| {
        let on = json!({"date": "2026-09-01", "precision": "day"});
        json!({"about": about, "on": on, "modality": "states", "text": "x", "status": "open", "citations": citations})
    };
    let condition = |scope: Value| json!({"scope": scope, "kind": "other", "text": "x", "force": "required", "status": "in_force", "citations": citations});
    let own = [
        ("approvals", case(LIMIT)),
        ("reports", report(json!({"authority": LIMIT}))),
        ("conditions", condition(json!({"authority": LIMIT}))),
        ("conditions", condition(json!({"approval": "alibaba-h200-sxm-us-bis"}))),
    ];
    for (collection, body) in own {
        service.post(&format!("/v1/{collection}"), &body).key(&limited).await.is(201);
    }
    let foreign = [
        ("approvals", case("cn-unspecified")),
        ("reports", report(json!({"authority": "cn-unspecified"}))),
        ("reports", report(json!({"company": "baidu"}))),
        ("conditions", condition(json!({"authority": "cn-unspecified"}))),
        ("conditions", condition(json!({"approval": "alibaba-h200-sxm-cn-unspecified"}))),
        ("companies", json!({"name": "x", "jurisdiction": "CN"})),
        ("sources", json!({"publisher": "x", "title": "x"})),
    ];
    for (collection, body) in foreign {
        let answer = service.post(&format!("/v1/{collection}"), &body).key(&limited).await;
        answer.refused(403, "forbidden_authority");
    }
    // Nor may it move a case out of, or into, its reach.
    for (from, to) in [("us-bis", "cn-unspecified"), ("cn-unspecified", "us-bis")] {
        let path = format!("/v1/approvals/alibaba-h200-sxm-{from}");
        let moved = service.patch(&path, &json!({"authority": to})).key(&limited).field("if-match", "*");
        moved.await.refused(403, "forbidden_authority");
    }
    let step = json!({"to": "suspended", "effective_on": {"date": "2026-09-02", "precision": "day"}, "citations": citations});
    let steps = |authority: &str| format!("/v1/approvals/alibaba-h200-sxm-{authority}/transitions");
    let elsewhere = service.post(&steps("cn-unspecified"), &step).key(&limited).await;
    let told = elsewhere.refused(403, "forbidden_authority").json();
    assert_eq!(
        told["detail"],
        format!("the key writes only what belongs to `{LIMIT}`, and this belongs to `cn-unspecified`")
    );
    let order = json!({"company": "alibaba", "chip": "h200-sxm", "kind": "order", "units": 1, "occurred_on": "2026-09-01"});
    let of_none = service.post("/v1/movements", &order).key(&limited).await;
    let told = of_none.refused(403, "forbidden_authority").json();
    let detail = told["detail"].as_str().unwrap();
    assert!(
        detail.contains("belongs to no authority: a movement belongs to that of the approval it names"),
        "{detail}"
    );
    assert_ne!(service.post(&steps(LIMIT), &step).key(&limited).await.status, 403);
}

async fn a_key_is_revoked_as_it_was_seen(database: Database) {
    let service = Service::empty(&database).await;
    let admin = service.keys.admin.clone();
    let secret = service.key(Role::Reader, &[], None).await;
    let path = format!("/v1/keys/{}", id_in(&secret));
    let revoke = |tags: &str| service.delete(&path).key(&admin).field("if-match", tags);
    let etag = service.get(&path).key(&admin).await.is(200).etag();
    for wrong in ["open", "\"open"] {
        let answer = revoke(wrong).await.refused(400, "invalid_parameter");
        assert_eq!(answer.faults(), ["If-Match malformed"], "{wrong}");
    }
    for stale in ["\"another\"", &format!("W/{etag}")] {
        assert_eq!(revoke(stale).await.refused(412, "stale_version").etag(), etag, "{stale}");
    }
    revoke(&format!("\"another\", {etag}")).await.is(204);
    service.get("/v1/companies").key(&secret).await.refused(401, "unauthenticated");
    revoke(&etag).await.refused(412, "stale_version");
    revoke("*").await.is(204);
}

async fn a_revoked_key_stops_at_once(database: Database) {
    let service = Service::empty(&database).await;
    let secret = service.key(Role::Reader, &[], None).await;
    service.get("/v1/companies").key(&secret).await.is(200);
    revoke(&service, &secret).await;
    service.get("/v1/companies").key(&secret).await.refused(401, "unauthenticated");
    let shown = service.get(&format!("/v1/keys/{}", id_in(&secret))).key(&service.keys.admin).await.is(200);
    assert_eq!(shown.json()["revoked_at"], NOW);
    assert!(!shown.text().contains(&secret), "{}", shown.text());
    // Revoking it again changes nothing.
    revoke(&service, &secret).await;
}

async fn a_key_is_told_from_anything_like_it(database: Database) {
    let service = Service::empty(&database).await;
    let secret = service.keys.reader.clone();
    let longer = format!("{secret}a");
    let shorter = secret.get(..secret.len() - 1).unwrap().to_owned();
    for wrong in [
        "",
        "Bearer",
        "Basic cmVhZGVyOng=",
        "Bearer gl_",
        &format!("Bearer {longer}"),
        &format!("Bearer {shorter}"),
    ] {
        let answer = service.get("/v1/companies").field("authorization", wrong).await;
        answer.refused(401, "unauthenticated");
    }
    let bare = service.get("/v1/companies").field("authorization", &secret).await;
    let told = bare.refused(401, "unauthenticated").json();
    assert_eq!(told["detail"], "send the key as `Authorization: Bearer gl_…`");
    let twice =
        service.get("/v1/companies").key(&secret).further("authorization", &format!("Bearer {secret}"));
    twice.await.refused(401, "unauthenticated");
    service.get("/v1/companies").field("authorization", &format!("bearer {secret}")).await.is(200);
}
