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
}

/// A file of the package.
struct Entry {
    /// Its path in the package, with `/`.
    name: String,
    bytes: Vec<u8>,
    mode: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
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
    let entries = entries(&workspace::root(), &handler)?;
    let folder = workspace::target().join("package");
    write_folder(&folder, &entries)?;
    let zip = workspace::target().join("inventory-functions.zip");
    write_zip(&zip, &entries)?;
    let functions = entries
        .iter()
        .filter(|entry| entry.name.ends_with("/function.json"))
        .count();
    let size = fs::metadata(&zip).context(zip.display())?.len();
    println!("{functions} functions, {target}:");
    println!("  {}/", folder.display());
    println!("  {} ({:.1} MB)", zip.display(), size as f64 / 1e6);
    Ok(ExitCode::SUCCESS)
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
