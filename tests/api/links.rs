//! Links to the next page (RFC 8288): they lead through a list as its cursors do.

use serde_json::{Value, json};

use crate::examples::with;
use crate::lists::{encoded, lists, register, whole};
use crate::service::{Answer, Service};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    links_lead_through_every_list_as_its_cursors_do,
    a_link_keeps_what_was_asked_for,
    a_link_is_on_every_answer_that_shows_a_page_with_another_after_it,
    links_lead_through_the_feed_and_on,
);

/// The address of the next page, if there is one.
fn next(answer: &Answer) -> Option<String> {
    let mut links = answer.fields.get_all("link").iter();
    let link = links.next()?.to_str().unwrap();
    assert!(links.next().is_none(), "{}: more than one link", answer.asked);
    let target = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    assert!(target.starts_with("/v1/") && !target.contains(['<', '>', '"', ' ']), "{target}");
    Some(target.to_owned())
}

/// The query parameters of an address, in order.
fn params(target: &str) -> Vec<(&str, &str)> {
    let (_, query) = target.split_once('?').unwrap();
    query.split('&').map(|piece| piece.split_once('=').unwrap()).collect()
}

/// What is shown by this page and those that links lead to from it, in the member of this name.
async fn followed(service: &Service, first: &str, member: &str) -> Vec<Value> {
    let (mut items, mut target) = (Vec::new(), first.to_owned());
    loop {
        let page = service.get(&target).key(&service.keys.admin).await.is(200);
        items.extend(page.json()[member].as_array().unwrap().clone());
        let (link, body) = (next(&page), page.json());
        let linked = link.as_deref().and_then(|link| params(link).pop());
        assert_eq!(linked, body["next"].as_str().map(|cursor| ("cursor", cursor)), "{target}");
        match link {
            Some(link) => target = link,
            None => return items,
        }
    }
}

async fn links_lead_through_every_list_as_its_cursors_do(database: Database) {
    let (service, _) = register(&database).await;
    let further =
        ["/v1/companies/tencent/history", "/v1/companies?sort=-name", "/v1/conditions?status=in_force"];
    for path in lists().into_iter().map(|(_, path)| path).chain(further.map(str::to_owned)) {
        let all = whole(&service, &path).await;
        for limit in [1, 7, all.len().max(1)] {
            let first = with(&path, &format!("limit={limit}"));
            assert_eq!(followed(&service, &first, "items").await, all, "{first}");
        }
    }
    let board = service.get("/v1/board?valid_at=2026-01-25").await.is(200).json();
    let rows = followed(&service, "/v1/board?valid_at=2026-01-25&limit=2", "rows").await;
    assert!(rows.len() > 2 && Value::from(rows) == board["rows"]);
}

async fn a_link_keeps_what_was_asked_for(database: Database) {
    let (service, _) = register(&database).await;
    for (id, name) in [("one", "芯片, a"), ("two", "芯片, b"), ("three", "芯片 c")] {
        let company = json!({"name": name, "jurisdiction": "CN"});
        service.put(&format!("/v1/companies/{id}"), &company).await.is(201);
    }
    let chip = encoded("芯片");
    for (path, count) in [
        (format!("/v1/search?q={chip}"), 3),
        (format!("/v1/search?q={}&count=true", chip.to_ascii_lowercase()), 3),
        (
            "/v1/movements?external_ref=PO-1,PO-1%2C%20second+half%2C%2050%25&kind=order%2Cshipment"
                .to_owned(),
            2,
        ),
        ("/v1/companies?id=one,three,two&count=true&sort=name".to_owned(), 3),
        ("/v1/companies?id=one,two&valid_at=2026-09-15T08:00:00%2B08:00".to_owned(), 2),
        ("/v1/companies?id=one,two&known_at=2026-09-15T12:00:00Z".to_owned(), 2),
    ] {
        let first = format!("{path}&limit=1");
        let link = next(&service.get(&first).await.is(200)).unwrap_or_else(|| panic!("{first} has no link"));
        let mut kept = params(&link);
        assert_eq!(kept.pop().map(|(name, _)| name), Some("cursor"), "{link}");
        assert_eq!(kept, params(&first));
        assert_eq!(followed(&service, &first, "items").await.len(), count, "{first}");
    }
    // What a URI may not have is percent-encoded, and a cursor is replaced, however its name was written.
    let first = next(&service.get("/v1/search?q=芯片&&limit=1&").await.is(200)).unwrap();
    assert_eq!(params(&first).first(), Some(&("q", chip.as_str())));
    let second = next(&service.get(&first.replace("cursor=", "c%75rsor=")).await.is(200)).unwrap();
    let names: Vec<&str> = params(&second).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["q", "limit", "cursor"]);
    assert_ne!(first, second);
    assert_eq!(next(&service.get(&second).await.is(200)), None);
}

async fn a_link_is_on_every_answer_that_shows_a_page_with_another_after_it(database: Database) {
    let service = Service::sample(&database).await;
    let path = "/v1/companies?limit=2";
    let page = service.get(path).await.is(200);
    let link = next(&page);
    assert!(link.is_some());
    // The second time it comes from the cache.
    for _ in 0..2 {
        assert_eq!(next(&service.get(path).await.is(200)), link);
        assert_eq!(next(&service.head(path).await.is(200)), link);
        let known = service.get(path).field("if-none-match", &page.etag()).await.is(304);
        assert_eq!(next(&known), None);
    }
    for path in ["/v1/companies?limit=1000", "/v1/companies/tencent", "/v1/workflows"] {
        assert_eq!(next(&service.get(path).await.is(200)), None, "{path}");
    }
}

async fn links_lead_through_the_feed_and_on(database: Database) {
    let (service, _) = register(&database).await;
    let newest = format!(".{}", service.revision().await);
    let all = service.get("/v1/changes?limit=1000&kind=company,transition").await.is(200).items();
    let (mut items, mut target) = (Vec::new(), "/v1/changes?kind=company,transition&limit=1".to_owned());
    loop {
        let page = service.get(&target).await.is(200);
        items.extend(page.items());
        let (link, body) = (next(&page).unwrap(), page.json());
        let position = body["next"].as_str().unwrap();
        assert_eq!(params(&link), [("kind", "company,transition"), ("limit", "1"), ("after", position)]);
        assert_ne!(link, target, "it leads nowhere");
        target = link;
        if position.ends_with(&newest) {
            break;
        }
    }
    assert_eq!(items, all);
    // It is there also where nothing has come yet.
    let caught_up = service.get(&target).await.is(200);
    assert_eq!((caught_up.items().len(), next(&caught_up)), (0, Some(target.clone())));
    let renamed = json!({"name": "T"});
    service.patch("/v1/companies/tencent", &renamed).field("if-match", "*").await.is(200);
    assert_eq!(service.get(&target).await.is(200).ids(), ["tencent"]);
}
