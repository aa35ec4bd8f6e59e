//! Tags: a caller that has an answer already gets an empty 304, and everybody else the answer.

use serde_json::json;

use crate::reading::reads;
use crate::service::Service;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_read_has_a_tag_and_answers_a_caller_that_has_it_with_an_empty_304,
    a_page_that_another_comes_to_follow_is_another_page,
    the_pages_of_the_documentation_have_tags,
    the_pages_of_the_documentation_are_sent_as_the_client_takes_them,
    a_tag_is_the_same_for_every_key_and_after_a_restart,
    a_write_elsewhere_leaves_a_tag_alone,
    an_answer_can_be_compressed_unless_its_tag_names_its_bytes,
    who_refuses_every_coding_is_answered_all_the_same,
);

async fn every_read_has_a_tag_and_answers_a_caller_that_has_it_with_an_empty_304(database: Database) {
    let service = Service::sample(&database).await;
    for (operation, path) in reads(&service).await {
        let get = || service.get(&path).key(&service.keys.admin);
        let first = get().await.is(200);
        let etag = first.etag();
        let opaque = etag.trim_start_matches("W/").to_owned();
        let strong = operation.id().starts_with("show") && operation.path.ends_with("{id}");
        assert!(opaque.starts_with('"') && opaque.ends_with('"'), "{path}: {etag}");
        if strong && !operation.path.contains("keys") {
            // A chip's tag goes on with the rule that it is classified under.
            let version = opaque.trim_matches('"').split('+').next().unwrap();
            let (epoch, version) = version.rsplit_once('-').unwrap();
            assert_eq!((epoch, version), (service.epoch().await.as_str(), "1"), "{path}");
        }
        assert!(first.field("cache-control").unwrap().contains("no-cache"), "{path}");
        for known in [
            etag.clone(),
            opaque.clone(),
            format!("W/{opaque}"),
            format!("\"x\", {etag}, \"y\""),
            "*".to_owned(),
        ] {
            let reload = get()
                .field("if-none-match", &known)
                .field("cache-control", "no-cache")
                .field("pragma", "no-cache");
            let answer = reload.await.is(304);
            assert_eq!((answer.body.len(), answer.etag()), (0, etag.clone()), "{path}");
        }
        let split = get().field("if-none-match", "\"x\"").further("if-none-match", &etag);
        split.await.is(304);
        let other = get().field("if-none-match", "\"x\", W/\"y\"").await.is(200);
        assert_eq!(other.body, first.body, "{path}");
    }
}

async fn a_page_that_another_comes_to_follow_is_another_page(database: Database) {
    let service = Service::empty(&database).await;
    let put = |id: &str| {
        service.put(&format!("/v1/companies/{id}"), &json!({"name": id, "jurisdiction": "CN"})).send()
    };
    put("a").await.is(201);
    put("b").await.is(201);
    let full = service.get("/v1/companies?limit=2").await.is(200);
    let again = || service.get("/v1/companies?limit=2").field("if-none-match", &full.etag());
    again().await.is(304);
    put("c").await.is(201);
    assert!(again().await.is(200).json()["next"].is_string());
}

async fn the_pages_of_the_documentation_have_tags(database: Database) {
    let service = Service::empty(&database).await;
    let mut tags = Vec::new();
    for path in ["/docs/", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"] {
        let page = service.get(path).nobody().await.is(200);
        assert!(!page.body.is_empty());
        let head = service.head(path).nobody().await.is(200);
        assert_eq!((head.etag(), head.body.len()), (page.etag(), 0), "{path}");
        let again = service.get(path).nobody().field("if-none-match", &page.etag()).await.is(304);
        assert_eq!((again.etag(), again.body.len()), (page.etag(), 0), "{path}");
        tags.push(page.etag());
    }
    tags.dedup();
    assert_eq!(tags.len(), 3);
    service.get("/docs/nothing").nobody().await.refused(404, "no_such_path");
}

