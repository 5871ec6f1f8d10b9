//! `outbox_relay`

use crate::http::{
    Answer,
    envelope::{Tick, done},
};
use inventory_app::outbox;

/// Sends the events that nothing has nudged out, and forgets those that are old: a safety net.
pub(crate) async fn handle(tick: Tick) -> Answer {
    // Boxed: two destinations at once make a future too large for the stack of every request.
    let report = Box::pin(outbox::relay(&tick.app)).await?;
    done("relay", &report)
}
