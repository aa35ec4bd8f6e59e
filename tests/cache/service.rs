//! The service in this process, asked without a socket.

use std::collections::HashMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use greenlight::app::keys::{self, NewKey};
use greenlight::app::{Error, Register};
use greenlight::domain::actor::{Actor, Key, Role};
use greenlight::http::{self, Options};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::support::things::{commit, of};

/// A service over a register, and the secret it is asked with.
#[derive(Clone)]
pub(crate) struct Service {
    router: Router,
    secret: String,
}

/// An answer, taken in whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) fields: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The revision it shows.
    pub(crate) fn revision(&self) -> i64 {
        self.fields["revision"].parse().unwrap()
    }

    /// Its body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Service {
    /// A service that keeps answers.
    pub(crate) fn new(register: &Register, secret: &str) -> Self {
        Self { router: http::router(register, Options::default()), secret: secret.to_owned() }
    }

    /// A service that keeps none.
    pub(crate) fn without(register: &Register, secret: &str) -> Self {
        let options = Options { cache_bytes: 0, ..Options::default() };
        Self { router: http::router(register, options), secret: secret.to_owned() }
    }

    /// Asks for a path.
    pub(crate) async fn get(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, fields).await
    }

    /// Sends a request without a body.
    pub(crate) async fn ask(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        // A problem repeats the id, and bodies are compared.
        request = request.header("x-request-id", "test");
        request = request.header("authorization", format!("Bearer {}", self.secret));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let mut fields: HashMap<String, String> = HashMap::new();
        for (name, value) in &parts.headers {
            let value = value.to_str().unwrap();
            let line = fields.entry(name.to_string());
            line.and_modify(|line| line.extend([", ", value])).or_insert_with(|| value.to_owned());
        }
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, fields, body }
    }
}

/// Makes a key.
pub(crate) async fn key(register: &Register, role: Role) -> (Key, String) {
    let new = NewKey { name: of("test"), owner: of("test"), role, authorities: Vec::new(), expires_at: None };
    let made: Result<_, Error> = commit(register, move |write| {
        Box::pin(async move { keys::create(write, &Actor::Operator, new).await })
    })
    .await;
    let (key, secret) = made.unwrap();
    (key, secret.reveal().to_owned())
}
