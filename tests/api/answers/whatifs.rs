//! What-ifs: what would be answered if facts were others, and which of them decides.

use serde_json::{Value, json};

use super::{CASE, TOLD, asked, but, codes, question};
use crate::service::Service;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    an_assumption_that_decides_is_named_and_nothing_is_kept,
    each_parameter_of_a_condition_can_be_assumed,
    an_assumption_about_what_is_not_there_is_refused,
);

/// A chip that crosses no border, so that nothing but conditions decides.
fn domestic() -> Value {
    json!({"company": "alibaba", "chip": "ascend-910c"})
}

async fn put(service: &Service, id: &str, terms: Value) {
    let condition = json!({"scope": {"company": "alibaba", "chip": "ascend-910c"}, "force": "required",
        "status": "in_force", "citations": [{"attribution": "own_record"}]});
    service.put(&format!("/v1/conditions/{id}"), &but(condition, &terms)).await.is(201);
}

async fn what_if(service: &Service, question: &Value, assume: Value) -> Value {
    let asked = but(question.clone(), &json!({"assume": assume}));
    service.post("/v1/determinations", &asked).await.is(200).json()
}

/// Which of the assumptions decided.
fn decided(answer: &Value) -> Vec<bool> {
    let assumptions = answer["assumptions"].as_array().unwrap();
    assumptions.iter().map(|assumed| assumed["decided"].as_bool().unwrap()).collect()
}

async fn an_assumption_that_decides_is_named_and_nothing_is_kept(database: Database) {
    let service = Service::sample(&database).await;
    let winter = but(question(), &json!({"valid_at": "2026-01-25"}));
    let fact = asked(&service, &winter).await;
    assert_eq!((&fact["verdict"], &fact["assumptions"]), (&json!("no"), &json!([])));
    let before = (service.revision().await, service.get("/v1/exports").await.is(200).body);
    let supposed = what_if(&service, &winter, json!([{"approval": CASE, "stage": "approved"}])).await;
    // The importing side is not the only one that stands in the way.
    assert_eq!((&supposed["verdict"], decided(&supposed)), (&json!("no"), vec![false]));
    let gate = supposed["gates"].as_array().unwrap().iter().find(|gate| gate["approval"] == CASE).unwrap();
    assert_eq!((&gate["stage"], &gate["since"]), (&json!("approved"), &json!("2026-01-25")));
    assert_eq!((&supposed["id"], &supposed["valid_at"]), (&Value::Null, &fact["valid_at"]));

    put(&service, "ban", json!({"kind": "prohibition", "activities": ["order"]})).await;
    put(&service, "quota", json!({"kind": "unit_cap", "maximum": 5, "counting": "ordered"})).await;
    let many = but(domestic(), &json!({"units": 6}));
    assert_eq!(asked(&service, &many).await["verdict"], "no");
    let waived = json!({"condition": "ban", "status": "waived"});
    let raised = json!({"condition": "quota", "maximum": 6});
    for (assume, verdict, expected) in [
        (json!([waived]), "no", vec![false]),
        (json!([raised]), "no", vec![false]),
        (json!([waived, raised]), "yes", vec![true, true]),
        (
            json!([waived, raised, {"condition": "quota", "status": "waived"}]),
            "yes",
            vec![true, false, false],
        ),
    ] {
        let supposed = what_if(&service, &many, assume.clone()).await;
        assert_eq!((&supposed["verdict"], decided(&supposed)), (&json!(verdict), expected), "{assume}");
    }
    assert_eq!(service.get("/v1/determinations").await.is(200).items(), [Value::Null; 0]);
    service.delete("/v1/conditions/ban").field("if-match", "*").await.is(204);
    service.delete("/v1/conditions/quota").field("if-match", "*").await.is(204);
    let after = service.get("/v1/exports").await.is(200).body;
    assert_eq!((service.revision().await, after), (before.0 + 4, before.1));
}

async fn each_parameter_of_a_condition_can_be_assumed(database: Database) {
    let service = Service::sample(&database).await;
    let share = json!({"kind": "domestic_share", "minimum": null, "basis": "units", "counting": "ordered", "unknown": "unset_by_authority"});
    put(&service, "share", share).await;
    put(&service, "tested", json!({"kind": "requirement", "what": "third_party_test"})).await;
    let fact = asked(&service, &domestic()).await;
    assert_eq!(
        (&fact["verdict"], codes(&fact)),
        (&json!("no"), vec![json!("condition_unmet"), json!("condition_unknown")])
    );
    let met = json!({"condition": "tested", "met_on": "2026-09-01"});
    let later = json!({"condition": "tested", "met_on": "2026-12-01"});
    let half = json!({"condition": "share", "minimum": "0.5"});
    for (assume, verdict, expected) in [
        (json!([met]), "unknown", vec![true]),
        (json!([later]), "no", vec![false]),
        (json!([half]), "no", vec![false]),
        (json!([met, half]), "yes", vec![true, true]),
        (json!([met, half, {"condition": "share", "status": "proposed"}]), "yes", vec![true, false, false]),
    ] {
        let supposed = what_if(&service, &domestic(), assume.clone()).await;
        assert_eq!((&supposed["verdict"], decided(&supposed)), (&json!(verdict), expected), "{assume}");
        let assumed: Vec<Value> = supposed["assumptions"].as_array().unwrap().clone();
        for (given, told) in assume.as_array().unwrap().iter().zip(assumed) {
            assert_eq!(but(given.clone(), &json!({"decided": told["decided"]})), told);
        }
    }
    // What is assumed of one fact is not remembered.
    let again = asked(&service, &domestic()).await;
    for name in TOLD {
        assert_eq!(again[name], fact[name], "{name}");
    }
}

async fn an_assumption_about_what_is_not_there_is_refused(database: Database) {
    let service = Service::sample(&database).await;
    put(&service, "ban", json!({"kind": "prohibition", "activities": ["order"]})).await;
    for (assume, fault) in [
        (json!({"approval": "nothing", "stage": "approved"}), "/assume/0/approval no_such_thing"),
        // It is on record, but for another company.
        (
            json!({"approval": "tencent-h200-sxm-cn-unspecified", "stage": "approved"}),
            "/assume/0/approval no_such_thing",
        ),
        (json!({"approval": CASE, "stage": "agreed"}), "/assume/0/stage no_such_thing"),
        (json!({"condition": "nothing", "status": "waived"}), "/assume/0/condition no_such_thing"),
        (json!({"condition": "ban", "status": "waived"}), "/assume/0/condition no_such_thing"),
        (json!({"condition": "us-h200-buyer-cap", "minimum": "0.5"}), "/assume/0/minimum inconsistent"),
        (json!({"condition": "us-h200-buyer-cap"}), "/assume/0 inconsistent"),
    ] {
        let asked = but(question(), &json!({"assume": [assume]}));
        let answer = service.post("/v1/determinations", &asked).await.refused(400, "invalid_body");
        assert_eq!(answer.faults(), [fault], "{assume}");
    }
    let twice = json!([{"approval": CASE, "stage": "approved"}, {"approval": CASE, "stage": "refused"}]);
    let asked = but(question(), &json!({"assume": twice}));
    let answer = service.post("/v1/determinations", &asked).await.refused(400, "invalid_body");
    assert_eq!(answer.faults(), ["/assume/1 repeated"]);
}
