//! The Azure Functions host on your desk: runs a custom handler as the Functions host does, without the Functions host.
//!
//! | module | what it is |
//! |---|---|
//! | [`config`] | `host.json`, `local.settings.json`, `function.json` |
//! | [`handler`] | the handler's process and the connections to it |
//! | [`http`] | routes, raw and enveloped requests |
//! | [`invocation`] | envelopes and what comes back |
//! | [`check`] | what is wrong with an app, without starting it |
//! | [`keys`] | function and host keys |
//! | [`timers`], [`servicebus_trigger`] | what calls functions besides HTTP |
//! | [`servicebus`] | the broker and its AMQP door |
//! | [`admin`] | the host's own addresses |
//! | [`queues`] | those addresses from the command line |
//! | [`examples`] | calls that lie beside an app, ready to be sent |
//! | [`host`] | all of it together |
//! | [`fuzzing`] | what a fuzzer feeds |
//! | [`invoke`] | `devhost invoke` |
//! | [`new`] | an app to begin with |

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod admin;
pub mod check;
pub mod cli;
mod client;
pub mod config;
mod connection;
pub mod console;
pub mod examples;
pub mod fuzzing;
pub mod handler;
pub mod host;
pub mod http;
pub mod invocation;
pub mod invoke;
pub mod keys;
pub mod new;
mod output;
pub mod ports;
pub mod queues;
pub mod servicebus;
pub mod servicebus_trigger;
pub mod tap;
pub mod timers;
pub mod watch;

#[cfg(test)]
mod testing;
