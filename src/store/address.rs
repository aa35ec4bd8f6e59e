//! The address of a register: a SQLite file or a PostgreSQL database.

use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use super::error::Error;

/// The options allowed in the query of a server's URL, besides `options[NAME]`.
const OPTIONS: [&str; 18] = [
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "application_name",
    "options",
    "statement-cache-capacity",
];

/// Where the register is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database that nodes share.
    Postgres(String),
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            // SQLite drops a trailing slash, and would create a file where a folder is named.
            let names_file = !path.is_empty() && !path.ends_with('/') && !path.contains('?');
            if !names_file || path.starts_with(":memory:") {
                return Err(Error::Address(format!(
                    "`{text}` must name a file, as in `sqlite:greenlight.db`"
                )));
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            check_url(text)?;
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(Error::Address("must be `sqlite:FILE` or `postgres://USER@HOST/DATABASE`".to_owned()))
    }
}

/// Rejects an invalid server URL. The message does not repeat an unknown option: it may be part of a password
/// that contains a question mark.
fn check_url(url: &str) -> Result<(), Error> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').filter(|pair| !pair.is_empty());
    let names = names.map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    if !names.into_iter().all(|name| OPTIONS.contains(&name) || name.starts_with("options[")) {
        return Err(Error::Address(format!(
            "the address has an option that is not known; known are {}",
            OPTIONS.join(", ")
        )));
    }
    match PgConnectOptions::from_str(url) {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Configuration(cause)) => {
            Err(Error::Address(format!("the address of the server cannot be used: {cause}")))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_file_or_a_server() {
        assert_eq!("sqlite:a.db".parse::<Address>().unwrap(), Address::Sqlite("a.db".into()));
        assert_eq!("sqlite:///var/a.db".parse::<Address>().unwrap(), Address::Sqlite("/var/a.db".into()));
        assert!(matches!("postgres://h/d".parse::<Address>().unwrap(), Address::Postgres(_)));
        for bad in
            ["", "a.db", "sqlite:", "sqlite::memory:", "sqlite:a.db/", "sqlite:a.db?mode=ro", "mysql://h/d"]
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_of_a_server_is_refused_before_anybody_connects() {
        let good =
            "postgres://u@h/d?sslmode=disable&options=-c%20a=b&options[c]=d&statement-cache-capacity=9";
        for good in ["postgres://h/d", "postgresql://h:5433/d?", good] {
            assert!(good.parse::<Address>().is_ok(), "{good}");
        }
        for (bad, why) in [
            ("postgres://h:99999/d", "invalid port number"),
            ("postgres://h/d?port=99999", "cannot be used"),
            ("postgres://h/d?sslmode=perhaps", "cannot be used"),
            ("postgres://h/d?sslmode=disable&tls=secret", "not known; known are host, hostaddr,"),
            ("postgres://u:se?cret@h/d", "not known; known are host, hostaddr,"),
        ] {
            let told = bad.parse::<Address>().unwrap_err().to_string();
            assert!(told.contains(why) && !told.contains("cret"), "{bad}: {told}");
        }
    }
}
