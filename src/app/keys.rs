//! API keys: creation, lookup on every request, and revocation.

use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::key_cache::KeyCache;
use super::register::unique;
use super::{Error, Register};
use crate::domain::actor::{Actor, Key, Role};
use crate::domain::fault::{FaultCode, Faults};
use crate::domain::id::{AuthorityId, KeyId};
use crate::domain::refusal::Refusal;
use crate::domain::text::Name;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::Moment;
use crate::store::{self, SecretDigest, Wanted, Write};

/// A key's default lifetime, in days.
pub const DEFAULT_DAYS: u32 = 90;
/// A key's longest lifetime, in days.
pub const MAX_DAYS: u32 = 365;

const PREFIX: &str = "gl_";

/// A key's secret: returned once at creation, never stored, and hidden in `Debug` output.
pub struct Secret(String);

impl Secret {
    /// The secret as text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The properties of a key to be created.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The name.
    pub name: Name,
    /// The owner.
    pub owner: Name,
    /// The role.
    pub role: Role,
    /// The authorities whose records it may write; empty for all.
    pub authorities: Vec<AuthorityId>,
    /// The expiry; [`DEFAULT_DAYS`] from now if `None`.
    pub expires_at: Option<Moment>,
}

impl NewKey {
    /// Validates it; expiry is counted from `from`, the time by which keys expire.
    fn faults(&self, now: Moment, from: Moment) -> Faults {
        let mut faults = Faults::default();
        let latest = from.plus_days(i64::from(MAX_DAYS));
        if self.expires_at.is_some_and(|at| at <= from || at > latest) {
            let from = if from > now {
                format!("{from}, the time of the newest revision")
            } else {
                "now".to_owned()
            };
            faults.add(
                "/expires_at",
                FaultCode::OutOfRange,
                format!("must lie within {MAX_DAYS} days from {from}"),
            );
        }
        if !self.authorities.is_empty() && self.role != Role::Editor {
            faults.add(
                "/authorities",
                FaultCode::Inconsistent,
                "only an `editor` can be limited to authorities",
            );
        }
        faults
    }
}

/// Creates a key. Its secret is returned here only.
///
/// # Errors
///
/// [`Error::Denied`], [`Error::Invalid`], [`Refusal::Dangling`] for authorities not on record.
pub async fn create(write: &mut Write, actor: &Actor, new: NewKey) -> Result<(Key, Secret), Error> {
    actor.may_manage_keys()?;
    let now = write.now();
    let from = write.head().latest(now);
    new.faults(now, from).or(())?;
    let authorities: Vec<ThingRef> =
        new.authorities.iter().map(|id| ThingRef::new(Kind::Authority, id.as_str())).collect();
    if !authorities.is_empty() {
        check_authorities(write, &authorities).await?;
    }
    let id =
        KeyId::try_from(format!("key-{}", unique(now)?).as_str()).map_err(|fault| unfit(fault.detail))?;
    let secret = secret(&id)?;
    let default = from.plus_days(i64::from(DEFAULT_DAYS));
    let key = Key {
        id,
        name: new.name,
        owner: new.owner,
        role: new.role,
        authorities: new.authorities,
        created_at: now,
        expires_at: new.expires_at.unwrap_or(default),
        revoked_at: None,
        last_used_at: None,
    };
    write.add_key(&key, &digest(secret.reveal())).await?;
    Ok((key, secret))
}

async fn check_authorities(write: &mut Write, authorities: &[ThingRef]) -> Result<(), Error> {
    let missing = write.missing(authorities).await?;
    let mut faults = Faults::default();
    for (index, authority) in
        authorities.iter().enumerate().filter(|(_, authority)| missing.contains(authority))
    {
        faults.add(
            format!("/authorities/{index}"),
            FaultCode::NoSuchThing,
            format!("{authority} is not on record"),
        );
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Dangling(faults).into()) }
}

fn unfit(detail: String) -> Error {
    Error::Store(store::Error::Unfit(detail))
}

