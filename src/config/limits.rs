//! Settings for the limits on clients.

use std::time::Duration;

use super::Setting;

/// Longest time that can be set.
const MAX_DURATION: Duration = Duration::from_hours(1);
/// Largest count that can be set.
const MOST: u32 = 1_000_000;

/// Most open connections.
pub const CONNECTIONS: Setting = Setting {
    command: "serve",
    flag: "max-connections",
    env: "GREENLIGHT_MAX_CONNECTIONS",
    default: "16384",
    meaning: "How many connections can be open",
    check: |text| count(text).map(drop),
};
/// Time limit for receiving a request's head.
pub const HEAD_DEADLINE: Setting = Setting {
    command: "serve",
    flag: "head-deadline",
    env: "GREENLIGHT_HEAD_DEADLINE",
    default: "15s",
    meaning: "How long a client may take to send the head of a request, and keep a connection on which it asks nothing",
    check: |text| span(text).map(drop),
};
/// Time limit for receiving a request's body.
pub const BODY_DEADLINE: Setting = Setting {
    command: "serve",
    flag: "body-deadline",
    env: "GREENLIGHT_BODY_DEADLINE",
    default: "30s",
    meaning: "How long the body of a request may take, and a second more for each 16 KiB of it",
    check: |text| span(text).map(drop),
};
/// How long a client may leave an answer untaken.
pub const REPLY_DEADLINE: Setting = Setting {
    command: "serve",
    flag: "reply-deadline",
    env: "GREENLIGHT_REPLY_DEADLINE",
    default: "30s",
    meaning: "How long a client may take less than 16 KiB of an answer that waits for it",
    check: |text| span(text).map(drop),
};
/// Time limit for answering a request.
pub const REQUEST_DEADLINE: Setting = Setting {
    command: "serve",
    flag: "request-deadline",
    env: "GREENLIGHT_REQUEST_DEADLINE",
    default: "1m",
    meaning: "How long an answer may take to begin once the request has arrived",
    check: |text| span(text).map(drop),
};
/// Time limit for a shutdown.
pub const STOP_DEADLINE: Setting = Setting {
    command: "serve",
    flag: "stop-deadline",
    env: "GREENLIGHT_STOP_DEADLINE",
    default: "10s",
    meaning: "How long requests under way may go on once the service is told to stop; it has ended 2s later at the latest, whatever the database does",
    check: |text| span(text).map(drop),
};
/// Interval of heartbeats on an idle stream.
pub const HEARTBEAT: Setting = Setting {
    command: "serve",
    flag: "heartbeat",
    env: "GREENLIGHT_HEARTBEAT",
    default: "15s",
    meaning: "How often a stream on which nothing happens gives a sign of life",
    check: |text| span(text).map(drop),
};
/// Most requests per minute from one address.
pub const PEER_RATE: Setting = Setting {
    command: "serve",
    flag: "peer-rate",
    env: "GREENLIGHT_PEER_RATE",
    default: "",
    meaning: "How many requests a minute may come from one address, beside those for `/healthz` and `/readyz`; any if not given",
    check: |text| count(text).map(drop),
};
/// Most requests per minute with one key.
pub const KEY_RATE: Setting = Setting {
    command: "serve",
    flag: "key-rate",
    env: "GREENLIGHT_KEY_RATE",
    default: "",
    meaning: "How many requests a minute may be made with one key; any if not given",
    check: |text| count(text).map(drop),
};

/// A whole number from 1 to [`MOST`].
pub(crate) fn count(text: &str) -> Result<u32, String> {
    let number = text.parse::<u32>().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1 to {MOST}"))
}

/// A duration of at most an hour: a number and its unit.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    // A unit precedes any unit that it ends with.
    let units = [("ms", 1), ("m", 60_000), ("s", 1000)];
    let parsed = units.iter().find_map(|(unit, milliseconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_millis(number.saturating_mul(*milliseconds)))
    });
    match parsed {
        Some(span) if !span.is_zero() && span <= MAX_DURATION => Ok(span),
        Some(_) => Err("must lie between 1ms and 60m".to_owned()),
        None => Err("must be a number and one of m, s, ms, as in 15s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        assert_eq!(span("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(span("15s"), Ok(Duration::from_secs(15)));
        assert_eq!(span("60m"), Ok(Duration::from_hours(1)));
        for bad in ["", "s", "15", "0s", "-1s", "61m", "18446744073709551615m", "1h", "1.5s", "15 s"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_count_is_at_least_one() {
        assert_eq!(count("1"), Ok(1));
        assert_eq!(count("1000000"), Ok(1_000_000));
        for bad in ["", "0", "-1", "1000001", "many"] {
            assert!(count(bad).is_err(), "{bad}");
        }
    }
}
