//! `inventory dora`

use crate::{
    ALL_WELL, NEEDS_ATTENTION,
    args::Dora,
    dora::{self, Record, Report},
    failure::Failure,
    output::Output,
};
use inventory_app::clock;

/// Whose deployments count, where nobody says.
const ENVIRONMENT: &str = "production";

pub(crate) fn run(command: &Dora, environment: Option<&str>, output: Output) -> Result<u8, Failure> {
    let environment = environment.unwrap_or(ENVIRONMENT).to_owned();
    let (log, record) = match command {
        Dora::Report { log, span } => {
            let report = Report::of(dora::read(log)?, &environment, span.period()?);
            output.result(&report, || report.text())?;
            let is_whole = report.bad_lines.is_empty() && report.unrestored == 0;
            return Ok(if is_whole { ALL_WELL } else { NEEDS_ATTENTION });
        }
        Dora::Record(deployment) => {
            let record = Record::Deployment {
                time: deployment.time.unwrap_or_else(clock),
                environment,
                version: deployment.release.clone(),
                commit: deployment.commit.clone(),
                committed_at: deployment.committed_at,
                outcome: deployment.outcome,
            };
            (&deployment.log, record)
        }
        Dora::Incident(incident) => {
            let record = Record::Incident {
                time: incident.started_at,
                environment,
                version: incident.release.clone(),
                restored_at: incident.restored_at,
            };
            (&incident.log, record)
        }
    };
    dora::append(log, &record)?;
    output.result(&record, || format!("recorded in {}", log.display()))?;
    Ok(ALL_WELL)
}
