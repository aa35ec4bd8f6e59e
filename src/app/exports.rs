//! Exports the register as lines, parents first, in an order that depends only on the records.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Error, Register};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::vocabulary::Vocabulary as _;
use crate::store::{Error as StoreError, Read, Wanted};
use crate::wire::lines;

/// Lines per chunk.
const CHUNK: usize = 500;

/// An export in progress: the things still to write. It holds no transaction between chunks.
pub struct Export {
    register: Register,
    revision: i64,
    queue: VecDeque<(Kind, Vec<String>)>,
}

impl Export {
    /// Starts an export of everything on record at the revision of a read.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the register cannot be read.
    pub async fn begin(register: &Register, read: &mut Read) -> Result<Self, Error> {
        let mut queue = VecDeque::new();
        for kind in Kind::ALL.iter().copied() {
            let ids = ordered(read, kind).await?;
            queue.extend(ids.chunks(CHUNK).map(|ids| (kind, ids.to_vec())));
        }
        Ok(Self { register: register.clone(), revision: read.at().revision, queue })
    }

    /// The revision being exported.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// How many chunks remain.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.queue.len()
    }

    /// The next lines, each ending in a line feed; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the register cannot be read, or a thing in it is damaged; the error names it.
    pub async fn chunk(&mut self) -> Result<Option<String>, Error> {
        let Some((kind, ids)) = self.queue.pop_front() else { return Ok(None) };
        let mut read = self.register.read(Wanted::Revision(self.revision)).await?;
        let mut documents: BTreeMap<String, String> = read.documents(kind, &ids).await?.into_iter().collect();
        let mut text = String::new();
        for id in &ids {
            let thing = || ThingRef::new(kind, id);
            let document = documents.remove(id).ok_or_else(|| StoreError::damaged(thing(), "it is gone"))?;
            let line = lines::write(kind, id, &document);
            text.push_str(&line.map_err(|faults| StoreError::damaged(thing(), faults))?);
            text.push('\n');
        }
        Ok(Some(text))
    }
}

/// The ids of a kind, referenced things of the same kind first, then by id.
async fn ordered(read: &mut Read, kind: Kind) -> Result<Vec<String>, Error> {
    let things = read.ids_with_parents(kind).await?;
    if things.iter().all(|(_, parent)| parent.is_none()) {
        return Ok(things.into_iter().map(|(id, _)| id).collect());
    }
    let known: BTreeSet<String> = things.iter().map(|(id, _)| id.clone()).collect();
    let mut children: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for (id, parent) in things {
        children.entry(parent.filter(|parent| known.contains(parent))).or_default().push(id);
    }
    let mut order: Vec<String> = children.remove(&None).unwrap_or_default();
    let mut next = 0;
    while let Some(id) = order.get(next).cloned() {
        order.extend(children.remove(&Some(id)).unwrap_or_default());
        next += 1;
    }
    Ok(order)
}
