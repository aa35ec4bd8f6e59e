//! Who asks, and what they may do.

use super::id::{AuthorityId, KeyId};
use super::text::Name;
use super::time::Moment;
use super::vocabulary::vocabulary;

vocabulary! {
    /// What a key may do.
    Role {
        /// Read.
        Reader = "reader",
        /// Read, and write the register.
        Editor = "editor",
        /// Read, write, and manage keys.
        Admin = "admin",
    }
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// What it is called.
    pub name: Name,
    /// Whose it is.
    pub owner: Name,
    /// What it may do.
    pub role: Role,
    /// The authorities whose records it may write; empty for all.
    pub authorities: Vec<AuthorityId>,
    /// When it was made.
    pub created_at: Moment,
    /// When it stops working.
    pub expires_at: Moment,
    /// When it was revoked.
    pub revoked_at: Option<Moment>,
    /// When it was last used, to the minute or so.
    pub last_used_at: Option<Moment>,
}

impl Key {
    /// Whether the key works at a moment.
    #[must_use]
    pub fn works_at(&self, now: Moment) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody without a key, where reading is public.
    Anybody,
    /// The holder of a key.
    Key(Box<Key>),
    /// The operator at the command line, on the machine that holds the register.
    Operator,
    /// The service itself, when a date passes.
    Service,
}

/// Why an actor may not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The role does not allow it.
    Role(Role),
    /// The key is limited to other authorities.
    Authority,
    /// A key is needed.
    Anonymous,
}

impl Actor {
    /// The actor's name on a revision.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Anybody => "anybody",
            Self::Key(key) => key.id.as_str(),
            Self::Operator => "operator",
            Self::Service => "service",
        }
    }

    /// Whether the actor may write to the register at all.
    ///
    /// # Errors
    ///
    /// [`Denied`] if it may not.
    pub fn may_write(&self) -> Result<(), Denied> {
        match self {
            Self::Operator | Self::Service => Ok(()),
            Self::Key(key) if key.role >= Role::Editor => Ok(()),
            Self::Key(_) => Err(Denied::Role(Role::Editor)),
            Self::Anybody => Err(Denied::Anonymous),
        }
    }

    /// Whether the actor may write records of these authorities. An empty list stands for a record
    /// that belongs to no authority, which a limited key may not write.
    ///
    /// # Errors
    ///
    /// [`Denied`] if it may not.
    pub fn may_write_for(&self, authorities: &[&AuthorityId]) -> Result<(), Denied> {
        self.may_write()?;
        let Self::Key(key) = self else { return Ok(()) };
        let covered = !authorities.is_empty()
            && authorities
                .iter()
                .all(|authority| key.authorities.contains(authority));
        if key.authorities.is_empty() || covered {
            Ok(())
        } else {
            Err(Denied::Authority)
        }
    }

    /// Whether the actor may manage keys.
    ///
    /// # Errors
    ///
    /// [`Denied`] if it may not.
    pub fn may_manage_keys(&self) -> Result<(), Denied> {
        match self {
            Self::Operator | Self::Service => Ok(()),
            Self::Key(key) if key.role == Role::Admin => Ok(()),
            Self::Key(_) => Err(Denied::Role(Role::Admin)),
            Self::Anybody => Err(Denied::Anonymous),
        }
    }
}
