//! A disk that is small enough to be filled: a file system in memory.
//!
//! Mounting one takes the rights of the superuser. Who lacks them skips, and says so; who has them and must not skip
//! (`REGULARS_TEST_REQUIRE_BROKER=1`) fails where it does not work.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system. It is unmounted when this is dropped; what was on it is gone then.
pub struct SmallDisk {
    path: PathBuf,
}

/// What takes up the room. Neither a store nor a broker minds a file of this name.
const BALLAST: &str = "ballast";

impl SmallDisk {
    /// Mounts a disk of `bytes` over the directory `path`. `None` means to skip, and says so.
    pub fn mount(path: &Path, bytes: u64) -> Option<SmallDisk> {
        let options = format!("size={bytes},mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "regulars-test"]).arg(path);
        let why = match mount.output() {
            Ok(output) if output.status.success() => return Some(SmallDisk { path: path.to_path_buf() }),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_string(),
            Err(error) => error.to_string(),
        };
        let user = Command::new("id").arg("-u").output().expect("id runs");
        let required = std::env::var("REGULARS_TEST_REQUIRE_BROKER").is_ok_and(|value| value == "1");
        assert!(!required || user.stdout != b"0\n", "a disk cannot be mounted, and the tests are complete: {why}");
        println!("skipped: a small disk cannot be mounted, which takes the superuser: {why}");
        None
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fills it to the last page.
    pub fn fill(&self) {
        let mut ballast = File::options()
            .create(true)
            .append(true)
            .open(self.path.join(BALLAST))
            .expect("an empty file takes no room");
        for size in [1 << 20, 64 << 10, 4 << 10] {
            let piece = vec![0xB5; size];
            loop {
                match ballast.write_all(&piece) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{}: {error}", self.path.display()),
                }
            }
        }
    }

    /// Makes room again.
    pub fn make_room(&self) {
        std::fs::remove_file(self.path.join(BALLAST)).expect("the ballast is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever has a file open on it keeps it a little longer.
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.path).status();
        if !unmounted.as_ref().is_ok_and(std::process::ExitStatus::success) {
            println!("{} stays mounted: {unmounted:?}", self.path.display());
        }
    }
}
