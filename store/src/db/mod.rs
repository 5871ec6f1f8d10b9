//! The two engines behind one face: pools, statements, rows, transactions and errors.

mod access;
mod arg;
mod error;
mod group;
mod observe;
mod pool;
mod row;
mod sql;
mod tx;
mod write;

pub use access::{AccessError, Authentication};
pub(crate) use arg::Arg;
pub use error::{Logged, StoreError};
pub(crate) use group::{ById, Group, all_failed};
pub use observe::Observer;
pub(crate) use pool::Run;
pub use pool::{Engine, Options, PoolStatus, Store, clock};
pub(crate) use row::{FromRow, Reader};
pub(crate) use sql::Sql;
pub use tx::{Caller, Tx};
pub(crate) use tx::{MovementRow, RECORDS, destination};
pub(crate) use write::{Write, WriteSet, json};
