//! What every function needs of HTTP: reading requests, writing answers and problems, and the edge around them.

pub(crate) mod activity;
mod address;
mod answer;
mod body;
mod context;
mod csv;
pub(crate) mod cursor;
pub(crate) mod document;
mod edge;
pub(crate) mod envelope;
mod idempotency;
mod identity;
mod input;
mod limit;
pub(crate) mod negotiate;
pub(crate) mod oauth;
mod preconditions;
pub(crate) mod problem;
pub(crate) mod query;
mod request_id;
pub(crate) mod secret;
mod upload;
mod viewer;
pub(crate) mod write;

pub(crate) use answer::{Answer, Stop, etag, json, listed};
pub(crate) use context::{Context, Shared};
pub(crate) use edge::{edge, missing, normalise, wrong_method};
pub(crate) use input::{Id, Input, Nothing};
pub(crate) use inventory_app::Identity;
pub(crate) use preconditions::Known;
pub(crate) use problem::Problem;
pub(crate) use query::{Listing, Query};
pub(crate) use request_id::RequestId;
pub(crate) use upload::Upload;
pub(crate) use viewer::Viewer;
pub(crate) use write::Write;
