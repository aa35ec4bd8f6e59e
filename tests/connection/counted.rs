//! What a client makes up does not stay with the service.

use crate::line::exchange;
use crate::service::{Service, brisk, on_sqlite};

#[test]
fn methods_that_are_made_up_are_measured_as_one() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let ask = async |method: &str, path: &str| {
            exchange(
                service.address,
                format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            )
            .await
        };
        let long = "X".repeat(7000);
        for number in 0..20 {
            assert_eq!(ask(&format!("{long}{number}"), "/healthz").await.status, 405);
            assert_eq!(ask("GET", &format!("/none/{number}")).await.status, 404);
        }
        assert_eq!(ask("DELETE", "/healthz").await.status, 405);
        let measured = ask("GET", "/metrics").await.body;
        let requests: Vec<&str> =
            measured.lines().filter(|line| line.starts_with("greenlight_requests_total")).collect();
        let expected = [
            "{method=\"DELETE\",route=\"/healthz\",status=\"405\"} 1",
            "{method=\"GET\",route=\"none\",status=\"404\"} 20",
            "{method=\"other\",route=\"/healthz\",status=\"405\"} 20",
        ];
        for line in expected {
            assert!(requests.contains(&format!("greenlight_requests_total{line}").as_str()), "{requests:?}");
        }
        assert_eq!(requests.len(), expected.len());
    });
}

#[test]
fn what_is_refused_unread_is_measured_too() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        for text in ["nonsense\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.0\r\n\r\n"] {
            exchange(service.address, text).await.problem();
        }
        let measure = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let measured = exchange(service.address, measure).await.body;
        for (status, count) in [(400, 2), (505, 1)] {
            let line = format!(
                "greenlight_requests_total{{method=\"other\",route=\"none\",status=\"{status}\"}} {count}\n"
            );
            assert!(measured.contains(&line), "{measured}");
        }
    });
}
