//! Whether the handler's program can be executed here.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::App;

const PLACE: &str = "host.json: customHandler.description.defaultExecutablePath";
/// Machines of ELF files by their numbers, with the names that Rust has for them.
const MACHINES: [(u16, &str); 8] = [
    (3, "x86"),
    (8, "mips"),
    (21, "powerpc64"),
    (22, "s390x"),
    (40, "arm"),
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv64"),
];

pub(super) fn findings(app: &App) -> Vec<Finding> {
    let handler = &app.host.handler;
    let mut findings = Vec::new();
    if !handler.working_directory.is_dir() {
        findings.push(Finding::error(
            "host.json: customHandler.description.workingDirectory",
            format!(
                "{} is not a folder; make it, or correct the path",
                handler.working_directory.display()
            ),
        ));
    }
    let path = app.settings.get("PATH").unwrap_or_default();
    match find(&handler.executable, path) {
        Some(program) => findings.extend(look(&program, path).map(|message| Finding::error(PLACE, message))),
        None => findings.push(Finding::error(
            PLACE,
            format!(
                "there is no '{}' in the app's folder {} (nor on PATH); build the handler, or correct the name",
                handler.executable.display(),
                app.root.display()
            ),
        )),
    }
    findings
}

/// The file that would be executed.
fn find(executable: &Path, path: &str) -> Option<PathBuf> {
    if executable.is_absolute() || executable.components().count() > 1 {
        return executable.exists().then(|| executable.to_path_buf());
    }
    std::env::split_paths(path)
        .map(|folder| folder.join(executable))
        .find(|candidate| candidate.is_file())
        .or_else(|| executable.is_file().then(|| executable.to_path_buf()))
}

/// What is wrong with it.
fn look(program: &Path, path: &str) -> Option<String> {
    let shown = program.display();
    let metadata = match program.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return Some(format!("{shown} cannot be read: {error}")),
    };
    if metadata.is_dir() {
        return Some(format!("{shown} is a folder; name the program in it"));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 == 0 {
        return Some(format!("{shown} is not executable; run chmod +x on it"));
    }
    let mut head = Vec::new();
    let read = File::open(program).and_then(|file| file.take(256).read_to_end(&mut head));
    match read {
        // A program that may be executed and not read is no mistake.
        Err(_) => None,
        Ok(0) => Some(format!("{shown} is empty; build the handler anew")),
        Ok(_) => judge(&head, path).map(|reason| format!("{shown} {reason}")),
    }
}

/// What the first bytes of a program tell.
fn judge(head: &[u8], path: &str) -> Option<String> {
    let here = format!("this machine is {} {}", std::env::consts::ARCH, std::env::consts::OS);
    let system = match head {
        [0x7f, b'E', b'L', b'F', ..] if cfg!(target_os = "linux") => {
            let machine = machine(head)?;
            let fits = machine == std::env::consts::ARCH;
            return (!fits).then(|| format!("is a program for {machine}, and {here}; build it for this one"));
        }
        [0x7f, b'E', b'L', b'F', ..] => "Linux",
        [b'M', b'Z', ..] if !cfg!(windows) => "Windows",
        [0xcf, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] if !cfg!(target_os = "macos") => "macOS",
        [b'#', b'!', rest @ ..] => return script(rest, path),
        [b'M', b'Z', ..] | [0xcf, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => return None,
        _ => {
            return Some(
                "is neither a program nor a script that begins with #! and its interpreter; correct the name"
                    .to_owned(),
            );
        }
    };
    Some(format!("is a program for {system}, and {here}; build it for this one"))
}

/// The machine that an ELF file is for.
fn machine(head: &[u8]) -> Option<String> {
    let bytes: [u8; 2] = head.get(18..20)?.try_into().ok()?;
    let number = match head.get(5)? {
        2 => u16::from_be_bytes(bytes),
        _ => u16::from_le_bytes(bytes),
    };
    let known = MACHINES.iter().find(|(known, _)| *known == number);
    Some(known.map_or_else(|| format!("machine {number}"), |(_, name)| (*name).to_owned()))
}

/// Whether the interpreter that a script names is there.
fn script(rest: &[u8], path: &str) -> Option<String> {
    let line = String::from_utf8_lossy(rest);
    let mut words = line.lines().next().unwrap_or_default().split_whitespace();
    let interpreter = words.next().unwrap_or_default();
    let by_env = Path::new(interpreter).file_name().is_some_and(|name| name == "env");
    let missing = if !Path::new(interpreter).is_file() {
        interpreter
    } else if by_env {
        // Options and variables of `env` come before the program.
        let program = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
        if find(Path::new(program), path).is_some() {
            return None;
        }
        program
    } else {
        return None;
    };
    Some(format!(
        "is a script for '{missing}', which is not there; install that, or correct the first line"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u16) -> Vec<u8> {
        let mut head = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
        head.resize(18, 0);
        head.extend(machine.to_le_bytes());
        head
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn first_bytes_tell_what_a_program_is_for() {
        let path = std::env::var("PATH").unwrap();
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(judge(&own[..256], &path), None);
        assert_eq!(judge(b"#!/bin/sh\n", &path), None);
        assert_eq!(judge(b"#!/usr/bin/env -S sh\n", &path), None);
        let other = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
        for (head, words) in [
            (elf(other), "build it for this one"),
            (elf(9_999), "machine 9999"),
            (b"MZ\x90\0".to_vec(), "for Windows"),
            (b"\xcf\xfa\xed\xfe".to_vec(), "for macOS"),
            (
                b"#!/no/such/interpreter".to_vec(),
                "'/no/such/interpreter', which is not there",
            ),
            (
                b"#!/usr/bin/env no-such-program".to_vec(),
                "'no-such-program', which is not there",
            ),
            (b"hello".to_vec(), "neither a program nor a script"),
            (b"#!".to_vec(), "which is not there"),
        ] {
            let said = judge(&head, &path).unwrap();
            assert!(said.contains(words), "{said}");
        }
    }
}
