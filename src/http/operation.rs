//! Operations: one table from which routes, parameters, access and the OpenAPI document all come.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use serde_json::Value;

use super::App;
use super::cache;
use super::call::Call;
use super::problem::{Code, Problem};

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Public,
    /// Readers, or anybody where reading is public.
    Read,
    /// Editors; use cases check what each may write.
    Write,
    /// Admins.
    Admin,
}

/// A query parameter.
#[derive(Clone, Debug)]
pub(crate) struct Param {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its schema.
    pub(crate) schema: Value,
    /// What it does.
    pub(crate) about: String,
    /// Whether it must be given.
    pub(crate) required: bool,
}

impl Param {
    /// An optional parameter.
    pub(crate) fn new(name: &'static str, schema: Value, about: impl Into<String>) -> Self {
        Self { name, schema, about: about.into(), required: false }
    }
}

/// The body of a request.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// Its media types.
    pub(crate) media_types: &'static [&'static str],
    /// Its schema.
    pub(crate) schema: Value,
    /// An example.
    pub(crate) example: Value,
    /// The most bytes.
    pub(crate) limit: usize,
    /// Whether it is required.
    pub(crate) required: bool,
}

/// An answer other than a problem.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// Its status.
    pub(crate) status: u16,
    /// When it is given.
    pub(crate) about: &'static str,
    /// Its media type, schema and example, unless it is empty.
    pub(crate) body: Option<(&'static str, Value, Value)>,
}

/// One operation of the service.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// Its method.
    pub(crate) method: Method,
    /// Its path, with parameters in braces.
    pub(crate) path: String,
    /// Its id in the OpenAPI document.
    pub(crate) id: String,
    /// Its tag in the OpenAPI document.
    pub(crate) tag: &'static str,
    /// What it does, in one line.
    pub(crate) summary: String,
    /// What it does, in full.
    pub(crate) about: String,
    /// Who may call it.
    pub(crate) access: Access,
    /// Its query parameters.
    pub(crate) params: Vec<Param>,
    /// The body it takes.
    pub(crate) input: Option<Input>,
    /// Its answers.
    pub(crate) outputs: Vec<Output>,
    /// Its own problems, beside those that all similar operations have.
    pub(crate) problems: Vec<Code>,
    /// Whether it takes `If-Match`.
    pub(crate) conditional: bool,
    /// Whether it takes an `Idempotency-Key`.
    pub(crate) repeatable: bool,
    /// Whether its answer has the `ETag` of what it wrote.
    pub(crate) tagged: bool,
    /// What its answers depend on.
    pub(crate) lasting: Lasting,
}

/// What answers depend on, and so how long they are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// The request and the revision: an answer may be cached until the next revision.
    Kept,
    /// More than these: every answer is made anew.
    Fresh,
    /// A stream, which takes `Last-Event-ID` and has no `ETag`.
    Stream,
}

