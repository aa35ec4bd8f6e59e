//! Actors and their permissions.

use std::sync::Arc;

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
    /// The name.
    pub name: Name,
    /// The owner.
    pub owner: Name,
    /// The role.
    pub role: Role,
    /// The authorities whose records it may write; empty for all.
    pub authorities: Vec<AuthorityId>,
    /// When it was created.
    pub created_at: Moment,
    /// When it expires.
    pub expires_at: Moment,
    /// When it was revoked.
    pub revoked_at: Option<Moment>,
    /// When it was last used, to within about a minute.
    pub last_used_at: Option<Moment>,
}

impl Key {
    /// Whether the key is valid at a moment.
    #[must_use]
    pub fn works_at(&self, now: Moment) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// The maker of a request or change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A caller without a key, where reading is public.
    Anybody,
    /// The holder of a key.
    Key(Arc<Key>),
    /// The operator at the command line, on the host of the register.
    Operator,
    /// The service itself, when a date passes.
    Service,
}

/// Why an action is denied to an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The role does not allow it.
    Role(Role),
    /// The key is limited to other authorities.
    Authority {
        /// The authorities it is limited to.
        allowed: Vec<AuthorityId>,
        /// The authorities of the record to be written; empty if it belongs to none.
        of: Vec<AuthorityId>,
    },
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

    /// Checks that the actor may write to the register at all.
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

    /// Checks that the actor may write records of these authorities. An empty list means a record of no
    /// authority, which a limited key may not write.
    ///
    /// # Errors
    ///
    /// [`Denied`] if it may not.
    pub fn may_write_for(&self, authorities: &[&AuthorityId]) -> Result<(), Denied> {
        self.may_write()?;
        let Self::Key(key) = self else { return Ok(()) };
        let covered = !authorities.is_empty()
            && authorities.iter().all(|authority| key.authorities.contains(authority));
        if key.authorities.is_empty() || covered {
            return Ok(());
        }
        let mut of: Vec<AuthorityId> = authorities.iter().map(|authority| (*authority).clone()).collect();
        of.dedup();
        Err(Denied::Authority { allowed: key.authorities.clone(), of })
    }

    /// Checks that the actor may manage keys.
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

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "cn-ndrc";
    const THEIRS: &str = "us-bis";

    fn ids(authorities: &[&str]) -> Vec<AuthorityId> {
        let id = |id: &&str| AuthorityId::try_from(*id).unwrap();
        authorities.iter().map(id).collect()
    }

    fn key(role: Role, authorities: &[&str]) -> Key {
        let made = Moment::try_from("2026-01-01T00:00:00Z").unwrap();
        Key {
            id: KeyId::try_from("key-1").unwrap(),
            name: Name::try_from("loader").unwrap(),
            owner: Name::try_from("desk").unwrap(),
            role,
            authorities: ids(authorities),
            created_at: made,
            expires_at: made.plus_seconds(60),
            revoked_at: None,
            last_used_at: None,
        }
    }

    fn holder(role: Role, authorities: &[&str]) -> Actor {
        Actor::Key(Arc::new(key(role, authorities)))
    }

    #[test]
    fn what_an_actor_may_do_goes_by_its_role() {
        let editor = Err(Denied::Role(Role::Editor));
        let admin = Err(Denied::Role(Role::Admin));
        let anonymous = Err(Denied::Anonymous);
        for (actor, write, manage_keys) in [
            (Actor::Anybody, anonymous.clone(), anonymous),
            (Actor::Operator, Ok(()), Ok(())),
            (Actor::Service, Ok(()), Ok(())),
            (holder(Role::Reader, &[]), editor, admin.clone()),
            (holder(Role::Editor, &[]), Ok(()), admin),
            (holder(Role::Admin, &[]), Ok(()), Ok(())),
        ] {
            assert_eq!(actor.may_write(), write, "{actor:?}");
            assert_eq!(actor.may_manage_keys(), manage_keys, "{actor:?}");
            for authorities in [ids(&[]), ids(&[OURS]), ids(&[OURS, THEIRS])] {
                let authorities: Vec<&AuthorityId> = authorities.iter().collect();
                assert_eq!(actor.may_write_for(&authorities), write, "{actor:?}");
            }
        }
    }

    #[test]
    fn a_limited_key_writes_only_what_belongs_to_its_authorities_alone() {
        for role in [Role::Editor, Role::Admin] {
            for (limits, authorities, allowed) in [
                (vec![OURS], vec![OURS], true),
                (vec![OURS], vec![OURS, OURS], true),
                (vec![OURS], vec![THEIRS], false),
                (vec![OURS], vec![OURS, THEIRS], false),
                (vec![OURS], vec![], false),
                (vec![OURS, THEIRS], vec![THEIRS, OURS], true),
            ] {
                let wanted = ids(&authorities);
                let outcome = holder(role, &limits).may_write_for(&wanted.iter().collect::<Vec<_>>());
                let denied = Denied::Authority { allowed: ids(&limits), of: wanted.clone() };
                let expected = if allowed { Ok(()) } else { Err(denied) };
                assert_eq!(outcome, expected, "{role} {limits:?} {authorities:?}");
            }
        }
    }

    #[test]
    fn a_reader_writes_nothing_whatever_its_authorities() {
        let wanted = ids(&[OURS]);
        assert_eq!(
            holder(Role::Reader, &[OURS]).may_write_for(&[&wanted[0]]),
            Err(Denied::Role(Role::Editor))
        );
    }

    #[test]
    fn a_key_works_until_it_expires_or_is_revoked() {
        let key = key(Role::Reader, &[]);
        assert!(key.works_at(key.created_at.plus_seconds(59)));
        assert!(!key.works_at(key.expires_at));
        let revoked = Key { revoked_at: Some(key.created_at), ..key };
        assert!(!revoked.works_at(revoked.created_at.plus_seconds(1)));
    }

    #[test]
    fn every_actor_has_a_name_for_the_record() {
        let actors = [Actor::Anybody, holder(Role::Admin, &[]), Actor::Operator, Actor::Service];
        let names = actors.each_ref().map(Actor::name);
        assert_eq!(names, ["anybody", "key-1", "operator", "service"]);
    }
}
