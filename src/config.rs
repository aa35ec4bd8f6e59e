//! Settings, as flags and environment variables: one table defines both and documents them.

pub mod limits;
mod redaction;

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::{Args, ValueEnum};

pub use redaction::redacted;

use crate::app::Address;
use crate::app::keys::MAX_DAYS;
use crate::domain::actor::Role;
use crate::domain::fault::{Fault, nearest};
use crate::domain::id::AuthorityId;
use crate::domain::text::{Name, Reason};
use crate::domain::time::SECONDS_A_DAY;

/// The prefix of all environment variables.
const PREFIX: &str = "GREENLIGHT_";
/// Variables that only the tests read.
const TEST_VARIABLES: [&str; 2] = ["GREENLIGHT_TEST_POSTGRES", "GREENLIGHT_TEST_LONG"];

/// A command-line option and its environment variable.
pub struct Setting {
    /// The command that takes it; empty if every one does.
    pub command: &'static str,
    /// The flag, without its hyphens.
    pub flag: &'static str,
    /// The variable.
    pub env: &'static str,
    /// The value if it is not set; empty if there is none.
    pub default: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    check: fn(&str) -> Result<(), String>,
}

/// The address of the register.
pub const DATABASE: Setting = Setting {
    command: "",
    flag: "database",
    env: "GREENLIGHT_DATABASE",
    default: "sqlite:greenlight.db",
    meaning: "Where the register lives: `sqlite:FILE` or `postgres://USER@HOST/DATABASE`; an address with a password belongs in the environment",
    check: |text| address(text).map(drop),
};
/// The log format.
pub const LOG_FORMAT: Setting = Setting {
    command: "",
    flag: "log-format",
    env: "GREENLIGHT_LOG_FORMAT",
    default: "text",
    meaning: "How the log is written: `text` or `json`; `RUST_LOG` says what is logged",
    check: |text| word::<LogFormat>(text).map(drop),
};
/// The address the service listens on.
pub const LISTEN: Setting = Setting {
    command: "serve",
    flag: "listen",
    env: "GREENLIGHT_LISTEN",
    default: "127.0.0.1:8080",
    meaning: "Where to listen, as `HOST:PORT`; port 0 takes a free one",
    check: |text| listen(text).map(drop),
};
/// Whether an empty register starts with the sample.
pub const SAMPLE: Setting = Setting {
    command: "serve",
    flag: "sample",
    env: "GREENLIGHT_SAMPLE",
    default: "false",
    meaning: "Load the sample register if this one is empty",
    check: |text| truth(text).map(drop),
};
/// Whether reading needs a key.
pub const PUBLIC_READ: Setting = Setting {
    command: "serve",
    flag: "public-read",
    env: "GREENLIGHT_PUBLIC_READ",
    default: "false",
    meaning: "Let anybody read without a key",
    check: |text| truth(text).map(drop),
};
/// The size of the response cache, in bytes.
pub const CACHE_BYTES: Setting = Setting {
    command: "serve",
    flag: "cache-bytes",
    env: "GREENLIGHT_CACHE_BYTES",
    default: "67108864",
    meaning: "How much memory answers may take that are kept ready to send, in bytes; 0 keeps none",
    check: |text| bytes(text).map(drop),
};
/// A key's name.
pub const KEY_NAME: Setting = Setting {
    command: "key create",
    flag: "name",
    env: "GREENLIGHT_KEY_NAME",
    default: "",
    meaning: "What the key is called",
    check: |text| name(text).map(drop),
};
/// A key's role.
pub const KEY_ROLE: Setting = Setting {
    command: "key create",
    flag: "role",
    env: "GREENLIGHT_KEY_ROLE",
    default: "",
    meaning: "What it may do: `reader`, `editor` or `admin`",
    check: |text| role(text).map(drop),
};
/// A key's owner.
pub const KEY_OWNER: Setting = Setting {
    command: "key create",
    flag: "owner",
    env: "GREENLIGHT_KEY_OWNER",
    default: "operator",
    meaning: "Whose it is",
    check: |text| name(text).map(drop),
};
/// The authorities a key is limited to.
pub const KEY_AUTHORITIES: Setting = Setting {
    command: "key create",
    flag: "authorities",
    env: "GREENLIGHT_KEY_AUTHORITIES",
    default: "",
    meaning: "The authorities whose records an `editor` may write, separated by commas; all if not given",
    check: |text| text.split(',').try_for_each(|id| authority(id).map(drop)),
};
/// A key's lifetime.
pub const KEY_EXPIRES_IN: Setting = Setting {
    command: "key create",
    flag: "expires-in",
    env: "GREENLIGHT_KEY_EXPIRES_IN",
    default: "90d",
    meaning: "How long it works: a number and `d`, `h`, `m` or `s`, at most `365d`",
    check: |text| lifetime(text).map(drop),
};
/// What an import does with the good lines if there are bad ones.
pub const IMPORT_MODE: Setting = Setting {
    command: "import",
    flag: "mode",
    env: "GREENLIGHT_IMPORT_MODE",
    default: "atomic",
    meaning: "`atomic`: all lines or none, in one revision; `partial`: what can be taken, a revision per 1,000 lines",
    check: |text| word::<Mode>(text).map(drop),
};
/// The reason for an import.
pub const IMPORT_REASON: Setting = Setting {
    command: "import",
    flag: "reason",
    env: "GREENLIGHT_IMPORT_REASON",
    default: "",
    meaning: "Why, to be kept on the revision",
    check: |text| reason(text).map(drop),
};
/// The URL for health checks.
pub const HEALTH_URL: Setting = Setting {
    command: "health",
    flag: "url",
    env: "GREENLIGHT_HEALTH_URL",
    default: "http://127.0.0.1:8080/healthz",
    meaning: "What to ask whether the service is alive",
    check: |_| Ok(()),
};

