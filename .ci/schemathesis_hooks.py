"""What no schema can say about a request, told to Schemathesis."""

import itertools
import re

import schemathesis

COUNTER = itertools.count()


@schemathesis.serializer("application/x-ndjson", "application/ndjson", "application/jsonl")
def lines(ctx, value):
    """Lines are text already."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Keeps to revisions that exist, to cursors that were given out, and to one request a key."""
    if case.operation.definition.raw.get("operationId") == "revokeKey":
        # Else a run would sooner or later find the key it runs with, and revoke it.
        case.query = {**(case.query or {}), "dry_run": "true"}
    if case.meta is not None and case.meta.generation.mode.is_negative:
        return
    query = case.query or {}
    # A revision to come, and a cursor that nobody gave out, are refused, as they should be.
    for name in ("revision", "known_at", "after", "cursor"):
        query.pop(name, None)
        if isinstance(case.body, dict) and case.operation.path == "/v1/determinations":
            case.body.pop(name, None)
    # Nobody writes in the meantime: waiting would only take time.
    query.pop("wait", None)
    headers = case.headers or {}
    # The quotes of a tag that is the least its schema allows are lost on the way here.
    for name in [name for name in headers if name.lower() == "if-match" and not headers[name].startswith('"')]:
        headers[name] = f'"{headers[name]}"'
    if any(name.lower() == "if-match" for name in headers):
        # Either of them names a version, and no schema says so.
        for name in [name for name in headers if name.lower() == "if-none-match"]:
            if case.method not in ("GET", "HEAD"):
                del headers[name]
    for name in [name for name in headers if name.lower() == "change-reason"]:
        # The client would send it in another encoding, or not at all.
        headers[name] = headers[name].encode().decode("latin-1")
    for name in [name for name in headers if name.lower() == "idempotency-key"]:
        headers[name] = f"request-{next(COUNTER)}"


# What is on record can refuse a valid request: gone, another version, no version named, a key that belongs
# to another request.
REASONS = {304, 401, 403, 404, 409, 410, 412, 422, 428}
# Faults that no schema can express: between two values, or between a value and the clock.
BEYOND_SCHEMA = {"inconsistent", "check_digits"}
# Two stages of one workflow have different ids: no schema compares one value of an object with another's.
REPEATED_STAGE = re.compile(r"/stages/\d+/id")
BEYOND_SCHEMA_AT = {
    ("/allowed", "missing"),
    ("/checked_at", "out_of_range"),
    ("/expires_at", "out_of_range"),
    ("/last_checked_at", "out_of_range"),
    ("/occurred_on", "out_of_range"),
    ("/stage", "not_in_list"),
    ("/unknown", "missing"),
}


def beyond_schema(case, error):
    """Whether a fault is one that the schema of the request cannot rule out."""
    if error["code"] in BEYOND_SCHEMA or (error.get("pointer"), error["code"]) in BEYOND_SCHEMA_AT:
        return True
    if error["code"] == "repeated" and REPEATED_STAGE.fullmatch(error.get("pointer", "")):
        return True
    if case.operation.path == "/v1/imports":
        # A schema knows a body of lines only as text.
        return True
    # What a patch makes of a thing depends on the thing: a parameter of a condition fits only its kind.
    return case.operation.method.upper() == "PATCH" and error["code"] in {"unknown_field", "missing", "not_in_list", "repeated"}


@schemathesis.check
def refused_only_for_a_reason(ctx, response, case):
    """A request that fits the schema is refused only for what a schema cannot say."""
    if case.meta is None or case.meta.generation.mode.is_negative:
        return
    if response.status_code < 300 or response.status_code in REASONS:
        return
    problem = response.json()
    errors = problem.get("errors", [])
    assert response.status_code == 400, f"{response.status_code} for a valid request"
    assert errors and all(beyond_schema(case, error) for error in errors), f"valid by the schema, refused: {problem}"
