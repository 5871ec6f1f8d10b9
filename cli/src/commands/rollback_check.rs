//! `inventory rollback-check`: whether the previous release could take over again, at once and without touching the database.

use crate::{
    ALL_WELL, NEEDS_ATTENTION,
    args::RollbackCheck,
    database,
    failure::Failure,
    output::Output,
    package::{self, HANDLER},
};
use inventory_app::migrations::{self, Known, State};
use serde::Serialize;
use std::fmt::Write as _;

/// A migration, as it stands.
#[derive(Debug, Serialize)]
struct Migration {
    version: i64,
    description: String,
    state: State,
    /// Whether the previous release knows it; absent where nobody said which that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_in_previous: Option<bool>,
    /// Statements that an older program may not live with.
    contractions: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Report {
    /// Whether the previous release can be brought back.
    ok: bool,
    migrations: Vec<Migration>,
    /// Why it cannot.
    problems: Vec<String>,
}

pub(crate) async fn run(url: Option<&str>, arguments: &RollbackCheck, output: Output) -> Result<u8, Failure> {
    let app = database::open_older(url).await?;
    let known = migrations::known(&app);
    let applied = migrations::applied(&app).await;
    app.shutdown().await;
    let applied = applied?;
    // What a program knows is in it, byte for byte.
    let previous = match &arguments.package {
        Some(package) => Some(package::read(package, HANDLER)?),
        None => None,
    };
    let is_in_previous = |migration: &Known| match (&previous, arguments.previous_migration) {
        (Some(program), _) => Some(memchr::memmem::find(program, &migration.checksum).is_some()),
        (None, Some(last)) => Some(migration.version <= last),
        (None, None) => None,
    };
    let mut migrations: Vec<Migration> = known
        .iter()
        .map(|migration| Migration {
            version: migration.version,
            description: migration.description.clone(),
            state: migration.state(&applied),
            is_in_previous: is_in_previous(migration),
            contractions: migration.contractions.clone(),
        })
        .collect();
    for foreign in applied
        .iter()
        .filter(|one| !known.iter().any(|known| known.version == one.version))
    {
        migrations.push(Migration {
            version: foreign.version,
            description: foreign.description.clone(),
            state: if foreign.success { State::Unknown } else { State::Failed },
            is_in_previous: None,
            contractions: Vec::new(),
        });
    }
    let problems: Vec<String> = migrations.iter().flat_map(Migration::problems).collect();
    let mut report = Report {
        ok: problems.is_empty(),
        migrations,
        problems,
    };
    if previous.is_some()
        && !report
            .migrations
            .iter()
            .any(|migration| migration.is_in_previous == Some(true))
    {
        report.ok = false;
        report
            .problems
            .push("the package's program knows none of the migrations: it is not one of ours".to_owned());
    }
    output.result(&report, || report.text())?;
    Ok(if report.ok { ALL_WELL } else { NEEDS_ATTENTION })
}

impl Migration {
    fn problems(&self) -> Vec<String> {
        let Self {
            version, description, ..
        } = self;
        let name = format!("migration {version} ({description})");
        let mut problems = match self.state {
            State::Applied | State::Pending => Vec::new(),
            State::Changed => vec![format!("{name} is applied with another text than this program's")],
            State::Failed => vec![format!("{name} was begun and not finished")],
            State::Unknown => vec![format!("{name} is of a newer program, which is the one to ask")],
        };
        if matches!(self.state, State::Applied | State::Pending) && self.is_in_previous == Some(false) {
            let contracts =
                |statement: &String| format!("{name} is unknown to the previous release and contracts: {statement}");
            problems.extend(self.contractions.iter().map(contracts));
        }
        problems
    }
}

impl Report {
    fn text(&self) -> String {
        let mut text = String::new();
        for migration in &self.migrations {
            let previous = match migration.is_in_previous {
                Some(true) => "in the previous release",
                Some(false) if migration.contractions.is_empty() => "new, expands",
                Some(false) => "new, CONTRACTS",
                None => "",
            };
            let Migration {
                version,
                description,
                state,
                ..
            } = migration;
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{version:>5}  {description:<24} {:<10} {previous}",
                format!("{state:?}").to_lowercase()
            );
        }
        for problem in &self.problems {
            let _ = writeln!(text, "{problem}");
        }
        text.push_str(if self.ok {
            "the previous release can live with this schema"
        } else {
            "do NOT bring the previous release back without a plan for the schema"
        });
        text
    }
}
