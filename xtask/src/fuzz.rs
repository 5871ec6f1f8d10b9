//! `cargo xtask fuzz`: libFuzzer on everything of devhost that reads bytes from outside.

use crate::failure::{Context as _, Failure, Result};
use crate::workspace;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

/// What libFuzzer needs of the compiler: a count for each edge of the program, and what is compared with what. Stable flags, so
/// that any compiler will do.
const INSTRUMENTATION: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];
const TARGET_TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// More than any target needs; what grows without end reaches it.
const MEMORY_MB_MAX: u32 = 512;
/// An input that takes longer hangs.
const INPUT_SECONDS_MAX: u32 = 5;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// amqp, configuration, cron, reply, rules or template [default: all, one after the other].
    targets: Vec<String>,
    /// How long each is fuzzed.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    seconds: u32,
    /// Keeps in the committed corpus the fewest inputs that reach everything, instead of looking for more.
    #[arg(long)]
    minimize: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let folder = workspace::root().join("devhost/fuzz");
    let corpora = folder.join("corpus");
    let known = known(&corpora)?;
    let targets = if options.targets.is_empty() {
        &known
    } else {
        &options.targets
    };
    if let Some(unknown) = targets.iter().find(|target| !known.contains(target)) {
        return Err(Failure(format!("no target {unknown}: there are {}", known.join(", "))));
    }
    let work = workspace::target().join("fuzz");
    let built = workspace::cargo()
        .args(["build", "--release", "--target", TARGET_TRIPLE, "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&work)
        .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\u{1f}"))
        .status()
        .context("cargo build")?;
    if !built.success() {
        return Err(Failure::new("the build failed"));
    }
    let program = work.join(TARGET_TRIPLE).join("release/devhost-fuzz");
    for target in targets {
        let (kept, found) = (corpora.join(target), work.join("found").join(target));
        fs::create_dir_all(&found).context(found.display())?;
        println!("\n== {target}");
        let mut fuzzer = Command::new(&program);
        fuzzer.env("FUZZ_TARGET", target).current_dir(&work).args([
            format!("-rss_limit_mb={MEMORY_MB_MAX}"),
            format!("-timeout={INPUT_SECONDS_MAX}"),
        ]);
        if options.minimize {
            minimize(fuzzer, &kept, &found)?;
            continue;
        }
        // New inputs go to the first folder; the committed ones are read only.
        let status = fuzzer
            .args([
                format!("-max_total_time={}", options.seconds),
                "-max_len=4096".to_owned(),
                "-print_final_stats=1".to_owned(),
                format!("-artifact_prefix={target}-"),
            ])
            .args([&found, &kept])
            .status()
            .context(program.display())?;
        if !status.success() {
            return Err(Failure(format!(
                "{target}: an input was not survived; it is in {}",
                work.display()
            )));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The targets: each has a corpus.
fn known(corpora: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for folder in fs::read_dir(corpora).context(corpora.display())? {
        names.push(folder?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Replaces the committed corpus by the fewest inputs that reach what it and what was found reach.
fn minimize(mut fuzzer: Command, kept: &Path, found: &Path) -> Result<()> {
    let fewest = found.with_extension("fewest");
    if fewest.exists() {
        fs::remove_dir_all(&fewest).context(fewest.display())?;
    }
    fs::create_dir_all(&fewest).context(fewest.display())?;
    let status = fuzzer.arg("-merge=1").args([&fewest.as_path(), &kept, &found]).status();
    if !status.context("libFuzzer")?.success() {
        return Err(Failure(format!("{} was not made smaller", kept.display())));
    }
    fs::remove_dir_all(kept).context(kept.display())?;
    fs::create_dir_all(kept).context(kept.display())?;
    for input in fs::read_dir(&fewest).context(fewest.display())? {
        let input = input?;
        fs::copy(input.path(), kept.join(input.file_name())).context(kept.display())?;
    }
    Ok(())
}
