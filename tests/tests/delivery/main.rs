//! What the programs are delivered with: documents, pipelines and their scripts.
#![allow(clippy::unwrap_used, missing_docs)]

mod commands;
mod containers;
mod documents;
mod kubernetes;
mod package;
mod pipelines;
mod scripts;
mod shell;
mod tools;
mod yaml;
