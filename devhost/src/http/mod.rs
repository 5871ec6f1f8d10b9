//! The HTTP side of the host: routes, raw and enveloped requests, and the answers to both.

mod body;
mod constraint;
mod cors;
mod datetime;
mod dispatch;
mod envelope;
mod forward;
mod headers;
mod held;
mod home;
mod overlap;
mod proxy;
mod query;
mod response;
mod router;
mod server;
mod template;
mod throttle;

pub use body::{HostBody, bytes_response, empty, json_response};
pub use cors::Cors;
pub use dispatch::{Site, dispatch};
pub use query::query_pairs;
pub(crate) use response::map as map_response;
pub use router::{Route, Router};
pub use server::{CurrentSite, serve};
pub use template::{Params, Template};
pub use throttle::Throttle;
