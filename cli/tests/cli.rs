//! The built program, on both engines.
#![allow(clippy::unwrap_used)]

use inventory_tests::postgres;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const HEADER: &str = "sku,name,category,pack,unit_price_minor,currency,on_hand,on_order,reorder_point,discontinued\n";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, text: &str) -> String {
        let path = self.0.join("catalogue.csv");
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn sqlite(&self) -> String {
        format!("sqlite:{}", self.0.join("deep/inventory.db").display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn inventory(url: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inventory"))
        .env_remove("DATABASE_URL")
        .env("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1")
        .args(["--database-url", url])
        .args(arguments)
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn catalogue_lives(url: &str, folder: &Folder) {
    let file = folder.file(&format!(
        "{HEADER}A-1,Tea,Drinks,20 bags,250,EUR,40,5,10,f\nA-2,Bad,,,x,EUR,1,0,0,f\nA-3,Coffee,,,900,EURO,3,0,0,f\nA-4,Cocoa,,,700,EUR,2,0,5,t\n"
    ));
    assert_eq!(code(&inventory(url, &["migrate"])), 0);
    assert_eq!(code(&inventory(url, &["migrate"])), 0);

    let first = inventory(url, &["import", &file]);
    assert_eq!(code(&first), 1, "{first:?}");
    let said = stdout(&first);
    assert!(
        said.contains("line 3: unit_price_minor") && said.contains("line 4: currency"),
        "{said}"
    );
    assert!(
        said.contains("2 created, 0 updated, 0 unchanged; stock: 2 changed; lines refused: 2"),
        "{said}"
    );

    let second = inventory(url, &["--json", "import", &file]);
    assert_eq!(code(&second), 1);
    let said = stdout(&second);
    assert!(
        said.contains("\"unchanged\": 2") && said.contains("\"stock_changed\": 0"),
        "{said}"
    );

    let file = folder.file(&format!("{HEADER}A-1,Tea,Drinks,20 bags,250,EUR,41,5,10,f\n"));
    let third = inventory(url, &["import", &file]);
    assert_eq!(code(&third), 0);
    assert!(stdout(&third).contains("stock: 1 changed"), "{third:?}");

    let agreed = inventory(url, &["reconcile"]);
    assert_eq!(
        (code(&agreed), stdout(&agreed).as_str()),
        (0, "2 stock items agree with the ledger\n")
    );

    let none = inventory(url, &["parked", "list"]);
    assert_eq!((code(&none), stdout(&none).as_str()), (0, "no parked messages\n"));
    assert_eq!(code(&inventory(url, &["parked", "show", "1"])), 1);
    let refused = inventory(url, &["--json", "parked", "replay", "7"]);
    assert_eq!(code(&refused), 1);
    assert!(
        stdout(&refused).contains("parked message 7 does not exist"),
        "{refused:?}"
    );
}

#[test]
fn a_catalogue_lives_on_sqlite() {
    let folder = Folder::new("sqlite");
    catalogue_lives(&folder.sqlite(), &folder);
}

#[test]
fn a_catalogue_lives_on_postgres() {
    let folder = Folder::new("postgres");
    let database = postgres::database();
    catalogue_lives(&database.url, &folder);
}

#[test]
fn what_is_exported_is_imported_elsewhere() {
    let (from, into) = (Folder::new("from"), Folder::new("into"));
    let file = from.file(&format!(
        "{HEADER}A-1,'=Tea,Drinks,,250,EUR,40,0,10,f\nA-2,Cocoa,,,700,EUR,2,0,5,t\n"
    ));
    let out = from.0.join("out.csv").display().to_string();
    for folder in [&from, &into] {
        assert_eq!(code(&inventory(&folder.sqlite(), &["migrate"])), 0);
    }
    assert_eq!(code(&inventory(&from.sqlite(), &["import", &file])), 0);
    let exported = inventory(&from.sqlite(), &["export", "products", &out]);
    assert_eq!((code(&exported), stdout(&exported).as_str()), (0, "2 rows\n"));
    let text = fs::read_to_string(&out).unwrap();
    assert!(text.contains("A-1,'=Tea,Drinks,,250,EUR,40,10,0,f\r\n"), "{text}");
    assert_eq!(code(&inventory(&into.sqlite(), &["import", &out])), 0);
    // Standard output has the file and nothing else.
    let again = inventory(&into.sqlite(), &["export", "products", "-"]);
    assert_eq!((code(&again), stdout(&again)), (0, text.clone()));
    let movements = inventory(&into.sqlite(), &["export", "movements", "-", "--location", "MAIN"]);
    assert_eq!(stdout(&movements).lines().count(), 3);

    assert_eq!(code(&inventory(&from.sqlite(), &["export", "people", &out])), 2);
    let refused = inventory(&from.sqlite(), &["export", "products", &out, "--location", "MAIN"]);
    assert_eq!(code(&refused), 1, "{refused:?}");
    let nowhere = from.0.join("no/such/folder.csv").display().to_string();
    assert_eq!(code(&inventory(&from.sqlite(), &["export", "products", &nowhere])), 2);
    // What was there stays, and nothing is left over.
    assert_eq!(fs::read_to_string(&out).unwrap(), text);
    assert!(!from.0.join("out.csv.part").exists());
}

#[test]
fn drift_is_found_and_repaired() {
    let folder = Folder::new("drift");
    let database = postgres::database();
    let file = folder.file(&format!("{HEADER}A-1,Tea,Drinks,20 bags,250,EUR,40,5,10,f\n"));
    assert_eq!(code(&inventory(&database.url, &["migrate"])), 0);
    assert_eq!(code(&inventory(&database.url, &["import", &file])), 0);
    database.psql("UPDATE stock_items SET on_hand = 41").unwrap();

    let found = inventory(&database.url, &["reconcile"]);
    assert_eq!(code(&found), 1, "{found:?}");
    assert!(stdout(&found).contains("on hand 41 (ledger 40)"), "{found:?}");
    assert_eq!(code(&inventory(&database.url, &["reconcile", "--fix"])), 0);
    assert_eq!(code(&inventory(&database.url, &["reconcile"])), 0);
}

#[test]
fn parked_messages_are_listed_shown_and_sent_again_once() {
    let folder = Folder::new("parked");
    let database = postgres::database();
    assert_eq!(code(&inventory(&database.url, &["migrate"])), 0);
    database
        .psql(
            "INSERT INTO parked_messages (source, message_id, delivery_count, reason, detail, body, body_hash, truncated, parked_at)
             VALUES ('orders', 'm-1', 1, 'not_json', 'expected value', 'hello', 'h', 0, 1)",
        )
        .unwrap();
    let listed = inventory(&database.url, &["parked", "list", "--reason", "not_json"]);
    assert!(stdout(&listed).contains("m-1: expected value"), "{listed:?}");
    let shown = inventory(&database.url, &["--json", "parked", "show", "1"]);
    assert!(stdout(&shown).contains("\"body\": \"hello\""), "{shown:?}");
    assert_eq!(code(&inventory(&database.url, &["parked", "replay", "1"])), 0);
    assert_eq!(code(&inventory(&database.url, &["parked", "replay", "1"])), 1);
    assert_eq!(
        stdout(&inventory(&database.url, &["parked", "list"])),
        "no parked messages\n"
    );
    assert!(stdout(&inventory(&database.url, &["parked", "list", "--all"])).contains("sent again"));
    drop(folder);
}

#[test]
fn a_customer_is_erased_by_reference_or_id_and_once_more_changes_nothing() {
    let database = postgres::database();
    assert_eq!(code(&inventory(&database.url, &["migrate"])), 0);
    database
        .psql(
            "INSERT INTO customers (id, reference, created_at) VALUES (1, 'mary@example.com', 1), (2, 'john@example.com', 1);
             INSERT INTO parked_messages (source, message_id, delivery_count, reason, detail, body, body_hash, truncated, parked_at)
             VALUES ('orders', 'm-1', 1, 'invalid', 'x', '{\"customer\":\"mary@example.com\"}', 'h', 0, 1)",
        )
        .unwrap();
    let erased = inventory(&database.url, &["erase-customer", "mary@example.com"]);
    assert_eq!(
        (code(&erased), stdout(&erased)),
        (0, "customer 1 is erased\n".to_owned())
    );
    let rest = "SELECT (SELECT count(*) FROM customers WHERE reference LIKE '%mary%')
                     + (SELECT count(*) FROM parked_messages WHERE body LIKE '%mary%')
                     + (SELECT count(*) FROM audit a WHERE a::text LIKE '%mary%')
                     + (SELECT count(*) FROM outbox o WHERE o::text LIKE '%mary%')";
    assert_eq!(database.psql(rest).unwrap().trim(), "0");
    let state = "SELECT string_agg(c::text, ' ' ORDER BY id), (SELECT count(*) FROM audit) FROM customers c";
    let state = || database.psql(state).unwrap();
    assert!(state().contains("john@example.com"), "nobody else: {}", state());

    let once = state();
    let again = inventory(&database.url, &["--json", "erase-customer", "1"]);
    assert_eq!(code(&again), 0, "{again:?}");
    assert!(stdout(&again).contains("\"id\": 1"), "{again:?}");
    assert_eq!(state(), once);
    // Nobody's reference any more, and nobody's id.
    for nobody in ["mary@example.com", "3"] {
        let refused = inventory(&database.url, &["erase-customer", nobody]);
        assert_eq!(code(&refused), 1, "{refused:?}");
    }
    assert_eq!(state(), once);
}

#[test]
fn exit_codes_mean_something() {
    let folder = Folder::new("codes");
    let file = folder.file(HEADER);
    let url = folder.sqlite();
    assert_eq!(code(&inventory(&url, &["no-such-command"])), 2);
    assert_eq!(code(&inventory("mysql://localhost/x", &["migrate"])), 2);
    assert_eq!(code(&inventory(&url, &["import", "no/such/file.csv"])), 2);
    let away = inventory(&url, &["reconcile"]);
    assert_eq!(code(&away), 3);
    assert!(!folder.0.join("deep").exists(), "looking must not make a database");
    assert_eq!(
        code(&inventory("postgres://nobody:x@127.0.0.1:1/none", &["import", &file])),
        3
    );
    fs::write(folder.0.join("empty.db"), "").unwrap();
    let empty = format!("sqlite:{}", folder.0.join("empty.db").display());
    let old = inventory(&empty, &["--json", "reconcile"]);
    assert_eq!(code(&old), 4);
    assert!(
        String::from_utf8_lossy(&old.stderr).contains("\"exit_code\":4"),
        "{old:?}"
    );
}

#[test]
fn settings_are_checked_as_the_handler_does_and_all_errors_are_told_at_once() {
    let connection =
        "Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=hunter2;UseDevelopmentEmulator=true";
    let check = |pool: &str, connection: &str, keys: &str| {
        Command::new(env!("CARGO_BIN_EXE_inventory"))
            .env_clear()
            .env("DATABASE_URL", "sqlite:never-opened.db")
            .env("DATABASE_POOL_MAX", pool)
            .env("ServiceBusConnection", connection)
            .env("JWT_KEYS", keys)
            .args(["settings", "check"])
            .output()
            .unwrap()
    };
    let good = check("8", connection, "hunter2hunter2hunter2hunter2hunter2");
    assert_eq!(code(&good), 0, "{}", String::from_utf8_lossy(&good.stderr));
    let bad = check("0", "Endpoint=http://x;SharedAccessKey=hunter2", "");
    let stderr = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert_eq!(code(&bad), 2);
    assert!(
        ["DATABASE_POOL_MAX", "ServiceBusConnection", "JWT_KEYS or ENTRA_ISSUER"]
            .iter()
            .all(|name| stderr.contains(name)),
        "{stderr}"
    );
    assert!(!stderr.contains("hunter2"), "{stderr}");
}

#[test]
fn accounts_are_made_and_their_secrets_shown_once() {
    let folder = Folder::new("accounts");
    let url = folder.sqlite();
    assert_eq!(code(&inventory(&url, &["migrate"])), 0);
    let run = |arguments: &[&str]| {
        let output = inventory(&url, &[arguments, &["--json"]].concat());
        assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str::<serde_json::Value>(&stdout(&output)).unwrap()
    };
    let made = run(&["clients", "add", "shop", "--role", "clerk"]);
    let first = made["secret"].as_str().unwrap().to_owned();
    assert!(first.starts_with("ics_"), "{made}");
    let rotated = run(&["clients", "rotate", "shop"]);
    assert_ne!(rotated["secret"], made["secret"]);
    assert_eq!(run(&["clients", "disable", "shop"])["enabled"], false);
    let listed = run(&["clients", "list"]);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["enabled"]),
        (&"shop".into(), &false.into())
    );
    assert!(!listed.to_string().contains(&first[13..]));
    let user = run(&["users", "add", "mary", "--role", "admin"]);
    assert_eq!(user["secret"].as_str().unwrap().len(), 64);
    assert_eq!(run(&["users", "list"])[0]["role"], "admin");
    // Refused: known already, no such role, nobody of this name.
    assert_eq!(
        code(&inventory(&url, &["clients", "add", "shop", "--role", "clerk"])),
        1
    );
    assert_eq!(
        code(&inventory(&url, &["clients", "add", "other", "--role", "public"])),
        2
    );
    assert_eq!(code(&inventory(&url, &["clients", "rotate", "nobody"])), 1);
}
