//! `imports_create`

use crate::{
    examples,
    http::{Answer, Context, Upload, Write, document::Document, problem, write},
};
use axum::extract::State;
use inventory_app::imports;

pub(crate) async fn handle(State(context): State<Context>, write: Write<Upload>) -> Answer {
    let app = context.app();
    let (write, upload) = write.take();
    let stored = imports::keep(app, upload.spool, &upload.head).await?;
    let mut work = match write.begin().await {
        Ok((work, ())) => work,
        Err(stop) => {
            imports::discard(app, stored).await;
            return Err(stop);
        }
    };
    let import = imports::create(&mut work, stored).await?;
    let location = format!("/api/v1/imports/{}", import.id);
    let answer = write::accepted(work, location, import.version, &import).await?;
    imports::wake(app);
    Ok(answer)
}

pub(crate) fn document() -> Document {
    Document::new(
        "Takes a CSV file (UTF-8, with a header) of products and their stock, at most `IMPORT_BYTES_MAX` bytes (10 MiB where nobody says \
         otherwise). Needed columns: `sku`, `name`, `unit_price_minor`, `currency`, `on_hand`; used where present: `category`, \
         `barcode`, `reorder_point`, `reorder_quantity`, `discontinued` (`t` or `f`); others are ignored. It is read in the background: \
         watch `Location`. Products are created or changed by their SKU and their stock at `MAIN` becomes `on_hand`; a bad line is \
         reported with its number and keeps no other line from being imported; the same file once more changes nothing.",
    )
    .csv_body("sku,name,unit_price_minor,currency,on_hand\nTEA-GREEN-100,\"Green tea, 100 bags\",1250,USD,100\n")
    .versioned(202, "Taken.", &examples::queued_import())
    .problems(&[problem::NOT_CONFIGURED])
}
