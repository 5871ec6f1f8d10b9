//! `cargo xtask package`: what is deployed. The Functions host looks for functions directly under its root.

use crate::failure::{Context as _, Failure, Result};
use crate::workspace;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const HANDLER: &str = "inventory-handler";
/// Runs on any Linux: nothing of the build machine's C library is needed.
const MUSL: &str = "x86_64-unknown-linux-musl";
const GNU: &str = "x86_64-unknown-linux-gnu";
/// The C library of the Functions host's image (Debian 12), and so the newest that the handler may ask for.
const GLIBC_MAX: Glibc = Glibc(2, 36);
const EXECUTABLE: u32 = 0o755;
const PLAIN: u32 = 0o644;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The target to build for [default: x86_64-unknown-linux-musl where it is installed, else x86_64-unknown-linux-gnu].
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// What the handler can do besides, separated by commas: servicebus-https.
    #[arg(long, value_name = "FEATURES")]
    features: Option<String>,
    /// Packages this handler; nothing is built.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "features"])]
    handler: Option<PathBuf>,
    /// Where the package goes [default: target].
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// A version of the GNU C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Glibc(u32, u32);

impl std::fmt::Display for Glibc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// A file of the package.
struct Entry {
    /// Its path in the package, with `/`.
    name: String,
    bytes: Vec<u8>,
    mode: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let (handler, target) = match &options.handler {
        Some(handler) => (handler.clone(), "as it was built".to_owned()),
        None => build(options)?,
    };
    let entries = entries(&workspace::root(), &handler)?;
    let glibc = entries
        .iter()
        .find(|entry| entry.name == HANDLER)
        .and_then(|entry| glibc_needed(&entry.bytes));
    if let Some(glibc) = glibc.filter(|glibc| *glibc > GLIBC_MAX) {
        return Err(Failure(format!(
            "the handler needs the C library {glibc}, and where it is to run there is {GLIBC_MAX}: build it for {MUSL}"
        )));
    }
    let output = options.output.clone().unwrap_or_else(workspace::target);
    let folder = output.join("package");
    write_folder(&folder, &entries)?;
    let zip = output.join("inventory-functions.zip");
    write_zip(&zip, &entries)?;
    let functions = entries
        .iter()
        .filter(|entry| entry.name.ends_with("/function.json"))
        .count();
    let size = fs::metadata(&zip).context(zip.display())?.len();
    println!("{functions} functions, {target}:");
    println!("  {}/", folder.display());
    println!("  {} ({:.1} MB)", zip.display(), size as f64 / 1e6);
    let runs = glibc.map_or_else(
        || "on any Linux".to_owned(),
        |glibc| format!("where the C library is {glibc} or newer (the Functions host's image has {GLIBC_MAX})"),
    );
    println!("  runs {runs}");
    Ok(ExitCode::SUCCESS)
}

/// Builds the handler; where it is, and for which target.
fn build(options: &Options) -> Result<(PathBuf, String)> {
    let target = options.target.clone().unwrap_or_else(|| choose_target().to_owned());
    let mut build = workspace::cargo();
    build.args([
        "build",
        "--release",
        "--package",
        "inventory-handlers",
        "--bin",
        HANDLER,
        "--target",
        &target,
    ]);
    if let Some(features) = &options.features {
        build.args(["--features", features]);
    }
    if !build.status().context("cargo build")?.success() {
        return Err(Failure::new("the build failed"));
    }
    let handler = workspace::target().join(&target).join("release").join(HANDLER);
    Ok((handler, target))
}

/// The newest version that a program's symbols are bound to: their names are in it as text. `None`: it needs none.
fn glibc_needed(program: &[u8]) -> Option<Glibc> {
    const NAME: &[u8] = b"GLIBC_";
    let names = program
        .windows(NAME.len())
        .enumerate()
        .filter(|(_, bytes)| *bytes == NAME)
        .map(|(at, _)| &program[at + NAME.len()..]);
    names
        .filter_map(|rest| {
            let end = rest.iter().take(16).position(|byte| *byte == 0)?;
            let mut parts = std::str::from_utf8(&rest[..end]).ok()?.split('.');
            Some(Glibc(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        })
        .max()
}

fn choose_target() -> &'static str {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let has_musl = sysroot.is_ok_and(|output| {
        let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        sysroot.join("lib/rustlib").join(MUSL).join("lib").is_dir()
    });
    // SQLite is C: its compiler for musl has to be there, too.
    let compiler = Command::new("musl-gcc").arg("--version").output();
    if has_musl && compiler.is_ok_and(|output| output.status.success()) {
        return MUSL;
    }
    println!(
        "note: built against this machine's C library, so it runs where that is as new. For a binary that runs on any\n\
         Linux: rustup target add {MUSL} && apt-get install musl-tools"
    );
    GNU
}

