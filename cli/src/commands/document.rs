//! `inventory document`: the usage of every command, for docs/operations.md.

use crate::{ALL_WELL, args::Arguments, failure::Failure, output::Output};
use clap::CommandFactory as _;
use serde_json::json;
use std::fmt::Write as _;

pub(crate) fn run(output: Output) -> Result<u8, Failure> {
    let text = document();
    output.result(&json!({ "markdown": text }), || text.clone())?;
    Ok(ALL_WELL)
}

fn document() -> String {
    let mut program = Arguments::command();
    program.build();
    let mut text = String::new();
    section(&program, &mut text);
    text
}

fn section(command: &clap::Command, text: &mut String) {
    let is_shown = |command: &&clap::Command| !command.is_hide_set() && command.get_name() != "help";
    // What every command takes is told once, by the program itself.
    let is_top = command.get_name() == "inventory";
    let name = command.get_bin_name().unwrap_or("inventory").to_owned();
    let own = command.clone().mut_args(|argument| {
        let is_shared = argument.is_global_set() && !is_top;
        argument.hide(is_shared)
    });
    let usage = own.clone().render_long_help().to_string();
    let lines: Vec<&str> = usage.lines().map(str::trim_end).collect();
    // Writing to a string does not fail.
    let _ = write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for sub in command.get_subcommands().filter(is_shown) {
        section(sub, text);
    }
}