/// All settings.
pub const SETTINGS: [&Setting; 23] = [
    &DATABASE,
    &LOG_FORMAT,
    &LISTEN,
    &SAMPLE,
    &PUBLIC_READ,
    &limits::CONNECTIONS,
    &limits::HEAD_DEADLINE,
    &limits::BODY_DEADLINE,
    &limits::REPLY_DEADLINE,
    &limits::REQUEST_DEADLINE,
    &limits::STOP_DEADLINE,
    &limits::HEARTBEAT,
    &limits::PEER_RATE,
    &limits::KEY_RATE,
    &CACHE_BYTES,
    &KEY_NAME,
    &KEY_ROLE,
    &KEY_OWNER,
    &KEY_AUTHORITIES,
    &KEY_EXPIRES_IN,
    &IMPORT_MODE,
    &IMPORT_REASON,
    &HEALTH_URL,
];

/// What every command can be told.
#[derive(Args)]
pub struct Config {
    // Kept as text: clap prints a value that it rejects, and this one may hold a password.
    #[arg(
        long = DATABASE.flag, env = DATABASE.env, default_value = DATABASE.default, help = DATABASE.meaning,
        value_name = "ADDRESS", global = true, hide_env_values = true
    )]
    database: String,
    /// How the log is written.
    #[arg(
        long = LOG_FORMAT.flag, env = LOG_FORMAT.env, default_value = LOG_FORMAT.default,
        help = LOG_FORMAT.meaning, value_name = "FORMAT", global = true, hide_env_values = true,
        hide_possible_values = true
    )]
    pub log_format: LogFormat,
}

