//! The handler: the process that runs the functions, from its start to its end.

mod call;
mod command;
mod connections;
pub(crate) mod debugger;
mod errors;
mod launcher;
mod listening;
mod output;
mod probe;
mod process;
mod state;
mod supervisor;

pub use call::{CallError, Called, settle_doubt};
pub use command::{HandlerCommand, emulator_with_port};
pub use connections::{Connections, HandlerBody, SendError};
pub use launcher::{LAUNCH_COMMAND, Launcher, launch};
pub use state::{Handler, HandlerState, Live, NotReady};
pub use supervisor::{SupervisorOptions, supervise};
