//! Writes: idempotent by key, undone on a dry run, and answered once they are on stable storage.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::call::Call;
use super::conditional::{marked, precondition};
use super::problem::{Code, Problem};
use super::refusals::tagged;
use crate::app::{BoxFuture, Effect, Error, Maker, Needs, Precondition, Reply, StoreError, Write, Written};
use crate::domain::actor::Actor;
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::text::{Name, Reason};

/// The header field that makes repeating a request safe.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The longest idempotency key, in characters.
pub(crate) const LONGEST_KEY: usize = 255;

/// The answer of a command.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its body, unless it is empty.
    pub(crate) body: Option<Value>,
    /// The version of the thing written, for the `ETag`.
    pub(crate) version: Option<i64>,
    /// The mark of the thing's computed member, for the `ETag`.
    pub(crate) mark: Option<&'static str>,
    /// The path of a created thing.
    pub(crate) location: Option<String>,
}

impl Answer {
    /// The answer for a written thing, which is at `location`.
    pub(crate) fn written(written: Written, location: String) -> Self {
        let created = written.effect == Effect::Created;
        Self {
            status: if created { StatusCode::CREATED } else { StatusCode::OK },
            body: Some(written.document),
            version: Some(written.since),
            mark: None,
            location: created.then_some(location),
        }
    }

    /// An answer with a body.
    pub(crate) fn body(status: StatusCode, body: Value) -> Self {
        Self { status, body: Some(body), version: None, mark: None, location: None }
    }

    /// An empty answer.
    pub(crate) fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, version: None, mark: None, location: None }
    }
}

/// The input of a command.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// The caller.
    pub(crate) actor: Actor,
    /// The precondition of the write.
    pub(crate) precondition: Precondition,
}

/// The outcome of a command: an answer, a problem of its own, or an error of a use case.
pub(crate) type Outcome = Result<Result<Answer, Problem>, Error>;

/// A response, ready to be sent and stored.
struct Ready {
    status: StatusCode,
    fields: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
    kept: bool,
}

/// The terms of a write, read from its call.
#[derive(Clone)]
pub(crate) struct Terms {
    /// The caller.
    pub(crate) actor: Actor,
    headers: HeaderMap,
    /// Actor, reason and request id of the revision.
    pub(crate) maker: Maker,
    key: Option<String>,
    digest: Vec<u8>,
    /// Whether everything is undone.
    pub(crate) dry_run: bool,
}

impl Terms {
    /// Reads the terms of a call. The precondition is parsed later, as it depends on the register's epoch.
    pub(crate) fn of(call: &Call) -> Result<Self, Problem> {
        check_condition(call)?;
        Ok(Self {
            actor: call.actor.clone(),
            headers: call.headers.clone(),
            maker: maker(call)?,
            key: idempotency_key(call)?,
            digest: digest(call),
            dry_run: call.params.flag("dry_run")?,
        })
    }

    /// Whether it has an idempotency key.
    pub(crate) fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    /// The stored result of a part of the write that ran before. Keys of parts have spaces, so no client can
    /// send one.
    pub(crate) async fn kept_part(
        &self,
        write: &mut Write,
        part: usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(key) = self.key_of(part) else { return Ok(None) };
        let kept = write.kept_reply(self.actor.name(), &key).await?;
        Ok(kept.filter(|kept| kept.request_digest == self.digest).map(|kept| kept.body))
    }

    /// Stores the result of a part of the write.
    pub(crate) fn keep_part(&self, write: &mut Write, part: usize, body: Vec<u8>) {
        let Some(key) = self.key_of(part) else { return };
        let request_digest = self.digest.clone();
        let reply = Reply { request_digest, status: 200, headers: String::new(), body };
        write.keep_reply(self.actor.name(), &key, reply);
    }

    fn key_of(&self, part: usize) -> Option<String> {
        self.key.as_ref().map(|key| format!("{key} part {part}"))
    }

    /// The stored answer to the same write, or else its precondition.
    async fn begin(&self, write: &mut Write) -> Result<Result<Begun, Problem>, StoreError> {
        let precondition = match precondition(&self.headers, &write.head().epoch) {
            Ok(precondition) => precondition,
            Err(problem) => return Ok(Err(problem)),
        };
        let Some(key) = &self.key else { return Ok(Ok(Begun::Anew(precondition))) };
        let kept = write.kept_reply(self.actor.name(), key).await?;
        Ok(kept.map_or(Ok(Begun::Anew(precondition)), |kept| replayed(kept, &self.digest).map(Begun::Before)))
    }
}

