//! Reads our logs: one pass, in bounded memory however long they are.

mod analysis;
mod lines;
mod trend;

pub(crate) use analysis::Analysis;
pub(crate) use lines::Lines;
