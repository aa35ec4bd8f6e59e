//! `greenlight key`: makes, lists and revokes API keys.

use std::sync::Arc;

use clap::{Args, Subcommand};

use super::{Error, output, with_register, write};
use crate::app::keys::{self, NewKey};
use crate::app::{Error as AppError, Register, Wanted};
use crate::config::{self, Config, KEY_AUTHORITIES, KEY_EXPIRES_IN, KEY_NAME, KEY_OWNER, KEY_ROLE, Setting};
use crate::domain::actor::{Actor, Key as ApiKey, Role};
use crate::domain::id::{AuthorityId, KeyId};
use crate::domain::text::Name;
use crate::domain::time::Moment;

/// Keys read per query.
const PAGE: i64 = 1000;
const COLUMNS: &str = "id\tname\towner\trole\tauthorities\tcreated_at\texpires_at\trevoked_at\tlast_used_at";

#[derive(Subcommand)]
pub(super) enum Key {
    /// Make a key; its secret, on standard output, is shown this once.
    Create(Create),
    /// List the keys, separated by tabs.
    List,
    /// Revoke a key at once.
    Revoke(Revoke),
}

#[derive(Args)]
pub(super) struct Create {
    #[arg(long = KEY_NAME.flag, env = KEY_NAME.env, help = KEY_NAME.meaning, value_parser = config::name,
        hide_env_values = true)]
    name: Name,
    #[arg(long = KEY_ROLE.flag, env = KEY_ROLE.env, help = KEY_ROLE.meaning, value_parser = config::role,
        hide_env_values = true)]
    role: Role,
    #[arg(long = KEY_OWNER.flag, env = KEY_OWNER.env, default_value = KEY_OWNER.default,
        help = KEY_OWNER.meaning, value_parser = config::name, value_name = "NAME", hide_env_values = true)]
    owner: Name,
    #[arg(long = KEY_AUTHORITIES.flag, env = KEY_AUTHORITIES.env, help = KEY_AUTHORITIES.meaning,
        value_parser = config::authority, value_name = "IDS", value_delimiter = ',', hide_env_values = true)]
    authorities: Vec<AuthorityId>,
    #[arg(long = KEY_EXPIRES_IN.flag, env = KEY_EXPIRES_IN.env, default_value = KEY_EXPIRES_IN.default,
        help = KEY_EXPIRES_IN.meaning, value_parser = config::lifetime, value_name = "TIME",
        hide_env_values = true)]
    expires_in: i64,
}

#[derive(Args)]
pub(super) struct Revoke {
    /// The key's id, as `key list` shows it.
    id: String,
}

impl Key {
    pub(super) async fn run(self, config: &Config) -> Result<(), Error> {
        match self {
            Self::Create(create) => {
                with_register(config, async move |register| create.run(register).await).await
            }
            Self::List => with_register(config, list).await,
            Self::Revoke(revoke) => {
                let id = revoke.id()?;
                with_register(config, async move |register| Revoke::run(register, id).await).await
            }
        }
    }
}

impl Create {
    async fn run(self, register: &Register) -> Result<(), Error> {
        let (key, secret) = write(register, move |write| {
            Box::pin(async move {
                let new = NewKey {
                    name: self.name,
                    owner: self.owner,
                    role: self.role,
                    authorities: self.authorities,
                    expires_at: Some(write.head().latest(write.now()).plus_seconds(self.expires_in)),
                };
                keys::create(write, &Actor::Operator, new).await
            })
        })
        .await
        .map_err(as_usage)?;
        if let Err(lost) = output::result(secret.reveal()) {
            // The secret is lost, so the key is useless.
            Revoke::run(register, key.id).await?;
            return Err(lost);
        }
        output::tell(format_args!("made {}, which works until {}", key.id, key.expires_at));
        Ok(())
    }
}

/// Turns a rule's fault with a new key into a usage error, as its values came from options.
fn as_usage(error: Error) -> Error {
    let Error::App(AppError::Invalid(faults)) = error else { return error };
    let flag = |pointer: &str| {
        let flag = |setting: &Setting| setting.flag;
        match pointer.trim_start_matches('/') {
            "expires_at" => flag(&KEY_EXPIRES_IN),
            "authorities" => flag(&KEY_AUTHORITIES),
            _ => flag(&KEY_NAME),
        }
    };
    let told = faults.0.iter().map(|placed| format!("--{}: {}", flag(&placed.pointer), placed.fault));
    Error::Usage(told.collect::<Vec<_>>().join("\nerror: "))
}

async fn list(register: &Register) -> Result<(), Error> {
    output::result(COLUMNS)?;
    let mut after = String::new();
    loop {
        let keys = register.read(Wanted::Newest).await?.keys(&after, PAGE).await?;
        let Some(last) = keys.last() else { return Ok(()) };
        after = last.id.to_string();
        for key in &keys {
            output::result(row(key))?;
        }
    }
}

fn row(key: &ApiKey) -> String {
    let ids: Vec<&str> = key.authorities.iter().map(AuthorityId::as_str).collect();
    let moment = |moment: Option<Moment>| moment.map_or_else(String::new, |moment| moment.to_string());
    [
        key.id.to_string(),
        key.name.to_string(),
        key.owner.to_string(),
        key.role.to_string(),
        ids.join(","),
        key.created_at.to_string(),
        key.expires_at.to_string(),
        moment(key.revoked_at),
        moment(key.last_used_at),
    ]
    .join("\t")
}

impl Revoke {
    fn id(&self) -> Result<KeyId, Error> {
        // The text may be a secret given in place of an id, so it is not repeated.
        KeyId::try_from(self.id.as_str()).map_err(|fault| Error::Usage(format!("the key's id {fault}")))
    }

    pub(super) async fn run(register: &Register, id: KeyId) -> Result<(), Error> {
        let key_cache = Arc::clone(register.key_cache());
        let key = write(register, |write| {
            Box::pin(async move { keys::revoke(write, &Actor::Operator, &id, Some(&key_cache)).await })
        })
        .await?;
        output::tell(format_args!("revoked {}", key.id));
        Ok(())
    }
}
