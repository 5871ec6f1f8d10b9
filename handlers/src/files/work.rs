//! `files_work`

use crate::http::{
    Answer,
    envelope::{Tick, done},
};
use inventory_app::files;

/// Does the exports and imports that nothing has begun or whose program has died, and deletes old files: a safety net.
pub(crate) async fn handle(tick: Tick) -> Answer {
    let report = Box::pin(files::work(&tick.app)).await?;
    done("files", &report)
}
