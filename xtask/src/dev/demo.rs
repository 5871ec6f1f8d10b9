//! The demo catalogue: something to look at on the first day.

use crate::failure::{Context as _, Failure, Result};
use crate::http;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// Loads `demo/products.csv` where there are no products yet; says whether it did.
pub(super) async fn load(port: u16, inventory: &Path, root: &Path, database_url: &str) -> Result<bool> {
    let answer = http::request(port, "GET", "/api/v1/products?limit=1", None).await?;
    if answer.status != 200 {
        return Err(Failure(format!(
            "GET /api/v1/products answers {}: {}",
            answer.status, answer.body
        )));
    }
    if !answer
        .json()
        .is_some_and(|products| products.as_array().is_some_and(Vec::is_empty))
    {
        return Ok(false);
    }
    let output = Command::new(inventory)
        .current_dir(root)
        .env("DATABASE_URL", database_url)
        .args(["import", "demo/products.csv"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context(inventory.display())?;
    if output.status.success() {
        Ok(true)
    } else {
        let said = [output.stdout, output.stderr].concat();
        Err(Failure(String::from_utf8_lossy(&said).trim().to_owned()))
    }
}
