//! x
use crate::service::Service;
use crate::support::{Database, on_each_engine};
on_each_engine!(a,);
async fn a(database: Database) {
    let t = std::time::Instant::now();
    let service = Service::sample(&database).await;
    eprintln!("sample {:?}", t.elapsed());
    for p in
        ["companies", "chips", "approvals", "conditions", "reports", "sources", "workflows", "authorities"]
    {
        let t = std::time::Instant::now();
        service.get(&format!("/v1/{p}?limit=1000")).await.is(200);
        eprintln!("{p} {:?}", t.elapsed());
        let t = std::time::Instant::now();
        service.get(&format!("/v1/{p}?limit=1000")).await.is(200);
        eprintln!("{p} {:?}", t.elapsed());
    }
}
