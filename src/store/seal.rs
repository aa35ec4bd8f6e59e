//! The seal of a register: the secret that authenticates the tokens it issues.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::error::Error;
use super::read::Read;
use super::statement::Statement;

/// The secret with which a register signs what clients send back: the same on all nodes, after a restart and
/// in a copy.
#[derive(Clone)]
pub struct Seal([u8; 32]);

impl Seal {
    /// The length of a mark in bytes.
    pub const MARK: usize = 16;

    /// The mark (MAC) of a text.
    #[must_use]
    pub fn mark(&self, text: &[u8]) -> [u8; Self::MARK] {
        // Hashed twice and truncated, against length extension.
        let inner = Sha256::new().chain_update(self.0).chain_update(text).finalize();
        let outer = Sha256::new().chain_update(self.0).chain_update(inner).finalize();
        let mut mark = [0; Self::MARK];
        mark.iter_mut().zip(outer).for_each(|(byte, from)| *byte = from);
        mark
    }

    /// Whether a mark is that of a text, compared in constant time.
    #[must_use]
    pub fn is_on(&self, text: &[u8], mark: &[u8]) -> bool {
        self.mark(text).as_slice().ct_eq(mark).into()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl Read {
    /// The seal of the register.
    pub(super) async fn seal(&mut self) -> Result<Seal, Error> {
        let statement = Statement::new("SELECT secret FROM seal WHERE one = 1");
        let (secret,): (Vec<u8>,) = self.connection.fetch_one(statement).await?;
        let secret = secret.try_into().map_err(|secret: Vec<u8>| {
            Error::damaged("the seal", format_args!("it has {} bytes instead of 32", secret.len()))
        })?;
        Ok(Seal(secret))
    }
}
