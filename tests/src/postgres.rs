//! A throw-away PostgreSQL: real, private, gone afterwards.
//!
//! A [`Cluster`] lives in a temporary directory and listens on a free loopback port. A small shell process owns it and
//! waits on a pipe that only we hold open: when we end, in whatever way, the pipe closes, and the shell stops the
//! server and deletes its directory. So neither a panic nor SIGKILL leaves a server or a directory behind.
//!
//! `cargo xtask test` starts one cluster for the whole run and names it in [`ENV`]. A test run by itself starts its own,
//! one a process. Either way each test takes a [`database`] of its own.
//!
//! Standard library only: `xtask` compiles this file too, and it is the first thing a newcomer builds.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Names the variable that holds the URL of a running server's `postgres` database for tests to share.
pub const ENV: &str = "INVENTORY_TEST_POSTGRES";

/// The superuser of a throw-away cluster.
const USER: &str = "inventory";

/// Attempts to find a port: another process may take a free port between our look and the server's bind.
const PORT_ATTEMPTS_MAX: u32 = 5;

/// The owner of a cluster. Commands come in on standard input, one a line, and each is answered by one line: `ok`, or
/// what went wrong. End of input means that we are gone.
const OWNER: &str = r#"
bin=$1 dir=$2 log=$2/log
trap '' INT TERM HUP
stop() { "$bin/pg_ctl" -D "$dir/data" -m "$1" -w stop >/dev/null 2>&1; }
said() { if [ "$1" -eq 0 ]; then echo ok; else tail -n 3 "$log" | tr '\n' ' '; echo; fi; }
"$bin/initdb" -D "$dir/data" -U "$PG_USER" --auth=password --pwfile="$dir/password" --no-sync \
  --encoding=UTF8 --locale=C --no-instructions >"$log" 2>&1 \
  && printf '%s\n' "$PG_SETTINGS" >>"$dir/data/postgresql.conf"
said $?
while read -r verb argument; do
  case $verb in
    start) "$bin/pg_ctl" -D "$dir/data" -l "$log" -o "-p $argument" -w start >/dev/null 2>&1 </dev/null; said $? ;;
    stop) stop "$argument"; said $? ;;
  esac
done
stop immediate
cd / && rm -rf "$dir"
"#;

/// How careful a cluster is with what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Survives its process, not the machine: `fsync` is off. For tests.
    Fast,
    /// As in production: `fsync` and `synchronous_commit` are on. For measuring.
    Full,
}

/// A running PostgreSQL server of our own. Dropped: stopped and deleted.
#[derive(Debug)]
pub struct Cluster {
    owner: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    password: String,
    port: u16,
}

impl Cluster {
    /// Starts a server for tests.
    pub fn start() -> io::Result<Cluster> {
        Cluster::start_with(Durability::Fast)
    }

    /// Starts a server. Fails when PostgreSQL's server programs are not installed (see [`binaries`]).
    pub fn start_with(durability: Durability) -> io::Result<Cluster> {
        let bin = binaries().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "PostgreSQL is not installed (Debian: apt-get install postgresql)",
            )
        })?;
        let password = unique();
        let dir = std::env::temp_dir().join(format!("inventory-postgres-{}", unique()));
        fs::create_dir(&dir)?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?;
        fs::write(dir.join("password"), &password)?;
        let mut owner = as_server_user(&dir)?;
        let durable = if durability == Durability::Full { "on" } else { "off" };
        let mut owner = owner
            .args(["sh", "-c", OWNER, "postgres-owner"])
            .arg(&bin)
            .arg(&dir)
            .current_dir(&dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C")
            .env("PG_USER", USER)
            .env(
                "PG_SETTINGS",
                format!(
                    "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 400\n\
                     shared_buffers = 256MB\nmax_wal_size = 2GB\nfsync = {durable}\nsynchronous_commit = {durable}\n\
                     full_page_writes = {durable}\n"
                ),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C in the terminal reaches us only; the owner follows when the pipe closes.
            .process_group(0)
            .spawn()
            .inspect_err(|_| drop(fs::remove_dir_all(&dir)))?;
        let pipes = owner.stdin.take().zip(owner.stdout.take());
        let (commands, answers) = pipes.ok_or_else(|| io::Error::other("no pipes to the owner of PostgreSQL"))?;
        let answers = BufReader::new(answers);
        let mut cluster = Cluster {
            owner,
            commands: Some(commands),
            answers,
            password,
            port: 0,
        };
        cluster.answer()?;
        for attempt in 1.. {
            cluster.port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            match cluster.start_again() {
                Err(error) if attempt == PORT_ATTEMPTS_MAX => return Err(error),
                Err(_) => {}
                Ok(()) => break,
            }
        }
        Ok(cluster)
    }

    /// The URL of a database of this server.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Stops the server as a crash would: no farewell to clients, recovery at the next start.
    pub fn kill(&mut self) -> io::Result<()> {
        self.command("stop immediate")
    }

    /// Stops the server in good order: transactions are rolled back, clients are told.
    pub fn stop(&mut self) -> io::Result<()> {
        self.command("stop fast")
    }

    /// Starts the server again after [`Cluster::kill`] or [`Cluster::stop`], on the same port with the same data.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.command(&format!("start {}", self.port))
    }

    fn command(&mut self, line: &str) -> io::Result<()> {
        if let Some(commands) = &mut self.commands {
            writeln!(commands, "{line}")?;
        }
        self.answer()
    }

    fn answer(&mut self) -> io::Result<()> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        match line.trim() {
            "ok" => Ok(()),
            "" => Err(io::Error::other("PostgreSQL did not do as told")),
            said => Err(io::Error::other(format!("PostgreSQL: {said}"))),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.commands.take());
        drop(self.owner.wait());
    }
}

