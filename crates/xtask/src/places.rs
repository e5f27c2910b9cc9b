//! Where things lie: the checkout and the cache folder outside it.
//!
//! The cache holds what is slow or wide to get (RocksDB, data sets, the broker's jars) and survives the checkout.
//! A link `.cache` in the checkout points at it, because `.cargo/config.toml` can only name paths beside itself.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result, at};

#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The root of the checkout.
    pub(crate) root: PathBuf,
    /// The cache folder: `REGULARS_CACHE`, else `$XDG_CACHE_HOME/regulars`, else `~/.cache/regulars`.
    pub(crate) cache: PathBuf,
}

impl Places {
    /// Finds both folders, creates the cache and points the checkout's `.cache` link at it.
    pub(crate) fn prepare() -> Result<Places> {
        let root = root()?;
        let cache = cache_folder(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))?;
        fs::create_dir_all(&cache).map_err(at("create the cache folder", &cache))?;
        let cache = cache.canonicalize().map_err(at("resolve the cache folder", &cache))?;
        link(&cache, &root.join(".cache"))?;
        Ok(Places { root, cache })
    }

    /// The service's executable, as `cargo build --release` leaves it.
    pub(crate) fn regulars(&self) -> PathBuf {
        self.release("regulars")
    }

    /// The executable called `name`, as `cargo build --release` leaves it.
    pub(crate) fn release(&self, name: &str) -> PathBuf {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from);
        self.root.join(target).join("release").join(name)
    }
}

/// The checkout is where this crate was compiled: `cargo xtask` always builds it in place.
fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .find(|folder| folder.join(".cargo").join("config.toml").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| Failure::failed(format!("no .cargo/config.toml above {}", here.display())))
}

fn cache_folder(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    let folder = variable("REGULARS_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("regulars")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache").join("regulars")))
        .ok_or_else(|| Failure::refused("no home folder: set REGULARS_CACHE to a folder with 2 GB free"))?;
    if folder.is_relative() {
        return Err(Failure::refused(format!("cache folder {} is not an absolute path", folder.display())));
    }
    Ok(folder)
}

/// Makes `link` a symbolic link to `target`, replacing an older link in one step so that no reader ever
/// finds it missing. Anything else in its place is left alone and reported.
pub(crate) fn link(target: &Path, link: &Path) -> Result<()> {
    match fs::symlink_metadata(link) {
        Ok(found) if !found.is_symlink() => {
            return Err(Failure::failed(format!("{} is in the way: expected a link", link.display())));
        }
        Ok(_) if fs::read_link(link).is_ok_and(|current| current == target) => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(at("look at", link)(error)),
    }
    let fresh = link.with_extension(format!("new-{}", std::process::id()));
    std::os::unix::fs::symlink(target, &fresh).map_err(at("create the link", &fresh))?;
    fs::rename(&fresh, link).map_err(at("replace the link", link))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wrong order would fill a home folder that the person asked us to leave alone.
    #[test]
    fn the_most_specific_variable_wins() {
        let all = |name: &str| match name {
            "REGULARS_CACHE" => Some(PathBuf::from("/a")),
            "XDG_CACHE_HOME" => Some(PathBuf::from("/b")),
            "HOME" => Some(PathBuf::from("/c")),
            _ => None,
        };
        assert_eq!(cache_folder(all).unwrap(), Path::new("/a"));
        let without =
            |skip: &'static [&'static str]| move |name: &str| if skip.contains(&name) { None } else { all(name) };
        assert_eq!(cache_folder(without(&["REGULARS_CACHE"])).unwrap(), Path::new("/b/regulars"));
        assert_eq!(
            cache_folder(without(&["REGULARS_CACHE", "XDG_CACHE_HOME"])).unwrap(),
            Path::new("/c/.cache/regulars")
        );
        assert_eq!(cache_folder(|_| None).unwrap_err().exit_status(), 2);
    }

    /// Replacing a folder by a link would delete someone's work.
    #[test]
    fn a_link_replaces_only_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two, name) = (folder.path().join("one"), folder.path().join("two"), folder.path().join("name"));
        link(&one, &name).unwrap();
        link(&two, &name).unwrap();
        assert_eq!(fs::read_link(&name).unwrap(), two);
        fs::create_dir(&one).unwrap();
        assert!(link(&two, &one).is_err());
    }
}