/// `gl_`, the key's id, an underscore, 256 random bits: the id finds the key, the whole is its secret.
fn secret(id: &KeyId) -> Result<Secret, Error> {
    Ok(Secret(format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(store::random::<32>()?))))
}

fn digest(secret: &str) -> SecretDigest {
    Sha256::digest(secret.as_bytes()).into()
}

/// The key with this secret, if it is valid now. Uses the cache; an unknown secret is always looked up.
///
/// # Errors
///
/// [`store::Error`] if the register cannot be read.
pub async fn holder(register: &Register, secret: &str) -> Result<Option<Arc<Key>>, store::Error> {
    if let Some(key) = recalled(register, secret, Instant::now(), register.now()) {
        return Ok(Some(key));
    }
    let Some(id) = named(secret) else { return Ok(None) };
    let found = looked_up(register, id).await?.filter(|(_, kept)| fits(kept, secret));
    let latest = register.latest(register.now(), Instant::now());
    Ok(found.map(|(key, _)| key).filter(|key| key.works_at(latest)))
}

/// The key with this secret, if it is cached and still valid. Takes the readings of both clocks, as the
/// caller may need them for more.
#[must_use]
pub fn recalled(register: &Register, secret: &str, at: Instant, now: Moment) -> Option<Arc<Key>> {
    let (key, kept) = register.key_cache().get(named(secret)?, at)?;
    (fits(&kept, secret) && key.works_at(register.latest(now, at))).then_some(key)
}

/// The key id within a secret.
fn named(secret: &str) -> Option<&str> {
    Some(secret.strip_prefix(PREFIX)?.split_once('_')?.0)
}

fn fits(kept: &SecretDigest, secret: &str) -> bool {
    kept.ct_eq(&digest(secret)).into()
}

async fn looked_up(register: &Register, id: &str) -> Result<Option<(Arc<Key>, SecretDigest)>, store::Error> {
    let Ok(id) = KeyId::try_from(id) else { return Ok(None) };
    let asked = Instant::now();
    let found = register.read(Wanted::Newest).await?.key(&id).await?;
    let found = found.map(|(key, digest)| (Arc::new(key), digest));
    if let Some(found) = &found {
        register.key_cache().remember(found, asked);
    }
    Ok(found)
}

/// Revokes a key, effective from the commit; repeating it changes nothing. Evicts it from `key_cache`, which
/// is `None` in a dry run.
///
/// # Errors
///
/// [`Error::Denied`], or [`Error::UnknownKey`].
pub async fn revoke(
    write: &mut Write,
    actor: &Actor,
    id: &KeyId,
    key_cache: Option<&KeyCache>,
) -> Result<Key, Error> {
    actor.may_manage_keys()?;
    let now = write.now();
    write.revoke_key(id, now).await?;
    let (key, _) = write.reading().await?.key(id).await?.ok_or_else(|| Error::UnknownKey(id.clone()))?;
    // Before the commit, so that once the revocation is known, no cached copy lets the key in.
    if let Some(key_cache) = key_cache {
        key_cache.evict_forever(id);
    }
    Ok(key)
}

/// Creates an admin's key if the register has no keys.
///
/// # Errors
///
/// [`store::Error`] if the register cannot be written.
pub async fn first(register: &Register) -> Result<Option<(Key, Secret)>, Error> {
    register
        .write(|write| {
            Box::pin(async move {
                if write.reading().await?.key_count().await? > 0 {
                    return Ok(Ok(None));
                }
                let name =
                    |text: &str| Name::try_from(text).map_err(|fault| store::Error::Unfit(fault.detail));
                let new = NewKey {
                    name: name("first admin")?,
                    owner: name("operator")?,
                    role: Role::Admin,
                    authorities: Vec::new(),
                    expires_at: None,
                };
                Ok(create(write, &Actor::Operator, new).await.map(Some))
            })
        })
        .await?
}
