//! Bytes that nobody should send: each gets a clean answer, and the service goes on.

use crate::line::{Answer, Client, exchange};
use crate::service::{Service, brisk, on_sqlite};

/// What a body is announced with.
fn post(path: &str, key: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn get(target: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}Connection: close\r\n\r\n").into_bytes()
}

#[test]
fn a_hostile_target_or_field_is_refused_cleanly() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let many = ",a".repeat(1000);
        for (bytes, status, code) in [
            (get("/v1/companies/%00", ""), 400, "invalid_parameter"),
            (get("/v1/companies/%ff%fe", ""), 400, "invalid_parameter"),
            (get("/v1/companies/..%2f..%2fetc%2fpasswd", ""), 400, "invalid_parameter"),
            (get("/v1/companies/a'%20OR%201=1", ""), 400, "invalid_parameter"),
            (get("/v1/../v1/companies", ""), 404, "no_such_path"),
            (get("//v1/companies", ""), 404, "no_such_path"),
            (get("/v1/companies?limit=%ff", ""), 400, "invalid_parameter"),
            (get("/v1/companies?limit=1&limit=2", ""), 400, "invalid_parameter"),
            (get("/v1/companies?limit=99999999999999999999", ""), 400, "invalid_parameter"),
            (get("/v1/companies?%00=%00", ""), 400, "invalid_parameter"),
            (get("/v1/companies?cursor=AAAA%00", ""), 400, "invalid_cursor"),
            (get("/v1/companies?name=%", ""), 400, "invalid_parameter"),
            (get(&format!("/v1/companies?id=a{many}"), ""), 400, "invalid_parameter"),
            (get(&format!("/v1/board?authority=a{many}"), ""), 400, "invalid_parameter"),
            (get(&format!("/v1/approvals/a/transitions?to=a{many}"), ""), 400, "invalid_parameter"),
            (get("/v1/companies", "Authorization: Bearer\r\n"), 401, "unauthenticated"),
            (get("/v1/companies", "Authorization: Bearer gl_\u{ff}\r\n"), 401, "unauthenticated"),
            (
                get("/v1/companies", "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"),
                401,
                "unauthenticated",
            ),
            (get("/v1/companies", "Authorization: Basic YTpi\r\n"), 401, "unauthenticated"),
            (
                b"BREW /v1/companies HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec(),
                405,
                "method_not_allowed",
            ),
            (
                b"TRACE /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec(),
                405,
                "method_not_allowed",
            ),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), 400, "malformed_request"),
            (b"\0\0\0\0\r\n\r\n".to_vec(), 400, "malformed_request"),
            (b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 400, "malformed_request"),
            (
                b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nConnection: close\r\n\r\n".to_vec(),
                404,
                "no_such_path",
            ),
            (b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec(), 404, "no_such_path"),
        ] {
            let answer = exchange(service.address, &bytes).await;
            let shown = String::from_utf8_lossy(&bytes);
            assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{shown}: {answer:?}");
        }
    });
}

#[test]
fn a_hostile_body_is_refused_cleanly() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let key = service.first_key().await;
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        for (body, code) in [
            (&b""[..], "malformed_json"),
            (b"\0", "malformed_json"),
            (b"\xef\xbb\xbf{}", "malformed_json"),
            (b"{\"name\":\"\xff\"}", "malformed_json"),
            (b"{\"name\":\"\\ud800\"}", "malformed_json"),
            (b"{\"name\":\"a\",\"name\":\"b\"}", "invalid_body"),
            (b"{\"name\":\"a\",\"jurisdiction\":\"CN\"}{", "malformed_json"),
            (b"{\"name\":NaN}", "malformed_json"),
            (deep.as_slice(), "malformed_json"),
            (b"[]", "invalid_body"),
            (b"1e999", "malformed_json"),
            (b"{\"name\":\"a\\u0000\",\"jurisdiction\":\"CN\"}", "invalid_body"),
            (b"{\"name\":{\"name\":{}},\"jurisdiction\":[\"CN\"]}", "invalid_body"),
        ] {
            let answer = exchange(service.address, post("/v1/companies", &key, body)).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
            assert_eq!((answer.status, answer.problem().as_str()), (400, code), "{shown}: {answer:?}");
        }
        let body = b"{\"name\":\"a\",\"jurisdiction\":\"CN\"}";
        assert_eq!(exchange(service.address, post("/v1/companies", &key, body)).await.status, 201);
    });
}

#[test]
fn broken_framing_is_refused_and_nothing_behind_it_is_read() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let key = service.first_key().await;
        let head = format!(
            "POST /v1/companies HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        );
        for (rest, code) in [
            ("Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", "malformed_request"),
            ("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n", "malformed_request"),
            ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n", "malformed_request"),
            // The protocol takes it for one, and finds no body.
            ("Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "malformed_json"),
            ("Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", "malformed_request"),
            ("Content-Length: -1\r\n\r\n{}", "malformed_request"),
            ("Content-Length: 99999999999999999999999\r\n\r\n{}", "malformed_request"),
            ("Content-Length: 2, 3\r\n\r\n{}", "malformed_request"),
        ] {
            let smuggled = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
            let text = format!("{head}{rest}{smuggled}");
            let (told, _) = Client::saying(service.address, &text).await.rest().await;
            let answer = Answer::of(&told);
            assert_eq!(answer.status, 400, "{rest:?}: {told}");
            assert_eq!(answer.problem(), code, "{rest:?}: {told}");
        }
    });
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        // The constants of Knuth's MMIX.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

#[test]
fn a_request_with_bytes_that_flipped_is_answered_or_let_go() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let key = service.first_key().await;
        let body = b"{\"name\":\"a\",\"jurisdiction\":\"CN\"}";
        let whole = post("/v1/companies?dry_run=true", &key, body);
        let (mut dice, mut refused) = (Dice(1), 0);
        for _ in 0..200 {
            let mut bytes = whole.clone();
            for _ in 0..=dice.below(3) {
                let at = dice.below(bytes.len());
                bytes[at] = u8::try_from(dice.below(256)).unwrap();
            }
            let (told, _) = Client::saying(service.address, &bytes).await.rest().await;
            let answer = Answer::of(&told);
            // Among them is the version.
            assert!(
                answer.status < 500 || answer.status == 505,
                "{}: {told}",
                String::from_utf8_lossy(&bytes)
            );
            if answer.status >= 400 {
                answer.problem();
                refused += 1;
            }
        }
        assert!((20..200).contains(&refused), "{refused} of 200 were refused");
        assert_eq!(exchange(service.address, get("/healthz", "")).await.status, 200);
    });
}
