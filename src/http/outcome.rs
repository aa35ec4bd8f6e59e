//! What a problem says of the request behind it: whether it may have been applied, and whether it is worth
//! sending again.

use axum::http::{Method, StatusCode, Uri};

/// Whether a request that ends in a problem was applied. It is about this request alone: an earlier one with
/// the same idempotency key may have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
    /// Nothing was applied, for certain.
    None,
    /// It may have been applied, in whole or in part.
    Unknown,
}

impl RequestOutcome {
    /// Every outcome.
    pub(crate) const ALL: [Self; 2] = [Self::None, Self::Unknown];

    /// The outcome as text.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome of a request, unless the maker of the problem `knows` it. A refusal is answered only if
    /// nothing was applied, to the store as well: what a refused command did is undone before the commit.
    pub(crate) fn of(knows: Option<Self>, status: StatusCode, writes: bool) -> Self {
        match knows {
            Some(outcome) => outcome,
            None if writes && !is_refusal(status) => Self::Unknown,
            None => Self::None,
        }
    }
}

/// Whether a status says that the request itself is at fault: a 4xx, or another version of HTTP.
fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() || status == StatusCode::HTTP_VERSION_NOT_SUPPORTED
}

/// Whether a request may change the register. One whose `dry_run` is written in another way than usual counts
/// as one that may.
pub(crate) fn writes(method: &Method, uri: &Uri) -> bool {
    let is_dry_run = || uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "dry_run=true"));
    !method.is_safe() && !is_dry_run()
}

/// Whether the same request, sent again later, can succeed though its sender does nothing else. It can after
/// any fault of the service: also after a 500, since somebody may have mended it, and since only a repetition
/// tells what became of a write.
pub(crate) fn is_retryable(status: StatusCode) -> bool {
    let passes = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    !is_refusal(status) || passes.contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_write_and_fails_has_an_unknown_outcome() {
        let outcome = |method: Method, target: &'static str, status: StatusCode| {
            RequestOutcome::of(None, status, writes(&method, &Uri::from_static(target)))
        };
        let failed = StatusCode::SERVICE_UNAVAILABLE;
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(outcome(method.clone(), "/v1/chips", failed), RequestOutcome::Unknown);
            assert_eq!(outcome(method.clone(), "/v1/chips?dry_run=false", failed), RequestOutcome::Unknown);
            assert_eq!(outcome(method.clone(), "/v1/chips?a=b&dry_run=true", failed), RequestOutcome::None);
            let version = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
            assert_eq!(outcome(method.clone(), "/v1/chips", version), RequestOutcome::None);
            assert_eq!(outcome(method, "/v1/chips", StatusCode::CONFLICT), RequestOutcome::None);
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert_eq!(outcome(method, "/v1/chips", failed), RequestOutcome::None);
        }
    }

    #[test]
    fn what_passes_by_itself_is_worth_sending_again() {
        for status in [408, 429, 500, 503] {
            assert!(is_retryable(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [400, 401, 404, 409, 410, 412, 422, 431, 505] {
            assert!(!is_retryable(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }

    #[test]
    fn what_the_maker_of_a_problem_knows_goes_before_the_rule() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(RequestOutcome::of(Some(RequestOutcome::None), status, true), RequestOutcome::None);
        assert_eq!(RequestOutcome::of(Some(RequestOutcome::Unknown), status, false), RequestOutcome::Unknown);
    }
}