/// Everything that belongs in the package, in the order of the names. `local.settings.json` never does: it holds secrets.
fn entries(root: &Path, handler: &Path) -> Result<Vec<Entry>> {
    let read = |path: &Path| fs::read(path).context(path.display());
    let mut entries = vec![
        Entry {
            name: "host.json".to_owned(),
            bytes: read(&root.join("host.json"))?,
            mode: PLAIN,
        },
        Entry {
            name: HANDLER.to_owned(),
            bytes: read(handler)?,
            mode: EXECUTABLE,
        },
    ];
    let functions = root.join("functions");
    for folder in fs::read_dir(&functions).context(functions.display())? {
        let file = folder?.path().join("function.json");
        let name = file
            .parent()
            .and_then(Path::file_name)
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if file.is_file() {
            entries.push(Entry {
                name: format!("{name}/function.json"),
                bytes: read(&file)?,
                mode: PLAIN,
            });
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn write_folder(folder: &Path, entries: &[Entry]) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).context(folder.display())?;
    }
    for entry in entries {
        let path = folder.join(&entry.name);
        fs::create_dir_all(path.parent().unwrap_or(folder)).context(path.display())?;
        fs::write(&path, &entry.bytes).context(path.display())?;
        fs::set_permissions(&path, fs::Permissions::from_mode(entry.mode)).context(path.display())?;
    }
    Ok(())
}

/// The same entries always make the same bytes: no times, one order. Modes are recorded, because several hosting plans
/// do not make the handler executable themselves.
fn write_zip(path: &Path, entries: &[Entry]) -> Result<()> {
    let mut zip = ZipWriter::new(File::create(path).context(path.display())?);
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(entry.mode);
        zip.start_file(&entry.name, options)?;
        zip.write_all(&entry.bytes)?;
    }
    zip.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_library_that_a_program_needs_is_read_from_it() {
        let program = b"\x7fELF\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0GLIBC_PRIVATE\0GLIBC_";
        assert_eq!(glibc_needed(program), Some(Glibc(2, 34)));
        assert_eq!(glibc_needed(b"\x7fELF static"), None);
        assert!(Glibc(2, 34) < GLIBC_MAX && Glibc(2, 4) < Glibc(2, 34));
    }

    #[test]
    fn the_package_holds_what_the_host_wants_and_no_settings() {
        let folder = std::env::temp_dir().join(format!("inventory-package-{}", std::process::id()));
        let root = folder.join("root");
        for (name, text) in [
            ("host.json", "{}"),
            ("local.settings.json", "secret"),
            ("functions/orders_create/function.json", "{}"),
            ("functions/notes.txt", "not a function"),
            ("built", "ELF"),
        ] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let entries = entries(&root, &root.join("built")).unwrap();
        let names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["host.json", "inventory-handler", "orders_create/function.json"]);

        write_folder(&folder.join("package"), &entries).unwrap();
        let mode = fs::metadata(folder.join("package/inventory-handler"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);

        let (first, second) = (folder.join("1.zip"), folder.join("2.zip"));
        write_zip(&first, &entries).unwrap();
        write_zip(&second, &entries).unwrap();
        assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
        let mut zip = zip::ZipArchive::new(File::open(&first).unwrap()).unwrap();
        assert_eq!(
            zip.by_name("inventory-handler").unwrap().unix_mode().unwrap() & 0o777,
            0o755
        );
        assert_eq!(
            zip.by_name("orders_create/function.json").unwrap().unix_mode().unwrap() & 0o777,
            0o644
        );
        fs::remove_dir_all(&folder).unwrap();
    }
}
