//! The package that is deployed: as the host wants it, and running.

use inventory_tests::running::{Directory, Running, program, root};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// The package, unpacked as the host unpacks it.
fn unpacked(directory: &Directory) -> PathBuf {
    let output = Command::new(program("xtask"))
        .arg("package")
        .arg("--handler")
        .arg(program("inventory-handler"))
        .arg("--output")
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    // Refused would be a program that asks for a newer C library than the host's image has.
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(" MB)") && said.contains("runs "), "{said}");
    let folder = directory.path().join("unpacked");
    let file = fs::File::open(directory.path().join("inventory-functions.zip")).unwrap();
    zip::ZipArchive::new(file).unwrap().extract(&folder).unwrap();
    folder
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_package_is_what_the_host_wants_and_runs() {
    let directory = Directory::new();
    let folder = unpacked(&directory);
    let names = |path: &Path| -> BTreeSet<String> {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect()
    };
    // Functions are directly under the root, and nothing is there that the host does not ask for: no settings, above all.
    let mut wanted = names(&root().join("functions"));
    assert!(wanted.len() > 60);
    for name in &wanted {
        assert_eq!(
            names(&folder.join(name)),
            BTreeSet::from(["function.json".to_owned()]),
            "{name}"
        );
        let packed = folder.join(name).join("function.json");
        assert_eq!(mode(&packed), 0o644, "{name}");
        let source = root().join("functions").join(name).join("function.json");
        assert_eq!(fs::read(&packed).unwrap(), fs::read(source).unwrap(), "{name}");
    }
    wanted.extend(["host.json".to_owned(), "inventory-handler".to_owned()]);
    assert_eq!(names(&folder), wanted);
    assert_eq!(mode(&folder.join("inventory-handler")), 0o755);

    // The host finds the handler by host.json alone.
    let database = format!("sqlite:{}", directory.path().join("inventory.db").display());
    let running = Running::start_package(&folder, &database).await;
    let (status, product) = running
        .post(
            "/api/v1/products",
            &serde_json::json!({ "sku": "P-1", "name": "Packed", "unit_price_minor": 1, "currency": "EUR" }),
        )
        .await;
    assert_eq!(status, http::StatusCode::CREATED, "{product}");
    assert!(matches!(&product["id"], Value::Number(_)));
}