impl Config {
    /// The address of the register.
    ///
    /// # Errors
    ///
    /// The fault of the address.
    pub fn address(&self) -> Result<Address, String> {
        address(&self.database).map_err(|wrong| format!("--{}: {wrong}", DATABASE.flag))
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// What becomes of the good lines of an import if there are bad ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// They are not taken either.
    Atomic,
    /// They are taken.
    Partial,
}

/// Checks the names and values of our environment variables.
///
/// # Errors
///
/// All faults, a line each. No value is repeated, since one may be a secret.
pub fn check_environment(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<(), Vec<String>> {
    let ours = variables.filter(|(name, _)| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()));
    let mut wrong: Vec<String> =
        ours.filter_map(|(name, value)| check_variable(&name.to_string_lossy(), value).err()).collect();
    wrong.sort();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Checks the values of known options; clap checks everything else.
///
/// # Errors
///
/// All faults, a line each. No value is repeated, since one may be a secret.
pub fn check_arguments(arguments: impl Iterator<Item = OsString>) -> Result<(), Vec<String>> {
    let mut arguments = arguments.map_while(|argument| argument.into_string().ok()).peekable();
    let mut wrong = Vec::new();
    while let Some(argument) = arguments.next().filter(|argument| argument != "--") {
        let Some(option) = argument.strip_prefix("--") else { continue };
        let (flag, value) =
            option.split_once('=').map_or((option, None), |(flag, value)| (flag, Some(value)));
        let Some(setting) = SETTINGS.iter().find(|setting| setting.flag == flag) else { continue };
        // A boolean flag takes no value.
        if setting.default == "false" {
            continue;
        }
        let next = || arguments.next_if(|next| !next.starts_with("--"));
        let Some(value) = value.map(str::to_owned).or_else(next) else { continue };
        if let Err(fault) = (setting.check)(&value) {
            wrong.push(format!("--{flag}: {fault}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn check_variable(name: &str, value: OsString) -> Result<(), String> {
    if TEST_VARIABLES.contains(&name) {
        return Ok(());
    }
    let Some(setting) = SETTINGS.iter().find(|setting| setting.env == name) else {
        // The common prefix would make any two names look alike.
        let own = |name: &'static str| name.strip_prefix(PREFIX).unwrap_or(name);
        let near = nearest(
            name.strip_prefix(PREFIX).unwrap_or(name),
            SETTINGS.iter().map(|setting| own(setting.env)),
        );
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {PREFIX}{near}?"));
        return Err(format!("{name} is no variable of this program{hint}"));
    };
    let value = value.into_string().map_err(|_value| format!("{name} must be UTF-8"))?;
    (setting.check)(&value).map_err(|wrong| format!("{name}: {wrong}"))
}

/// The table of all settings, in Markdown.
#[must_use]
pub fn table() -> String {
    let mut table =
        "| option | environment | default | command | meaning |\n| --- | --- | --- | --- | --- |\n"
            .to_owned();
    let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
    for Setting { command, flag, env, default, meaning, .. } in SETTINGS {
        let (default, command) =
            (code(default), if command.is_empty() { "all".to_owned() } else { code(command) });
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| `--{flag}` | `{env}` | {default} | {command} | {meaning} |");
    }
    table
}

fn detail(fault: Fault) -> String {
    fault.detail
}

fn word<E: ValueEnum>(text: &str) -> Result<E, String> {
    let values: Vec<_> = E::value_variants().iter().filter_map(E::to_possible_value).collect();
    let words: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
    E::from_str(text, false).map_err(|_word| format!("must be one of {}", words.join(", ")))
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error: crate::app::StoreError| redacted(&error.to_string()))
}

/// `true` or `false`, also as `1` or `0`.
pub(crate) fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// A host and a port.
pub(crate) fn listen(text: &str) -> Result<String, String> {
    let parts = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match parts.map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err("must be a host and a port, as in 127.0.0.1:8080".to_owned()),
    }
}

/// A number of bytes.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_cause| "must be a whole number of bytes".to_owned())
}

/// A name.
pub(crate) fn name(text: &str) -> Result<Name, String> {
    Name::try_from(text).map_err(detail)
}

/// A role.
pub(crate) fn role(text: &str) -> Result<Role, String> {
    Role::try_from(text).map_err(detail)
}

/// The id of an authority.
pub(crate) fn authority(text: &str) -> Result<AuthorityId, String> {
    AuthorityId::try_from(text).map_err(detail)
}

/// The reason for a change.
pub(crate) fn reason(text: &str) -> Result<Reason, String> {
    Reason::try_from(text).map_err(detail)
}

/// A key's lifetime, in seconds.
pub(crate) fn lifetime(text: &str) -> Result<i64, String> {
    let most = i64::from(MAX_DAYS) * SECONDS_A_DAY;
    let units = [("d", SECONDS_A_DAY), ("h", 3600), ("m", 60), ("s", 1)];
    let parsed = units.iter().find_map(|(unit, seconds)| {
        let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(number.saturating_mul(*seconds))
    });
    match parsed {
        Some(seconds) if (1..=most).contains(&seconds) => Ok(seconds),
        Some(_) => Err(format!("must lie between 1s and {MAX_DAYS}d")),
        None => Err("must be a number and one of d, h, m, s, as in 90d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keys::DEFAULT_DAYS;

    fn checked(variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        check_environment(variables).err().unwrap_or_default()
    }

    #[test]
    fn every_variable_that_is_wrong_is_told() {
        let wrong = checked(&[
            ("GREENLIGHT_LISTN", "127.0.0.1:1"),
            ("GREENLIGHT_LISTEN", "8080"),
            ("GREENLIGHT_SAMPLE", "yes please"),
            ("GREENLIGHT_DATABASE", "mysql://u:secret@h/d"),
            ("GREENLIGHT_COLOUR_OF_MONEY", "green"),
            ("GREENLIGHT_PUBLIC_READ", "true"),
            ("GREENLIGHT_TEST_POSTGRES", "anything"),
            ("PATH", "/bin"),
        ]);
        assert_eq!(
            wrong,
            [
                "GREENLIGHT_COLOUR_OF_MONEY is no variable of this program",
                "GREENLIGHT_DATABASE: must be `sqlite:FILE` or `postgres://USER@HOST/DATABASE`",
                "GREENLIGHT_LISTEN: must be a host and a port, as in 127.0.0.1:8080",
                "GREENLIGHT_LISTN is no variable of this program; did you mean GREENLIGHT_LISTEN?",
                "GREENLIGHT_SAMPLE: must be true or false",
            ]
        );
    }

    #[test]
    fn every_option_that_is_wrong_is_told() {
        let checked = |line: &str| {
            check_arguments(line.split(' ').map(OsString::from)).err().unwrap_or_default().join("; ")
        };
        assert_eq!(checked("serve --listen 127.0.0.1:80 --sample --max-connections=1 --colour x"), "");
        assert_eq!(
            checked("--database mysql://u:secret@h/d serve --max-connections 0 --sample --body-deadline=0s"),
            "--database: must be `sqlite:FILE` or `postgres://USER@HOST/DATABASE`; \
             --max-connections: must be a whole number from 1 to 1000000; \
             --body-deadline: must lie between 1ms and 60m"
        );
        assert_eq!(checked("import --mode --reason x -- --mode y"), "");
    }

    #[test]
    fn every_default_is_a_value_that_may_be_set() {
        for setting in SETTINGS.iter().filter(|setting| !setting.default.is_empty()) {
            assert_eq!((setting.check)(setting.default), Ok(()), "{}", setting.flag);
        }
    }

    #[test]
    fn the_table_has_a_row_for_every_setting() {
        let table = table();
        assert_eq!(table.lines().count(), SETTINGS.len() + 2);
        assert!(table.contains(
            "| `--listen` | `GREENLIGHT_LISTEN` | `127.0.0.1:8080` | `serve` | Where to listen, as `HOST:PORT`; port 0 takes a free one |"
        ));
        assert!(table.lines().all(|line| line.matches('|').count() == 6));
    }

    #[test]
    fn the_readme_shows_the_table() {
        assert!(include_str!("../README.md").contains(&table()));
    }

    #[test]
    fn a_key_works_as_long_as_one_made_without_the_command_line() {
        assert_eq!(KEY_EXPIRES_IN.default, format!("{DEFAULT_DAYS}d"));
        assert!(KEY_EXPIRES_IN.meaning.ends_with(&format!("at most `{MAX_DAYS}d`")));
    }

    #[test]
    fn a_lifetime_is_a_number_and_a_unit() {
        assert_eq!(lifetime("90d"), Ok(7_776_000));
        assert_eq!(lifetime("36h"), Ok(129_600));
        assert_eq!(lifetime("5m"), Ok(300));
        assert_eq!(lifetime("1s"), Ok(1));
        assert_eq!(lifetime("365d"), Ok(31_536_000));
        for bad in ["", "d", "90", "0s", "-1d", "366d", "9223372036854775807d", "1w", "1.5d", "90 d", "é"] {
            assert!(lifetime(bad).is_err(), "{bad}");
        }
    }
}
