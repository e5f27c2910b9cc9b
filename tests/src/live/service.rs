//! A process of the service, to be killed.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running process; it is killed when this is dropped.
pub struct Service {
    child: Child,
    log: PathBuf,
    /// What those before it had written to the log, bytes.
    log_began: usize,
    output: PathBuf,
}

impl Service {
    /// Starts the program in `folder`. What it says is added to `<name>.log`.
    pub fn start(folder: &Path, name: &str, arguments: &[&str]) -> Service {
        let (log, output) = (folder.join(format!("{name}.log")), folder.join(format!("{name}.out")));
        let said = OpenOptions::new().create(true).append(true).open(&log).expect("a log can be written");
        let log_began =
            said.metadata().map_or(0, |log| usize::try_from(log.len()).expect("a log fits into memory"));
        let child = Command::new(super::binary())
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(File::create(&output).expect("a file can be written"))
            .stderr(said)
            .spawn()
            .expect("the program starts");
        Service { child, log, log_began, output }
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

    /// The last lines that it, and those before it, wrote to standard error.
    pub fn said(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// The tasks that it has recovered and not given up, by its own log.
    pub fn tasks(&self) -> Vec<u32> {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[self.log_began.min(text.len())..]);
        let mut tasks = BTreeSet::new();
        for line in text.lines() {
            let task = || -> Option<u32> {
                let (_, rest) = line.split_once("task=")?;
                rest.split(' ').next()?.parse().ok()
            };
            match task() {
                Some(task) if line.contains("task recovered") => drop(tasks.insert(task)),
                Some(task) if line.contains("task given up") => drop(tasks.remove(&task)),
                _ => {}
            }
        }
        tasks.into_iter().collect()
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
