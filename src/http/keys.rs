//! Operations on API keys: an admin makes, lists and revokes them.

use std::sync::Arc;

use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::conditional::{Shown, exact, is_meant};
use super::operation::{Access, Api, Input, Operation};
use super::page::{Cursor, answer as page_answer, cut, total};
use super::problem::{Code, Problem};
use super::resources::{BODY_LIMIT, JSON, count_param, cursor_param, limit_param, page_example};
use super::schema::{Field, id, moment, named, nullable, optional, read_only, required, set, text, word};
use super::write::{Answer, write};
use crate::app::keys::{self, NewKey};
use crate::app::{Error, Position, Wanted};
use crate::domain::actor::{Key, Role};
use crate::domain::fault::Faults;
use crate::domain::id::KeyId;
use crate::domain::text::Name;
use crate::wire::fields::Fields;
use crate::wire::values;

/// The fields of a key.
pub(crate) fn fields() -> Vec<Field> {
    vec![
        read_only("id", id(), "Its id."),
        required("name", text(Name::MAX), "What it is called."),
        required("owner", text(Name::MAX), "Whose it is."),
        required("role", word::<Role>(), "What it may do."),
        optional(
            "authorities",
            set(id()),
            "The authorities whose approvals, transitions, reports, conditions and movements it may write, and nothing else; none means all. For an `editor` only.",
        ),
        read_only("created_at", moment(), "When it was made."),
        optional(
            "expires_at",
            nullable(moment()),
            "When it stops working: 90 days from now if not given, 365 days at most.",
        ),
        read_only("revoked_at", nullable(moment()), "When it was revoked."),
        read_only("last_used_at", nullable(moment()), "When it was last used, to the minute or so."),
    ]
}

/// The fields of a new key.
pub(crate) fn fields_with_secret() -> Vec<Field> {
    let mut fields = fields();
    fields.push(read_only(
        "secret",
        json!({"type": "string", "maxLength": 200}),
        "Its secret. It is shown this once and kept nowhere.",
    ));
    fields
}

fn example() -> Value {
    json!({"name": "licence desk", "owner": "trade compliance", "role": "editor", "authorities": ["us-bis"], "expires_at": null})
}

fn shown_example() -> Value {
    json!({
        "id": "key-0198f0c2a1b07c3e9d4f5a6b7c8d9e0f", "name": "licence desk", "owner": "trade compliance", "role": "editor",
        "authorities": ["us-bis"], "created_at": "2026-01-23T08:00:00Z", "expires_at": "2026-04-23T08:00:00Z",
        "revoked_at": null, "last_used_at": null,
    })
}

/// Adds the operations on keys.
pub(crate) fn expose(api: &mut Api) {
    let mut with_secret = shown_example();
    with_secret["secret"] = "gl_key-0198f0c2a1b07c3e9d4f5a6b7c8d9e0f_…".into();
    api.on(
        Operation::get("/v1/keys", "listKeys", "Keys")
            .says(
                "List the keys",
                "Every key, also those that have expired or been revoked, without their secrets.",
            )
            .takes([limit_param(), cursor_param(), count_param()])
            .answers(200, "A page of the list.", JSON, named("KeyPage"), page_example(&shown_example()))
            .refuses(&[Code::Forbidden])
            .access(Access::Admin),
        list,
    );
    let mut create_operation = Operation::write(Method::POST, "/v1/keys", "createKey", "Keys")
        .says("Make a key", "Its secret is in the answer, once. An `Idempotency-Key` is refused, since keeping the answer would keep the secret.")
        .reads(Input { media_types: &[JSON], schema: named("KeyInput"), example: example(), limit: BODY_LIMIT, required: true })
        .answers(201, "It is made.", JSON, named("KeyWithSecret"), with_secret)
        .refuses(&[Code::InvalidBody, Code::MalformedJson, Code::NoSuchReference])
        .access(Access::Admin);
    create_operation.repeatable = false;
    api.on(create_operation, create);
    api.on(
        Operation::get("/v1/keys/{id}", "showKey", "Keys")
            .says("Show one key", "Without its secret.")
            .answers(200, "The key.", JSON, named("Key"), shown_example())
            .refuses(&[Code::NotFound, Code::Forbidden])
            .access(Access::Admin),
        show,
    );
    api.on(
        Operation::write(Method::DELETE, "/v1/keys/{id}", "revokeKey", "Keys")
            .says("Revoke a key", "From the answer on it opens nothing. Revoking it again changes nothing. `If-Match` may be left out; a key has no versions, and its `ETag` is another one whenever anything of it is, its last use as well.")
            .answers_nothing(204, "It is revoked.")
            .refuses(&[Code::NotFound, Code::StaleVersion])
            .conditional()
            .access(Access::Admin),
        revoke,
    );
}