impl Operation {
    /// An operation that reads.
    pub(crate) fn get(path: impl Into<String>, id: impl Into<String>, tag: &'static str) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            id: id.into(),
            tag,
            summary: String::new(),
            about: String::new(),
            access: Access::Read,
            params: Vec::new(),
            input: None,
            outputs: Vec::new(),
            problems: Vec::new(),
            conditional: false,
            repeatable: false,
            tagged: false,
            lasting: Lasting::Kept,
        }
    }

    /// An operation that writes.
    pub(crate) fn write(
        method: Method,
        path: impl Into<String>,
        id: impl Into<String>,
        tag: &'static str,
    ) -> Self {
        let dry_run = Param::new(
            "dry_run",
            serde_json::json!({"type": "boolean", "default": false}),
            "Answer exactly what the write would, and change nothing.",
        );
        let params = vec![dry_run];
        Self { method, access: Access::Write, params, repeatable: true, ..Self::get(path, id, tag) }
    }

    /// Sets its summary and description.
    pub(crate) fn says(mut self, summary: impl Into<String>, about: impl Into<String>) -> Self {
        self.summary = summary.into();
        self.about = about.into();
        self
    }

    /// Adds query parameters.
    pub(crate) fn takes(mut self, params: impl IntoIterator<Item = Param>) -> Self {
        self.params.extend(params);
        self
    }

    /// Sets its body.
    pub(crate) fn reads(mut self, input: Input) -> Self {
        self.input = Some(input);
        self
    }

    /// Adds an answer with a body.
    pub(crate) fn answers(
        mut self,
        status: u16,
        about: &'static str,
        media_type: &'static str,
        schema: Value,
        example: Value,
    ) -> Self {
        self.outputs.push(Output { status, about, body: Some((media_type, schema, example)) });
        self
    }

    /// Adds an empty answer.
    pub(crate) fn answers_nothing(mut self, status: u16, about: &'static str) -> Self {
        self.outputs.push(Output { status, about, body: None });
        self
    }

    /// Adds problems.
    pub(crate) fn refuses(mut self, problems: &[Code]) -> Self {
        self.problems.extend_from_slice(problems);
        self
    }

    /// Sets who may call it.
    pub(crate) fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Excludes its answers from the cache.
    pub(crate) fn unkept(mut self) -> Self {
        self.lasting = Lasting::Fresh;
        self
    }

    /// Makes it take `If-Match`.
    pub(crate) fn conditional(mut self) -> Self {
        self.conditional = true;
        self
    }

    /// Makes its answer have the `ETag` of what it wrote.
    pub(crate) fn tagged(mut self) -> Self {
        self.tagged = true;
        self
    }

    /// Makes it a stream that takes `Last-Event-ID`.
    pub(crate) fn resumes(mut self) -> Self {
        self.lasting = Lasting::Stream;
        self
    }

    /// The names of its path parameters.
    pub(crate) fn path_params(&self) -> Vec<&str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
    }

    /// Whether it takes this query parameter.
    pub(crate) fn takes_param(&self, name: &str) -> bool {
        self.params.iter().any(|param| param.name == name)
    }

    /// Every problem it can answer with.
    pub(crate) fn all_problems(&self) -> Vec<Code> {
        let mut all = self.problems.clone();
        all.extend([Code::InvalidParameter, Code::Internal]);
        all.extend([Code::MalformedRequest, Code::RequestTimeout, Code::UriTooLong, Code::HeadTooLarge]);
        all.extend([Code::TooManyRequests, Code::Overloaded, Code::HttpVersionNotSupported]);
        match self.access {
            Access::Public => {}
            Access::Read => all.extend([Code::Unauthenticated, Code::Unavailable]),
            Access::Write | Access::Admin => {
                all.extend([Code::Unauthenticated, Code::Forbidden, Code::Unavailable]);
            }
        }
        if self.takes_param("revision") {
            all.push(Code::RevisionInFuture);
        }
        if self.takes_param("cursor") {
            all.push(Code::InvalidCursor);
        }
        if self.input.is_some() {
            all.extend([Code::PayloadTooLarge, Code::UnsupportedMediaType]);
        }
        if self.repeatable {
            all.push(Code::IdempotencyKeyReused);
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Whether an operation reads the register.
fn reads(operation: &Operation) -> bool {
    operation.access == Access::Read && operation.method == Method::GET
}

/// The operations and the routes made from them.
#[derive(Default)]
pub(crate) struct Api {
    /// The operations, in the order of the OpenAPI document.
    pub(crate) operations: Vec<Arc<Operation>>,
    router: Router<App>,
}

impl Api {
    /// Adds an operation and its handler.
    pub(crate) fn on<H, F>(&mut self, operation: Operation, handler: H)
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        let operation = Arc::new(operation);
        self.operations.push(Arc::clone(&operation));
        let filter = MethodFilter::try_from(operation.method.clone()).unwrap_or(MethodFilter::GET);
        let kept = operation.lasting == Lasting::Kept && reads(&operation);
        let path = operation.path.clone();
        // The handler captures the operation: a layer to pass it would box the route once more.
        let handler = move |State(app): State<App>, request: Request| {
            let (operation, handler) = (Arc::clone(&operation), handler.clone());
            async move {
                let call = Call::read(request, &app, operation).await.map_err(Problem::before_any_change)?;
                if kept {
                    return cache::kept(call, handler).await;
                }
                let _turn = call.turn().await?;
                handler(call).await
            }
        };
        self.router = std::mem::take(&mut self.router).route(&path, on(filter, handler));
    }

    /// The routes.
    pub(crate) fn into_router(self) -> Router<App> {
        self.router
    }
}
