//! What the programs are delivered with: documents, pipelines and their scripts.
#![allow(clippy::unwrap_used, missing_docs)]

mod commands;
mod documents;
mod pipelines;
mod scripts;
mod shell;
mod yaml;
