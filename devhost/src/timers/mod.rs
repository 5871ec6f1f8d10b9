//! Functions that the clock calls.

mod board;
mod call;
mod cron;
mod runner;
mod schedule;
mod status;
mod zone;

pub use board::{TimerBoard, TimerEntry};
pub use call::timer_call;
pub use cron::Cron;
pub use runner::{TimerRunner, run};
pub use schedule::Schedule;
pub use status::{ScheduleStatus, StatusStore};
pub use zone::Zone;
