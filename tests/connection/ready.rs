//! What the service says of itself when it can do only half of what it is for.

use crate::line::exchange;
use crate::service::{Service, brisk, on_sqlite};

const READY: &str = "GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn without_its_writer_it_is_not_ready() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        assert_eq!(exchange(service.address, READY).await.status, 200);
        let broken = service.register.write(|_| Box::pin(async { panic!("this ends the writer") }));
        let outcome: Result<(), _> = broken.await;
        assert!(outcome.is_err());
        // It is gone for good once it has refused another one.
        assert!(service.register.write(|_| Box::pin(async { Ok(()) })).await.is_err());
        let answer = exchange(service.address, READY).await;
        assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"));
    });
}
