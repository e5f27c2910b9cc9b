//! What can go wrong in a chore, and which exit status says so.

use std::fmt::Display;
use std::io;
use std::path::Path;

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Why a chore stopped. The message is for the person at the keyboard: one line, what and where.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The work was tried and failed: exit status 1.
    Failed(String),
    /// The machine or the command line lacks something only a person can give: exit status 2.
    Refused(String),
}

impl Failure {
    pub(crate) fn failed(message: impl Into<String>) -> Failure {
        Failure::Failed(message.into())
    }

    pub(crate) fn refused(message: impl Into<String>) -> Failure {
        Failure::Refused(message.into())
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Failure::Failed(message) | Failure::Refused(message) => message,
        }
    }

    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Failure::Failed(_) => 1,
            Failure::Refused(_) => 2,
        }
    }
}

/// For `map_err`: an error met while doing `what` (a verb phrase) to `path`.
pub(crate) fn at<E: Display>(what: &str, path: &Path) -> impl FnOnce(E) -> Failure {
    let context = format!("cannot {what} {}", path.display());
    move |error| Failure::Failed(format!("{context}: {error}"))
}

/// For `map_err`: a child process that could not even be started.
pub(crate) fn starting(program: &str) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure::Failed(format!("cannot start {program}: {error}"))
}
