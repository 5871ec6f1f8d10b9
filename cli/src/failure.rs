//! Why a command did not do its work.

use inventory_app::{Error, SettingsError, secrets::VaultError};
use std::fmt;

/// Why a command did not do its work; decides the exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A setting is wrong.
    Settings(SettingsError),
    /// The input file cannot be read as what it should be.
    Input(String),
    /// The database is away.
    Unavailable(String),
    /// The schema is older than this program.
    NotMigrated,
    /// What was asked for is refused.
    Refused(String),
    /// A fault of ours.
    Internal(String),
}

impl Failure {
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => crate::NEEDS_ATTENTION,
            Self::Settings(_) | Self::Input(_) => 2,
            Self::Unavailable(_) => 3,
            Self::NotMigrated => 4,
            Self::Internal(_) => 5,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(error) => error.fmt(f),
            Self::NotMigrated => {
                f.write_str("the database's schema is older than this program: run `inventory migrate` first")
            }
            Self::Input(text) | Self::Unavailable(text) | Self::Refused(text) | Self::Internal(text) => {
                f.write_str(text)
            }
        }
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => Self::Refused(refusal.to_string()),
            Error::Unavailable => Self::Unavailable("the database is not available".to_owned()),
            error => Self::Internal(error.to_string()),
        }
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Denied { .. } | VaultError::Credential(_) => Self::Refused(error.to_string()),
            VaultError::Busy { .. } | VaultError::Unreachable(_) | VaultError::TimedOut => {
                Self::Unavailable(error.to_string())
            }
            VaultError::Unexpected(_) => Self::Internal(error.to_string()),
        }
    }
}
