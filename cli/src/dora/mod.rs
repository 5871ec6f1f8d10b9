//! The four metrics of DORA, from the log of deployments that the pipelines write.

mod metrics;
mod record;

pub(crate) use metrics::{Period, Report};
pub(crate) use record::{Log, Outcome, Record, append, read};
