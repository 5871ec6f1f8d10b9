//! Calls of functions through the envelope: `POST /<FunctionName>` with `Data` and `Metadata`, answered by `Outputs`,
//! `Logs` and `ReturnValue`.

mod base64_trap;
mod cosmos;
mod error;
mod history;
mod invoker;
mod metadata;
mod outputs;
mod redirect;
mod reply;
mod value;

pub(crate) use base64_trap::{OutputValue, interpret as interpret_output};
pub use cosmos::{CosmosFiles, CosmosTarget};
pub use error::InvokeError;
pub use history::{History, Record, Side};
pub use invoker::{Call, HOST_VERSION, Invoker, InvokerOptions};
pub use metadata::Metadata;
pub use outputs::Outputs;
pub(crate) use outputs::named_outputs;
pub use reply::Reply;
pub use value::BindingValue;
