//! Files of events.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Makes the file at `path` of what `write` writes; compressed where its name ends in `.zst`.
///
/// # Errors
/// Where it cannot be written.
pub fn write(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    if path.extension().is_some_and(|extension| extension == "zst") {
        let mut compressed = zstd::Encoder::new(file, 3)?;
        write(&mut compressed)?;
        compressed.finish()?.flush()
    } else {
        write(&mut file)?;
        file.flush()
    }
}
