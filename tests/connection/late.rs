//! Answers that are not ready in time, and what has become of the requests.

use std::time::Duration;

use greenlight::app::Register;
use greenlight::http::Limits;
use tokio::sync::oneshot;

use crate::line::exchange;
use crate::service::{Service, brisk, on_sqlite};

/// Holds the writer until it is let go.
async fn held(register: &Register) -> oneshot::Sender<()> {
    let ((release, released), (report, begun)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
    let register = register.clone();
    tokio::spawn(async move {
        let wait = register.write(|_| {
            Box::pin(async {
                report.send(()).unwrap();
                released.await.unwrap();
                Ok(())
            })
        });
        wait.await
    });
    begun.await.unwrap();
    release
}

#[test]
fn a_write_that_is_not_answered_in_time_may_be_carried_out_all_the_same() {
    on_sqlite(|database| async {
        let limits = Limits { request: Duration::from_millis(400), ..brisk() };
        let service = Service::start(database, limits).await;
        let key = service.first_key().await;
        let put = |target: &str| {
            let body = "{\"name\":\"Late\",\"jurisdiction\":\"CN\"}";
            let length = body.len();
            format!(
                "PUT {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
        };
        let release = held(&service.register).await;
        let address = service.address;
        let (late, trial) = tokio::join!(
            exchange(address, put("/v1/companies/late")),
            exchange(address, put("/v1/companies/trial?dry_run=true"))
        );
        for answer in [&late, &trial] {
            assert_eq!((answer.status, answer.problem().as_str()), (503, "overloaded"), "{answer:?}");
        }
        assert_eq!((late.outcome().as_str(), trial.outcome().as_str()), ("unknown", "none"));
        release.send(()).unwrap();
        service.register.store().changed(0).await;
        let get = |id: &str| {
            let text = format!("GET /v1/companies/{id} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            exchange(address, text)
        };
        assert_eq!(get("late").await.status, 200);
        assert_eq!(get("trial").await.status, 404);
    });
}
