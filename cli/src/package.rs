//! What was deployed: the zip that `cargo xtask package` makes, or the folder beside it.

use crate::failure::Failure;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The handler's name in a package.
pub(crate) const HANDLER: &str = "inventory-handler";
/// The largest program that is read. Ours is far smaller, debug information included.
const PROGRAM_BYTES_MAX: u64 = 1 << 30;

/// The bytes of one file of a package.
pub(crate) fn read(package: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let wrong = |what: String| Failure::Input(format!("{}: {what}", package.display()));
    if package.is_dir() {
        let file = File::open(package.join(name)).map_err(|error| wrong(format!("{name}: {error}")))?;
        return all_of(file).map_err(|error| wrong(format!("{name}: {error}")));
    }
    let file = File::open(package).map_err(|error| wrong(error.to_string()))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| wrong(error.to_string()))?;
    let entry = archive
        .by_name(name)
        .map_err(|error| wrong(format!("{name}: {error}")))?;
    all_of(entry).map_err(|error| wrong(format!("{name}: {error}")))
}

fn all_of(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = input.take(PROGRAM_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if read as u64 > PROGRAM_BYTES_MAX {
        return Err(io::Error::other("too large to be ours"));
    }
    Ok(bytes)
}
