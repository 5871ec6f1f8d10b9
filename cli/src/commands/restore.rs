//! `inventory restore`

use crate::{ALL_WELL, NEEDS_ATTENTION, backup::Place, database, failure::Failure, output::Output, progress};
use inventory_app::{
    App,
    census::{self, Census},
    stock,
};
use serde::Serialize;
use std::path::Path;

pub(crate) async fn run(url: Option<&str>, file: &Path, overwrite: bool, output: Output) -> Result<u8, Failure> {
    let app = database::open_new(url).await?;
    let spinner = progress::spinner("restoring");
    let restored = async {
        Place::of(&app)?.restore(file, overwrite).await?;
        Restored::look(&app).await
    };
    let restored = restored.await;
    spinner.finish_and_clear();
    app.shutdown().await;
    let restored = restored?;
    output.result(&restored, || format!("restored: {}", restored.text()))?;
    Ok(restored.code())
}

/// What is in a database after a restore.
#[derive(Debug, Serialize)]
pub(crate) struct Restored {
    /// Rows.
    pub(crate) rows: Census,
    /// Stock items that do not agree with the ledger.
    pub(crate) drift: usize,
    /// Whether its schema is this program's; else `inventory migrate` comes next.
    pub(crate) is_migrated: bool,
}

impl Restored {
    pub(crate) async fn look(app: &App) -> Result<Self, Failure> {
        let is_migrated = app.store().is_migrated().await.map_err(inventory_app::Error::from)?;
        let report = stock::reconcile(app, &database::caller(), false).await?;
        Ok(Self {
            rows: census::take(app).await?,
            drift: report.drift.len(),
            is_migrated,
        })
    }

    pub(crate) const fn code(&self) -> u8 {
        if self.drift == 0 { ALL_WELL } else { NEEDS_ATTENTION }
    }

    pub(crate) fn text(&self) -> String {
        let Census {
            products,
            stock_items,
            orders,
            movements,
            ..
        } = self.rows;
        let drift = match self.drift {
            0 => "all stock items agree with the ledger".to_owned(),
            drift => format!("{drift} stock items do not agree with the ledger"),
        };
        let older = if self.is_migrated {
            ""
        } else {
            "\nits schema is older than this program: run `inventory migrate`"
        };
        format!(
            "{products} products, {stock_items} stock items, {orders} orders, {movements} movements; {drift}{older}"
        )
    }
}
