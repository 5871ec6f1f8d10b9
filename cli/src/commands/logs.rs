//! `inventory logs`

use crate::{
    ALL_WELL, NEEDS_ATTENTION,
    args::Logs,
    failure::Failure,
    logs::{Analysis, Lines},
    output::Output,
    progress,
};
use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

/// Read at once.
const BUFFER_BYTES: usize = 1 << 20;

pub(crate) fn run(command: &Logs, output: Output) -> Result<u8, Failure> {
    let Logs::Analyze { files, trend_seconds } = command;
    let spinner = progress::spinner("reading");
    let mut analysis = Analysis::new(*trend_seconds);
    for file in files {
        read(file, &mut analysis).map_err(|error| Failure::Input(format!("{}: {error}", file.display())))?;
    }
    spinner.finish_and_clear();
    let report = analysis.report();
    output.result(&report, || report.text())?;
    Ok(if report.errors == 0 { ALL_WELL } else { NEEDS_ATTENTION })
}

fn read(file: &Path, analysis: &mut Analysis) -> io::Result<()> {
    if file == Path::new("-") {
        return read_all(io::stdin().lock(), analysis);
    }
    read_all(BufReader::with_capacity(BUFFER_BYTES, File::open(file)?), analysis)
}

fn read_all(input: impl BufRead, analysis: &mut Analysis) -> io::Result<()> {
    let mut lines = Lines::new(input);
    while let Some(line) = lines.next()? {
        analysis.add(&line);
    }
    Ok(())
}