fn written(key: &Key) -> Value {
    json!({
        "id": key.id.as_str(),
        "name": key.name.as_str(),
        "owner": key.owner.as_str(),
        "role": key.role.to_string(),
        "authorities": values::listed(&key.authorities),
        "created_at": key.created_at.to_string(),
        "expires_at": key.expires_at.to_string(),
        "revoked_at": values::shown(key.revoked_at.as_ref()),
        "last_used_at": values::shown(key.last_used_at.as_ref()),
    })
}

async fn list(call: Call) -> Result<Response, Problem> {
    let limit = call.params.limit()?;
    let after = Cursor::read(&call)?.map(|cursor| cursor.position.id).unwrap_or_default();
    let mut read = call.app.register.read(Wanted::Newest).await?;
    let mut found = read.keys(&after, limit + 1).await?;
    let total = total(&call, read.key_count()).await?;
    let revision = read.at().revision;
    drop(read);
    let next = cut(&call, &mut found, (limit, revision), |last| Position {
        key: String::new(),
        id: last.id.to_string(),
    });
    let items: Vec<String> = found.iter().map(|key| written(key).to_string()).collect();
    Ok(page_answer(&call, &items, (total, next.as_deref()), revision))
}

async fn show(call: Call) -> Result<Response, Problem> {
    let id: KeyId = call.path("id")?;
    let mut read = call.app.register.read(Wanted::Newest).await?;
    let found = read.key(&id).await?;
    let (key, _) = found.ok_or(Error::UnknownKey(id))?;
    let body = written(&key).to_string();
    Ok(Shown { etag: exact(&body), media_type: JSON, body, revision: read.at().revision }
        .answer(&call.headers))
}

fn new_key(object: &Map<String, Value>) -> Result<NewKey, Faults> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(object, &mut faults);
    let name = fields.required("name", values::text);
    let owner = fields.required("owner", values::text);
    let role = fields.required("role", values::text);
    let authorities = fields.or("authorities", Vec::new(), values::set);
    let expires_at = fields.nullable("expires_at", values::text);
    fields.finish();
    match (name, owner, role, authorities, expires_at) {
        (Some(name), Some(owner), Some(role), Some(authorities), Some(expires_at)) if faults.is_empty() => {
            Ok(NewKey { name, owner, role, authorities, expires_at })
        }
        _ => Err(faults),
    }
}

async fn create(call: Call) -> Result<Response, Problem> {
    let new = new_key(&call.object()?).map_err(|faults| Problem::invalid_body(&faults))?;
    write(&call, move |write, given| {
        Box::pin(async move {
            let (key, secret) = keys::create(write, &given.actor, new).await?;
            let mut body = written(&key);
            body["secret"] = secret.reveal().into();
            let location = Some(format!("/v1/keys/{}", key.id));
            Ok(Ok(Answer { location, ..Answer::body(StatusCode::CREATED, body) }))
        })
    })
    .await
}

/// Refuses to change a key whose tag is not in `If-Match`, if that is given.
fn check_if_match(headers: &HeaderMap, key: &Key) -> Result<(), Problem> {
    let etag = exact(&written(key).to_string());
    if is_meant(headers, &etag)? {
        return Ok(());
    }
    let stale = Problem::new(Code::StaleVersion, "the key is not as it was when it had the tag in If-Match");
    Err(stale.field(header::ETAG, &etag))
}

async fn revoke(call: Call) -> Result<Response, Problem> {
    let id: KeyId = call.path("id")?;
    let key_cache = Arc::clone(call.app.register.key_cache());
    let dry_run = call.params.flag("dry_run")?;
    let headers = call.headers.clone();
    write(&call, move |write, given| {
        Box::pin(async move {
            if let Some((key, _)) = write.reading().await?.key(&id).await?
                && let Err(problem) = check_if_match(&headers, &key)
            {
                return Ok(Err(problem));
            }
            let key_cache = Some(&*key_cache).filter(|_| !dry_run);
            keys::revoke(write, &given.actor, &id, key_cache).await?;
            Ok(Ok(Answer::empty()))
        })
    })
    .await
}
