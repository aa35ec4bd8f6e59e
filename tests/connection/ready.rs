//! What the service says of itself when it can do only half of what it is for.

use crate::line::exchange;
use crate::service::{Service, brisk, on_sqlite};

const READY: &str = "GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn it_is_ready_as_long_as_it_can_write() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let writable = async || {
            let answer = exchange(service.address, READY).await;
            (answer.status, answer.body.contains("\"writable\":true"))
        };
        assert_eq!(writable().await, (200, true));
        let broken = service.register.write(|_| Box::pin(async { panic!("as it was to") }));
        let outcome: Result<(), _> = broken.await;
        assert!(outcome.is_err());
        assert_eq!(writable().await, (200, false));
        service.register.write(|_| Box::pin(async { Ok(()) })).await.unwrap();
        assert_eq!(writable().await, (200, true));
        service.register.store().close().await;
        let answer = exchange(service.address, READY).await;
        assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"));
    });
}
