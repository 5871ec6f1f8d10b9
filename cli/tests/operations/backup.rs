//! Backups on both engines: made before a migration, verified, restored, and a disaster rehearsed.

use crate::support::inventory;
use inventory_tests::{
    postgres::{self, Cluster, TestDatabase},
    running::Directory,
};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

fn sqlite(directory: &Directory, name: &str) -> String {
    format!("sqlite:{}", directory.path().join(name).display())
}

/// A migrated database with two products in stock.
fn fill(url: &str, directory: &Directory) {
    let file = directory.path().join("catalogue.csv");
    let text = "sku,name,unit_price_minor,currency,on_hand\nA-1,Tea,250,EUR,40\nA-2,Coffee,900,EUR,7\n";
    fs::write(&file, text).unwrap();
    inventory(url, &["migrate"]).expect(0);
    inventory(url, &["import", &file.display().to_string()]).expect(0);
}

fn backups(directory: &Directory) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.path().join("backups")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Both databases are empty.
fn goes_and_comes_back(source: &str, target: &str, directory: &Directory) {
    let backups_path = format!("{}/", directory.path().join("backups").display());
    let fresh = inventory(source, &["--json", "migrate", "--backup", &backups_path]).expect(0);
    assert_eq!(
        fresh.json()["backup"],
        Value::Null,
        "a new database has nothing to lose"
    );
    fill(source, directory);
    let migrated = inventory(
        source,
        &["--json", "migrate", "--env", "production", "--backup", &backups_path],
    )
    .expect(0);
    let made = backups(directory);
    let [file] = &made[..] else {
        panic!("one backup and nothing else: {made:?}")
    };
    assert!(
        file.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("inventory-production-")
    );
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let file = file.to_str().unwrap();
    assert_eq!(
        migrated.json()["restore"],
        format!("inventory restore --overwrite {file}")
    );

    let verified = inventory(source, &["--json", "backup", "verify", file])
        .expect(0)
        .json();
    assert_eq!(
        (&verified["rows"]["products"], &verified["drift"]),
        (&2.into(), &0.into())
    );

    let restored = inventory(target, &["--json", "restore", file]).expect(0).json();
    assert_eq!(restored["rows"], verified["rows"]);
    // What holds something is not overwritten by mistake, and what came later is gone when it is.
    inventory(target, &["clients", "add", "later", "--role", "clerk"]).expect(0);
    let refused = inventory(target, &["restore", file]).expect(1);
    assert!(refused.stderr.contains("--overwrite"), "{}", refused.stderr);
    assert!(
        inventory(target, &["clients", "list"])
            .expect(0)
            .stdout
            .contains("later")
    );
    inventory(target, &["restore", "--overwrite", file]).expect(0);
    assert!(
        !inventory(target, &["clients", "list"])
            .expect(0)
            .stdout
            .contains("later")
    );
    inventory(target, &["reconcile"]).expect(0);
    // It is a whole database: it can be worked with.
    fill(target, directory);
}

#[test]
fn a_backup_goes_and_comes_back_on_sqlite() {
    let directory = Directory::new();
    goes_and_comes_back(&sqlite(&directory, "a.db"), &sqlite(&directory, "b.db"), &directory);
}

#[test]
fn a_backup_goes_and_comes_back_on_postgres() {
    let (source, target) = (postgres::database(), postgres::database());
    goes_and_comes_back(&source.url, &target.url, &Directory::new());
}

#[test]
fn a_broken_backup_is_found_and_changes_nothing() {
    let directory = Directory::new();
    let (_cluster, database) = server();
    for url in [sqlite(&directory, "a.db"), database.url.clone()] {
        fill(&url, &directory);
        let file = directory.path().join("backup");
        let path = file.to_str().unwrap();
        inventory(&url, &["backup", "create", path]).expect(0);
        inventory(&url, &["backup", "create", path]).expect(2);
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() * 2 / 3]).unwrap();
        inventory(&url, &["backup", "verify", path]).expect(2);
        inventory(&url, &["restore", "--overwrite", path]).expect(2);
        fs::write(&file, "no backup").unwrap();
        inventory(&url, &["restore", "--overwrite", path]).expect(2);
        let kept = inventory(&url, &["--json", "reconcile"]).expect(0).json();
        assert_eq!(kept["checked"], 2);
        fs::remove_file(&file).unwrap();
    }
    assert_eq!(other_databases(&database), "0");
}

#[test]
fn a_backup_that_cannot_be_made_keeps_the_migration_from_being_done() {
    let directory = Directory::new();
    let url = sqlite(&directory, "a.db");
    fill(&url, &directory);
    fs::write(directory.path().join("file"), "").unwrap();
    // A directory inside of a file.
    let path = directory.path().join("file/backup.db");
    let done = inventory(&url, &["--json", "migrate", "--backup", path.to_str().unwrap()]).expect(2);
    assert!(done.stdout.is_empty(), "{}", done.stdout);
}

#[test]
fn drift_in_a_backup_is_told() {
    let directory = Directory::new();
    let (_cluster, database) = server();
    fill(&database.url, &directory);
    database.psql("UPDATE stock_items SET on_hand = on_hand + 1").unwrap();
    let file = directory.path().join("backup.dump");
    inventory(&database.url, &["backup", "create", file.to_str().unwrap()]).expect(0);
    let found = inventory(&database.url, &["--json", "backup", "verify", file.to_str().unwrap()])
        .expect(1)
        .json();
    assert_eq!(found["drift"], 2);
    assert_eq!(other_databases(&database), "0");
}

/// A server of this test's own, so that every database on it is, too.
fn server() -> (Cluster, TestDatabase) {
    let cluster = Cluster::start().unwrap();
    let database = TestDatabase::create(&cluster.url("postgres")).unwrap();
    (cluster, database)
}

/// Databases on the server but for the test's own.
fn other_databases(database: &TestDatabase) -> String {
    let others = "SELECT COUNT(*) FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1', current_database())";
    database.psql(others).unwrap()
}

fn rehearses(url: &str, directory: &Directory) {
    fill(url, directory);
    let report = inventory(url, &["--json", "drill"]).expect(0).json();
    assert_eq!(report["ok"], true);
    assert_eq!(report["change_before_backup_is_kept"], true);
    assert_eq!(report["change_after_backup_is_lost"], true);
    assert_eq!(report["rows"], report["rows_before"]);
    // The copy has one product more than the database: the change before the backup.
    assert_eq!((&report["rows"]["products"], &report["drift"]), (&3.into(), &0.into()));
    for measured in ["recovery_point_seconds", "recovery_time_seconds"] {
        assert!(report[measured].as_f64().unwrap() > 0.0, "{report}");
    }
    let text = inventory(url, &["drill", "--rto-max-seconds", "0"]).expect(1).stdout;
    assert!(
        text.contains("RPO ") && text.contains("RTO ") && text.contains("NOT"),
        "{text}"
    );
    // Nothing of it is in the database itself.
    let kept = inventory(url, &["--json", "reconcile"]).expect(0).json();
    assert_eq!(kept["checked"], 2);
}

#[test]
fn a_disaster_is_rehearsed_on_postgres() {
    let (_cluster, database) = server();
    rehearses(&database.url, &Directory::new());
    assert_eq!(other_databases(&database), "0");
}

#[test]
fn a_disaster_is_rehearsed_on_sqlite() {
    let directory = Directory::new();
    rehearses(&sqlite(&directory, "a.db"), &directory);
}
