//! Function and host keys: who may call what, where the host is told to ask for keys.

mod caller;
mod store;

pub use caller::Caller;
pub use store::{KeyScope, Keys};