/// How a write begins.
enum Begun {
    /// For the first time.
    Anew(Precondition),
    /// Again: with the stored answer.
    Before(Ready),
}

/// The stored answer to the write, if any, for handlers that do work before they run its command.
///
/// # Errors
///
/// A [`Problem`] if the precondition is malformed, or the key was sent with another request.
pub(crate) async fn kept(call: &Call, terms: &Terms) -> Result<Option<Response>, Problem> {
    let terms = terms.clone();
    let begun = call.app.register.write(move |write| Box::pin(async move { terms.begin(write).await })).await;
    // This write only reads.
    Ok(match begun.map_err(|error| Problem::from(error).before_any_change())?? {
        Begun::Anew(_) => None,
        Begun::Before(ready) => Some(ready.response()),
    })
}

/// Runs a command as the write of a call.
pub(crate) async fn write<F>(call: &Call, command: F) -> Result<Response, Problem>
where
    F: for<'w> FnOnce(&'w mut Write, Given) -> BoxFuture<'w, Outcome> + Send + 'static,
{
    write_with(call, Needs::default(), command).await
}

/// The same with the command's [`Needs`].
pub(crate) async fn write_with<F>(call: &Call, needs: Needs, command: F) -> Result<Response, Problem>
where
    F: for<'w> FnOnce(&'w mut Write, Given) -> BoxFuture<'w, Outcome> + Send + 'static,
{
    write_on(call, Terms::of(call)?, needs, command).await
}

/// The same on terms that were read before.
pub(crate) async fn write_on<F>(
    call: &Call,
    terms: Terms,
    mut needs: Needs,
    command: F,
) -> Result<Response, Problem>
where
    F: for<'w> FnOnce(&'w mut Write, Given) -> BoxFuture<'w, Outcome> + Send + 'static,
{
    needs.reply = terms.key.as_ref().map(|key| (terms.actor.name().to_owned(), key.clone()));
    let ready = call.app.register.write_with(needs, move |write| Box::pin(run(write, terms, command))).await;
    Ok(ready??.response())
}

async fn run<F>(write: &mut Write, terms: Terms, command: F) -> Result<Result<Ready, Problem>, StoreError>
where
    F: for<'w> FnOnce(&'w mut Write, Given) -> BoxFuture<'w, Outcome> + Send,
{
    let precondition = match terms.begin(write).await? {
        Ok(Begun::Anew(precondition)) => precondition,
        Ok(Begun::Before(ready)) => return Ok(Ok(ready)),
        Err(problem) => return Ok(Err(problem)),
    };
    if terms.dry_run {
        write.begin_dry_run().await?;
    }
    let outcome = match command(write, Given { actor: terms.actor.clone(), precondition }).await {
        Err(Error::Store(error)) if !matches!(error, StoreError::Future { .. }) => return Err(error),
        outcome => outcome,
    };
    let ready = settle(write, &terms, outcome).await?;
    if let Some(key) = terms.key.filter(|_| ready.kept && !terms.dry_run) {
        write.keep_reply(terms.actor.name(), &key, ready.reply(terms.digest));
    }
    Ok(Ok(ready))
}

/// Records or undoes what a command did, and makes the response.
async fn settle(write: &mut Write, terms: &Terms, outcome: Outcome) -> Result<Ready, StoreError> {
    let epoch = write.head().epoch.clone();
    let request_id = terms.maker.request_id.as_str();
    let ready = match outcome {
        Ok(Ok(answer)) => {
            if terms.dry_run {
                // The rows are written all the same, so that the database checks its constraints.
                write.flush().await?;
                write.undo().await?;
            } else {
                write.record(&terms.maker).await?;
            }
            Ready::answer(answer, &epoch, write.head().revision, terms.dry_run)
        }
        Ok(Err(problem)) => {
            write.undo().await?;
            Ready::problem(&problem, request_id, write.head().revision)
        }
        Err(error) => {
            write.undo().await?;
            Ready::problem(&tagged(&error, &epoch), request_id, write.head().revision)
        }
    };
    Ok(ready)
}

impl Ready {
    fn answer(answer: Answer, epoch: &str, revision: i64, dry_run: bool) -> Self {
        let mut fields = vec![field("revision", &revision.to_string())];
        if answer.body.is_some() {
            fields.push(field("content-type", "application/json"));
        }
        // A dry run's version never exists: its tag would match nothing, or worse, another change.
        fields.extend(
            answer
                .version
                .filter(|_| !dry_run)
                .map(|version| field("etag", &marked(epoch, version, answer.mark))),
        );
        fields.extend(answer.location.map(|location| field("location", &location)));
        let body = answer.body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        Self { status: answer.status, fields, body, kept: true }
    }