/// A database of its own for one test. Dropped: dropped, with whoever is still connected.
#[derive(Debug)]
pub struct TestDatabase {
    /// Where to connect, `postgres://…`.
    pub url: String,
    name: String,
}

impl TestDatabase {
    /// Creates a fresh, empty database on the server whose `postgres` database is at `server_url`.
    pub fn create(server_url: &str) -> io::Result<TestDatabase> {
        // template0 never has connections, so that tests may create databases at the same time.
        TestDatabase::like("template0", server_url)
    }

    /// Creates a database that has what this one has. Nobody may be connected to this one.
    pub fn copy(&self) -> io::Result<TestDatabase> {
        TestDatabase::like(&self.name, &format!("{}/postgres", self.server()))
    }

    fn like(template: &str, server_url: &str) -> io::Result<TestDatabase> {
        let name = format!("test_{}", unique());
        psql(server_url, &format!("CREATE DATABASE {name} TEMPLATE {template}"))?;
        let server = server_url.rsplit_once('/').map_or(server_url, |(server, _)| server);
        Ok(TestDatabase {
            url: format!("{server}/{name}"),
            name,
        })
    }

    fn server(&self) -> &str {
        self.url
            .rsplit_once('/')
            .map_or(self.url.as_str(), |(server, _)| server)
    }

    /// Runs statements in this database and returns what `psql` prints: rows only, columns separated by `|`.
    pub fn psql(&self, statements: &str) -> io::Result<String> {
        psql(&self.url, statements)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A server that is gone has no database left to drop.
        drop(psql(
            &format!("{}/postgres", self.server()),
            &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        ));
    }
}

/// A fresh, empty PostgreSQL database: on the run's cluster when [`ENV`] names one, else on this process's own.
///
/// # Panics
///
/// When PostgreSQL is not installed or does not start: a test that needs it cannot say anything then.
pub fn database() -> TestDatabase {
    static OWN: OnceLock<Cluster> = OnceLock::new();
    let server = std::env::var(ENV).unwrap_or_else(|_| {
        let own = OWN.get_or_init(|| match Cluster::start() {
            Ok(cluster) => cluster,
            Err(error) => panic!("{error}"),
        });
        own.url("postgres")
    });
    match TestDatabase::create(&server) {
        Ok(database) => database,
        Err(error) => panic!("no test database: {error}"),
    }
}

/// Runs statements with `psql` and returns its output: rows only, columns separated by `|`.
pub fn psql(url: &str, statements: &str) -> io::Result<String> {
    let output = Command::new(program("psql"))
        .args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            url,
            "-c",
            statements,
        ])
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    } else {
        Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ))
    }
}

/// The directory of PostgreSQL's server programs, if they are installed: on PATH, else the newest in the usual places
/// (Debian keeps them off PATH).
pub fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let mut usual: Vec<(u32, PathBuf)> = Vec::new();
    for parent in ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local/opt"] {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let version = name.trim_start_matches("postgresql@").trim_start_matches("pgsql-");
            if let Ok(version) = version.parse() {
                usual.push((version, entry.path().join("bin")));
            }
        }
    }
    usual.sort_by(|a, b| b.cmp(a));
    let usual = usual.into_iter().map(|(_, bin)| bin);
    let bin = on_path
        .into_iter()
        .chain(usual)
        .find(|bin| bin.join("initdb").is_file() && bin.join("pg_ctl").is_file())?;
    // A link may stand alone on PATH; what belongs to it lies where it leads.
    let initdb = fs::canonicalize(bin.join("initdb")).ok()?;
    initdb.parent().map(Path::to_path_buf)
}

/// One of PostgreSQL's programs: beside the server's, else wherever PATH finds it.
pub fn program(name: &str) -> PathBuf {
    binaries()
        .map(|bin| bin.join(name))
        .filter(|program| program.is_file())
        .unwrap_or_else(|| PathBuf::from(name))
}

/// A command prefix under which PostgreSQL runs: it refuses root, so root hands it and its directory to another user.
fn as_server_user(dir: &Path) -> io::Result<Command> {
    if id(&["-u"])? != 0 {
        return Ok(Command::new("env"));
    }
    let user = ["postgres", "nobody"]
        .into_iter()
        .find(|user| id(&["-u", user]).is_ok())
        .unwrap_or("nobody");
    let (uid, gid) = (id(&["-u", user])?, id(&["-g", user])?);
    chown(dir, Some(uid), Some(gid))?;
    chown(dir.join("password"), Some(uid), Some(gid))?;
    let mut command = Command::new("setpriv");
    command.args([
        format!("--reuid={uid}"),
        format!("--regid={gid}"),
        "--clear-groups".to_owned(),
    ]);
    Ok(command)
}

fn id(arguments: &[&str]) -> io::Result<u32> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output()?;
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_| io::Error::other("no such user"))
}

/// A name that no other process and no other call has. It is also a cluster's password: loopback is open to every user
/// of the machine, and a superuser may run programs.
fn unique() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut random = [0_u8; 8];
    let seeded = fs::File::open("/dev/urandom").and_then(|mut file| io::Read::read_exact(&mut file, &mut random));
    if seeded.is_err() {
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_nanos());
        random = (nanos as u64 ^ u64::from(std::process::id()).rotate_left(32)).to_le_bytes();
    }
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{count:x}", u64::from_le_bytes(random))
}
