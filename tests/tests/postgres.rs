//! The throw-away PostgreSQL keeps its promises.
#![allow(clippy::unwrap_used)]

use inventory_tests::postgres::{Cluster, Durability, database, psql};

#[test]
fn a_database_is_fresh_and_goes_with_its_owner() {
    let first = database();
    first
        .psql("CREATE TABLE seen (id int); INSERT INTO seen VALUES (7)")
        .unwrap();
    assert_eq!(first.psql("SELECT id, id FROM seen").unwrap(), "7|7");
    let second = database();
    assert!(second.psql("SELECT id FROM seen").is_err());
    let url = first.url.clone();
    drop(first);
    assert!(psql(&url, "SELECT 1").is_err());
}

#[test]
fn a_killed_cluster_starts_again_with_its_data() {
    let mut cluster = Cluster::start_with(Durability::Full).unwrap();
    let url = cluster.url("postgres");
    assert_eq!(psql(&url, "SHOW fsync").unwrap(), "on");
    psql(&url, "CREATE TABLE kept AS SELECT 1").unwrap();
    cluster.kill().unwrap();
    assert!(psql(&url, "SELECT 1").is_err());
    cluster.start_again().unwrap();
    assert_eq!(psql(&url, "SELECT count(*) FROM kept").unwrap(), "1");
    drop(cluster);
    assert!(psql(&url, "SELECT 1").is_err());
}