    /// What the command did is undone; this is sent once that is committed.
    fn problem(problem: &Problem, request_id: &str, revision: i64) -> Self {
        let mut fields = problem.header_fields();
        fields.push(field("revision", &revision.to_string()));
        let kept =
            !matches!(problem.code, Code::Forbidden | Code::ForbiddenAuthority | Code::PreconditionRequired);
        let body = problem.body(request_id, false).into_bytes();
        Self { status: problem.code.status(), fields, body, kept }
    }

    fn reply(&self, request_digest: Vec<u8>) -> Reply {
        let line = |(name, value): &(HeaderName, HeaderValue)| {
            format!("{name}: {}\n", value.to_str().unwrap_or_default())
        };
        Reply {
            request_digest,
            status: i64::from(self.status.as_u16()),
            headers: self.fields.iter().map(line).collect(),
            body: self.body.clone(),
        }
    }

    fn response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.fields);
        response
    }
}

fn field(name: &'static str, value: &str) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""));
    (HeaderName::from_static(name), value)
}

/// The stored answer to a request, byte for byte.
fn replayed(kept: Reply, digest: &[u8]) -> Result<Ready, Problem> {
    if kept.request_digest != digest {
        return Err(Problem::new(Code::IdempotencyKeyReused, "the key was sent with another request before"));
    }
    let mut fields: Vec<(HeaderName, HeaderValue)> = kept
        .headers
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter_map(|(name, value)| Some((name.parse().ok()?, HeaderValue::from_str(value).ok()?)))
        .collect();
    fields.push(field("idempotency-replayed", "true"));
    let status = u16::try_from(kept.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    Ok(Ready { status: status.unwrap_or(StatusCode::OK), fields, body: kept.body, kept: true })
}

/// Refuses `If-Match` where no existing version is changed.
fn check_condition(call: &Call) -> Result<(), Problem> {
    if call.operation.conditional || !call.headers.contains_key(header::IF_MATCH) {
        return Ok(());
    }
    let detail = "is not taken here, since no version of anything is changed";
    Err(Problem::parameter("If-Match", Fault::new(FaultCode::UnknownField, detail)))
}

/// Actor, reason and request id of a call's revision.
fn maker(call: &Call) -> Result<Maker, Problem> {
    Ok(Maker { actor: actor_name(&call.actor)?, reason: reason(call)?, request_id: call.request_id.clone() })
}

fn actor_name(actor: &Actor) -> Result<Name, Problem> {
    Name::try_from(actor.name()).map_err(|fault| Problem::new(Code::Internal, fault.detail))
}

fn once<'c>(call: &'c Call, name: &str) -> Result<Option<&'c str>, Problem> {
    let mut values = call.headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::malformed(name, "is given more than once"));
    }
    let text = std::str::from_utf8(value.as_bytes());
    text.map(Some).map_err(|cause| Problem::malformed(name, format!("must be UTF-8: {cause}")))
}

fn reason(call: &Call) -> Result<Option<Reason>, Problem> {
    let text = once(call, "Change-Reason")?;
    text.map(Reason::try_from).transpose().map_err(|fault| Problem::malformed("Change-Reason", fault.detail))
}

/// The idempotency key, bare or as a quoted string.
fn idempotency_key(call: &Call) -> Result<Option<String>, Problem> {
    let Some(text) = once(call, "Idempotency-Key")? else { return Ok(None) };
    if !call.operation.repeatable {
        return Err(Problem::malformed("Idempotency-Key", "is not taken here, since no secret is kept"));
    }
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let visible = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
    if (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(visible) {
        return Ok(Some(text.to_owned()));
    }
    let detail = format!(
        "must have 1 to {LONGEST_KEY} visible ASCII characters but `\"`, and may stand between two of these"
    );
    Err(Problem::malformed("Idempotency-Key", detail))
}

/// The digest that identifies a request: of everything but `dry_run`.
fn digest(call: &Call) -> Vec<u8> {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    add(call.operation.method.as_str().as_bytes());
    add(call.path.as_bytes());
    add(call.params.without("dry_run").as_bytes());
    for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
        for value in call.headers.get_all(&name) {
            add(value.as_bytes());
        }
        add(b"");
    }
    // Added only if given: digests stored before it counted lack it.
    if let Some(reason) = call.headers.get("Change-Reason") {
        add(reason.as_bytes());
    }
    add(&call.body);
    hash.finalize().to_vec()
}