async fn the_pages_of_the_documentation_are_sent_as_the_client_takes_them(database: Database) {
    let service = Service::empty(&database).await;
    for path in ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"] {
        let taking = async |codings: &str| {
            let page = service.get(path).nobody().field("accept-encoding", codings).await.is(200);
            assert!(page.field("vary").unwrap().contains("accept-encoding"), "{path} for {codings}");
            (page.field("content-encoding").map(str::to_owned), page)
        };
        let (coding, packed) = taking("gzip, br").await;
        assert_eq!(coding.as_deref(), Some("gzip"), "{path}");
        for codings in ["identity", "gzip;q=0", "deflate"] {
            let (coding, page) = taking(codings).await;
            assert_eq!(coding, None, "{path} for {codings}");
            assert_eq!(page.etag(), packed.etag(), "{path} for {codings}");
            assert!(page.body.len() > packed.body.len() && page.text() != "(bytes)", "{path} for {codings}");
        }
        let bare = service.get(path).nobody().await.is(200);
        assert_eq!((bare.field("content-encoding"), bare.text() == "(bytes)"), (None, false), "{path}");
        assert_eq!(taking("br").await.0.as_deref(), Some("br"), "{path}");
    }
}

async fn a_tag_is_the_same_for_every_key_and_after_a_restart(database: Database) {
    let service = Service::sample(&database).await;
    let mut before = Vec::new();
    for (operation, path) in reads(&service).await {
        if operation.role() != "reader" {
            continue;
        }
        let etag = service.get(&path).await.is(200).etag();
        for key in [&service.keys.reader, &service.keys.limited, &service.keys.admin] {
            assert_eq!(service.get(&path).key(key).await.is(200).etag(), etag, "{path}");
        }
        before.push((path, etag));
    }
    let service = service.reopened(&database).await;
    for (path, etag) in before {
        assert_eq!(service.get(&path).await.is(200).etag(), etag, "{path}");
    }
}

async fn a_write_elsewhere_leaves_a_tag_alone(database: Database) {
    let service = Service::sample(&database).await;
    let paths =
        ["/v1/companies", "/v1/companies/alibaba", "/v1/approvals?company=alibaba", "/v1/search?q=baidu"];
    let mut before = Vec::new();
    for path in paths {
        before.push((path, service.get(path).await.is(200)));
    }
    service
        .put("/v1/sources/elsewhere", &json!({"publisher": "Gazette", "title": "Elsewhere"}))
        .await
        .is(201);
    for (path, before) in before {
        let after = service.get(path).await.is(200);
        assert_eq!(after.etag(), before.etag(), "{path}");
        assert_eq!(after.revision(), before.revision() + 1, "{path}");
    }
    let tencent = json!({"name": "Tencent"});
    let before = service.get("/v1/companies").await.is(200).etag();
    service.patch("/v1/companies/tencent", &tencent).field("if-match", "*").await.is(200);
    assert_ne!(service.get("/v1/companies").await.is(200).etag(), before);
}

async fn an_answer_can_be_compressed_unless_its_tag_names_its_bytes(database: Database) {
    let service = Service::sample(&database).await;
    for coding in ["gzip", "br"] {
        let list = service.get("/v1/companies").field("accept-encoding", coding).await.is(200);
        assert_eq!(list.field("content-encoding"), Some(coding));
        assert!(list.field("vary").unwrap().contains("accept-encoding"), "{:?}", list.fields);
        let one = service.get("/v1/workflows/cn-import").field("accept-encoding", coding).await.is(200);
        assert_eq!(one.field("content-encoding"), None);
    }
}

async fn who_refuses_every_coding_is_answered_all_the_same(database: Database) {
    let service = Service::sample(&database).await;
    for (number, codings) in
        ["identity;q=0", "*;q=0", "identity;q=0, zstd", "identity;q=0, gzip"].into_iter().enumerate()
    {
        let get = |path: &str| service.get(path).field("accept-encoding", codings);
        let list = get("/v1/companies?limit=3").await.is(200);
        let coding = codings.ends_with("gzip").then_some("gzip");
        assert_eq!(list.field("content-encoding"), coding, "{codings}");
        get("/v1/companies?limit=3").field("if-none-match", &list.etag()).await.is(304);
        let one = get("/v1/workflows/cn-import").await.is(200);
        assert_eq!(one.field("content-encoding"), None, "{codings}");
        get("/v1/companies/nobody").await.refused(404, "not_found");
        get("/v1/companies").nobody().await.refused(401, "unauthenticated");
        get("/v1/colours").await.refused(404, "no_such_path");
        let path = format!("/v1/companies/refused-{number}");
        let put = service.put(&path, &json!({"name": "Refused", "jurisdiction": "CN"}));
        put.field("accept-encoding", codings).await.is(201);
        get(&path).await.is(200);
    }
}
