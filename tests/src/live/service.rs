//! A process of the service, to be killed.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::presence::Presence;

/// A running process; it is killed when this is dropped.
pub struct Service {
    child: Child,
    presence: Presence,
    output: PathBuf,
}

impl Service {
    /// Starts the program in `folder`. What it says is added to `<name>.log`: lines of `level` and above.
    pub fn start(folder: &Path, name: &str, arguments: &[&str], level: &str) -> Service {
        let (log, output) = (folder.join(format!("{name}.log")), folder.join(format!("{name}.out")));
        let said = OpenOptions::new().create(true).append(true).open(&log).expect("a log can be written");
        let log_began =
            said.metadata().map_or(0, |log| usize::try_from(log.len()).expect("a log fits into memory"));
        let child = Command::new(super::binary())
            .args(arguments)
            .env("REGULARS_LOG", level)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(File::create(&output).expect("a file can be written"))
            .stderr(said)
            .spawn()
            .expect("the program starts");
        let presence = Presence { pid: child.id(), log, log_began };
        Service { child, presence, output }
    }

    /// How others see it.
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// kill -9, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Sends a signal by name, such as `TERM` or `STOP`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill runs");
        assert!(status.success(), "kill -{name} {pid}: {status}");
    }

    /// The exit status, where it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// Waits for the end.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(began.elapsed() < patience, "still running after {patience:?}:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to end, and waits until it has, without a fault.
    pub fn end(&mut self, patience: Duration) {
        let began = Instant::now();
        // Before it listens for signals, one would end it like a kill.
        while self.presence.listens().is_none() && self.ended().is_none() {
            assert!(began.elapsed() < patience, "not listening after {patience:?}:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        self.signal("TERM");
        let status = self.wait(patience);
        assert!(status.success(), "{status}:\n{}", self.said());
    }

    /// The last lines that it, and those before it, wrote to standard error.
    pub fn said(&self) -> String {
        let text = std::fs::read(&self.presence.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// What it printed.
    pub fn printed(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
