//! The errors of commands.

use std::fmt::Display;

use super::{BAD_USAGE, FAILED};
use crate::app::{Error as AppError, StoreError};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The command was used wrongly.
    #[error("{0}")]
    Usage(String),
    /// It failed.
    #[error("{0}")]
    Failed(String),
    /// The rules do not allow it.
    #[error(transparent)]
    App(AppError),
    /// The register failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// A failure that concerns a file, a stream or an address.
    pub(super) fn of(what: impl Display, cause: impl Display) -> Self {
        Self::Failed(format!("{what}: {cause}"))
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => BAD_USAGE,
            Self::Failed(_) | Self::App(_) | Self::Store(_) => FAILED,
        }
    }
}

impl From<AppError> for Error {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Store(error) => Self::Store(error),
            error => Self::App(error),
        }
    }
}
