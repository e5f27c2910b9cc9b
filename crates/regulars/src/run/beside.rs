//! Threads beside the workers: what they follow, nobody would miss before it is needed. So whatever ends one of them ends the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::status::Status;
use crate::fault::Fault;

/// A thread of the service. Its panics are caught on it.
pub(super) type Running = JoinHandle<Result<(), Fault>>;

/// Starts a thread that works until the service stops. Where it fails before, the service is told to stop, and how it failed is
/// heard by whoever joins it.
pub(super) fn start(
    name: &'static str,
    status: Arc<Status>,
    work: impl FnOnce() -> Result<(), Fault> + Send + 'static,
) -> Result<Running, Fault> {
    let work = move || {
        let broken = || Fault::Failed(format!("thread {name} found its own state wrong; the panic is told above"));
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(broken()));
        if result.is_err() {
            status.stop();
        }
        result
    };
    let thread = thread::Builder::new().name(name.to_string()).spawn(work);
    thread.map_err(|error| Fault::Failed(format!("a thread for {name}: {error}")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    // A model that is published must not be followed by half of the processes, without a word from the others.
    #[test]
    fn a_thread_that_panics_ends_the_service() {
        let status = Arc::new(Status::new(1, Duration::from_secs(1)));
        let calm = start("calm", Arc::clone(&status), || Ok(())).expect("a thread starts");
        assert!(calm.join().expect("it does not panic").is_ok());
        assert!(!status.stopping());
        let broken = start("broken", Arc::clone(&status), || panic!("on purpose")).expect("a thread starts");
        let fault = broken.join().expect("panics are caught").expect_err("it failed");
        assert!(fault.to_string().contains("thread broken"), "{fault}");
        assert!(status.stopping());
    }
}
