//! Service Bus on your desk: durable entities (see [`Broker`]), the AMQP 1.0 door that Service Bus SDKs send through (see
//! [`serve_amqp`]), and the HTTP door for what cannot use AMQP (see [`serve_rest`]).
//!
//! | file | what it is |
//! |---|---|
//! | `broker`, `receiving` | the API: send, receive under a lock, settle |
//! | `engine` | the one thread that owns all state, and its rounds of group commit |
//! | `queue` | one queue in memory: what is ready, locked, put aside, about to expire, and in which sessions |
//! | `storage` | the SQLite file |
//! | `rules` | which messages a subscription takes |
//! | `entities`, `iso8601` | the configuration file |
//! | `path` | the names of entities |
//! | `access` | who may send |

mod access;
mod amqp;
mod broker;
mod directory;
mod engine;
mod entities;
mod error;
mod iso8601;
mod message;
mod options;
mod path;
mod queue;
mod receiving;
mod rest;
mod rules;
mod storage;

pub use access::Access;
pub(crate) use amqp::serve_halves;
pub use amqp::{AmqpOptions, Throttle, serve_amqp};
pub use broker::Broker;
pub use entities::Entities;
pub use error::BrokerError;
pub use message::{BrokerMessage, Delivery, MessageState, Peeked, PeekedMessage, SessionLock};
pub use options::{EntityCounts, QueueOptions};
pub use rest::serve_rest;
pub use rules::{CorrelationFilter, Filter, Rule};
