//! API keys: their owners and the digests of their secrets. They are not register data.

use std::fmt::Write as _;

use super::column::Stamp;
use super::error::Error;
use super::read::Read;
use super::statement::Statement;
use super::write::Write;
use crate::domain::actor::{Key, Role};
use crate::domain::fault::Fault;
use crate::domain::id::{AuthorityId, KeyId};
use crate::domain::text::Name;
use crate::domain::time::Moment;

/// The SHA-256 of a key's secret. The secret itself is not stored.
pub type SecretDigest = [u8; 32];

#[derive(sqlx::FromRow)]
struct KeyRow {
    id: String,
    name: String,
    owner: String,
    role: String,
    authorities: String,
    secret_digest: Vec<u8>,
    created_at: Stamp,
    expires_at: Stamp,
    revoked_at: Option<Stamp>,
    last_used_at: Option<Stamp>,
}

const KEY: &str =
    "SELECT id, name, owner, role, authorities, secret_digest, created_at, expires_at, revoked_at,
    last_used_at FROM api_key";

impl KeyRow {
    fn key(&self) -> Result<Key, Fault> {
        let authorities: Result<Vec<AuthorityId>, Fault> =
            self.authorities.split_terminator(' ').map(AuthorityId::try_from).collect();
        Ok(Key {
            id: KeyId::try_from(self.id.as_str())?,
            name: Name::try_from(self.name.as_str())?,
            owner: Name::try_from(self.owner.as_str())?,
            role: Role::try_from(self.role.as_str())?,
            authorities: authorities?,
            created_at: self.created_at.0,
            expires_at: self.expires_at.0,
            revoked_at: self.revoked_at.map(|stamp| stamp.0),
            last_used_at: self.last_used_at.map(|stamp| stamp.0),
        })
    }
}

impl TryFrom<KeyRow> for (Key, SecretDigest) {
    type Error = Error;

    fn try_from(row: KeyRow) -> Result<Self, Error> {
        let damaged = |what: &str| Error::damaged(format_args!("key `{}`", row.id), what);
        let key = row.key().map_err(|fault| damaged(&fault.detail))?;
        let digest = row.secret_digest.as_slice().try_into();
        Ok((key, digest.map_err(|cause: std::array::TryFromSliceError| damaged(&cause.to_string()))?))
    }
}

impl Read {
    /// A key and the digest of its secret.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn key(&mut self, id: &KeyId) -> Result<Option<(Key, SecretDigest)>, Error> {
        let statement = Statement::new(KEY).push(" WHERE id = ").bind(id.as_str());
        let row: Option<KeyRow> = self.connection.fetch_optional(statement).await?;
        row.map(TryFrom::try_from).transpose()
    }

    /// Keys ordered by id, after `after`.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn keys(&mut self, after: &str, limit: i64) -> Result<Vec<Key>, Error> {
        let statement = Statement::new(KEY).push(" WHERE id > ").bind(after);
        let statement = statement.push(" ORDER BY id").limit(limit);
        let rows: Vec<KeyRow> = self.connection.fetch_all(statement).await?;
        rows.into_iter().map(|row| <(Key, SecretDigest)>::try_from(row).map(|(key, _)| key)).collect()
    }

    /// The number of keys.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn key_count(&mut self) -> Result<i64, Error> {
        Ok(self.connection.fetch_one::<(i64,)>(Statement::new("SELECT count(*) FROM api_key")).await?.0)
    }
}

impl Write {
    /// Adds a key with the digest of its secret.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn add_key(&mut self, key: &Key, secret: &SecretDigest) -> Result<(), Error> {
        let mut authorities = String::new();
        for authority in &key.authorities {
            // Writing to a string cannot fail.
            let _ = write!(authorities, "{authority} ");
        }
        let statement = Statement::new(
            "INSERT INTO api_key (id, name, owner, role, authorities, secret_digest, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        );
        let statement = statement.with(key.id.as_str()).with(key.name.as_str()).with(key.owner.as_str());
        let statement =
            statement.with(key.role.to_string()).with(authorities.trim_end()).with(secret.to_vec());
        self.queried().await?.execute(statement.with(key.created_at).with(key.expires_at)).await?;
        Ok(())
    }

    /// Revokes a key. A key revoked already keeps its time of revocation.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn revoke_key(&mut self, id: &KeyId, at: Moment) -> Result<(), Error> {
        let statement =
            Statement::new("UPDATE api_key SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL");
        self.queried().await?.execute(statement.with(at).with(id.as_str())).await?;
        Ok(())
    }

    /// Records when a key was last used.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn note_use(&mut self, id: &KeyId, at: Moment) -> Result<(), Error> {
        let statement = Statement::new(
            "UPDATE api_key SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)",
        );
        self.queried().await?.execute(statement.with(at).with(id.as_str())).await?;
        Ok(())
    }
}
