//! How a command ends when it does not end well, and which exit status says so.

use std::process::ExitCode;

/// Why a command did not do what it was asked. The message is complete: it names the object and the numbers.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The command line, a configuration or the terms were refused before any work began: exit status 2.
    #[error("{0}")]
    Refused(String),
    /// The work was begun and failed: exit status 1.
    #[error("{0}")]
    Failed(String),
}

impl Fault {
    /// The exit status of the process.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Fault::Refused(_) => ExitCode::from(2),
            Fault::Failed(_) => ExitCode::from(1),
        }
    }
}

/// A log that fails has begun to work.
impl From<engine::log::Failure> for Fault {
    fn from(failure: engine::log::Failure) -> Fault {
        Fault::Failed(failure.to_string())
    }
}

/// A store that cannot be read was begun to be.
impl From<engine::store::StoreError> for Fault {
    fn from(error: engine::store::StoreError) -> Fault {
        Fault::Failed(error.to_string())
    }
}
