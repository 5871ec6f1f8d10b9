//! docs/operations.md says what the program says.

use crate::support::inventory_with;
use std::{fs, path::Path};

/// Everything after it is made by the program.
const MARK: &str = "<!-- From here on: `inventory document` -->\n";

#[test]
fn the_usage_in_the_documentation_is_the_programs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = fs::read_to_string(path).unwrap();
    let (written, usage) = page.split_once(MARK).unwrap();
    let said = inventory_with(&[], &["document"]).expect(0).stdout;
    assert!(
        usage == said,
        "docs/operations.md is old: write what follows the mark with `inventory document`"
    );
    for command in [
        "verify",
        "drill",
        "rollback-check",
        "baseline compare",
        "logs analyze",
        "kpis",
        "dora record",
    ] {
        assert!(said.contains(&format!("\n## `inventory {command}`\n")), "{command}");
    }
    assert!(
        written.contains("\"kind\":\"deployment\""),
        "the log of deployments is described"
    );
}
