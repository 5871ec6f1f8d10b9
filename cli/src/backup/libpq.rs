//! How PostgreSQL's own programs reach a database: by their environment, since a command line is for everybody to see.

use super::programs;
use crate::failure::Failure;
use inventory_app::secrets::{ExposeSecret as _, SecretString};
use percent_encoding::percent_decode_str;
use reqwest::Url;
use std::{process::Stdio, time::Duration};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// What may be set around us and would change where we go.
const NOT_OURS: [&str; 4] = ["PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR", "PGOPTIONS"];

/// How long a script may take.
const FEED_TIMEOUT: Duration = Duration::from_mins(1);

/// A database on a server.
pub(crate) struct Server {
    url: Url,
    password: Option<SecretString>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Server")
            .field("database", &self.database())
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A password that stands beside the URL wins over one in it.
    pub(super) fn new(url: &str, password: Option<SecretString>) -> Result<Self, Failure> {
        let url = Url::parse(url).map_err(|_| Failure::Input("the database's URL cannot be read".to_owned()))?;
        Ok(Self { url, password })
    }

    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }

    pub(super) const fn password(&self) -> Option<&SecretString> {
        self.password.as_ref()
    }

    /// The database's name; the user's where the URL has none.
    pub(super) fn database(&self) -> String {
        let environment = self.environment();
        let value = |wanted| environment.iter().find(|(name, _)| *name == wanted);
        let named = value("PGDATABASE").or_else(|| value("PGUSER"));
        named.map(|(_, name)| name.clone()).unwrap_or_default()
    }

    /// Another database of the same server.
    pub(super) fn with_database(&self, name: &str) -> Self {
        let mut url = self.url.clone();
        let others: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(key, _)| key != "dbname")
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        url.set_query(None);
        if !others.is_empty() {
            url.query_pairs_mut().extend_pairs(others);
        }
        url.set_path(name);
        Self {
            url,
            password: self.password.clone(),
        }
    }

    /// The environment of a program, read from the URL as the handler reads it.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let url = &self.url;
        let mut variables = vec![
            ("PGAPPNAME", "inventory-cli".to_owned()),
            ("PGCONNECT_TIMEOUT", "10".to_owned()),
        ];
        let mut set = |name: &'static str, value: String| {
            variables.retain(|(known, _)| *known != name);
            if !value.is_empty() {
                variables.push((name, value));
            }
        };
        set(
            "PGHOST",
            decoded(url.host_str().unwrap_or_default())
                .trim_matches(['[', ']'])
                .to_owned(),
        );
        set("PGPORT", url.port().map(|port| port.to_string()).unwrap_or_default());
        set("PGUSER", decoded(url.username()));
        set("PGPASSWORD", decoded(url.password().unwrap_or_default()));
        set("PGDATABASE", decoded(url.path().trim_start_matches('/')));
        for (key, value) in url.query_pairs() {
            let name = match &*key {
                "sslmode" | "ssl-mode" => "PGSSLMODE",
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "PGSSLROOTCERT",
                "sslcert" | "ssl-cert" => "PGSSLCERT",
                "sslkey" | "ssl-key" => "PGSSLKEY",
                "host" | "hostaddr" => "PGHOST",
                "port" => "PGPORT",
                "dbname" => "PGDATABASE",
                "user" => "PGUSER",
                "password" => "PGPASSWORD",
                _ => continue,
            };
            set(name, value.into_owned());
        }
        let is_set = |wanted, variables: &[(&str, String)]| variables.iter().any(|(name, _)| *name == wanted);
        let proves = variables
            .iter()
            .any(|(name, value)| *name == "PGSSLMODE" && value == "verify-full");
        if proves && !is_set("PGSSLROOTCERT", &variables) {
            // The handler knows Mozilla's roots; the programs have to be told that the machine's are meant.
            variables.push(("PGSSLROOTCERT", "system".to_owned()));
        }
        if let Some(password) = &self.password {
            variables.retain(|(name, _)| *name != "PGPASSWORD");
            variables.push(("PGPASSWORD", password.expose_secret().to_owned()));
        }
        variables
    }

    /// A program with this database as its own. It ends when we do.
    pub(super) fn command(&self, program: &str) -> Result<Command, Failure> {
        let mut command = command(program)?;
        for name in NOT_OURS {
            command.env_remove(name);
        }
        command.envs(self.environment());
        Ok(command)
    }

    /// `psql` on this database: no questions, no decoration, no going on after an error.
    pub(super) fn psql(&self) -> Result<Command, Failure> {
        let mut psql = self.command("psql")?;
        psql.args(["-X", "-q", "--no-password", "-v", "ON_ERROR_STOP=1"]);
        Ok(psql)
    }
}

/// A program of PostgreSQL's that needs no server.
pub(super) fn command(program: &str) -> Result<Command, Failure> {
    let mut command = Command::new(programs::find(program)?);
    command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Ok(command)
}

/// Runs a program to its end and gives what it printed.
pub(super) async fn run(mut command: Command, name: &str, timeout: Duration) -> Result<String, Failure> {
    let output = tokio::time::timeout(timeout, command.output()).await;
    let output = output
        .map_err(|_| Failure::Unavailable(format!("{name} took longer than {} s", timeout.as_secs())))?
        .map_err(|error| Failure::Internal(format!("{name}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(failed(name, &output.stderr))
}

/// Has `psql` execute a script that a command line would show to everybody.
pub(crate) async fn feed(server: &Server, script: &str) -> Result<(), Failure> {
    let mut psql = server.psql()?;
    psql.args(["-f", "-"]).stdin(Stdio::piped());
    let mut child = psql
        .spawn()
        .map_err(|error| Failure::Internal(format!("psql: {error}")))?;
    let done = async {
        if let Some(mut into) = child.stdin.take() {
            // `psql` that has stopped takes no more; its own words say why.
            drop(into.write_all(script.as_bytes()).await);
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(FEED_TIMEOUT, done)
        .await
        .map_err(|_| Failure::Unavailable("psql took too long".to_owned()))?
        .map_err(|error| Failure::Internal(format!("psql: {error}")))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(failed("psql", &output.stderr))
    }
}

/// What a program said last.
pub(super) fn failed(name: &str, stderr: &[u8]) -> Failure {
    let said = String::from_utf8_lossy(stderr);
    let first: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).take(3).collect();
    let text = format!("{name}: {}", first.join(" / "));
    if said.contains("connection to server") || said.contains("could not translate host name") {
        Failure::Unavailable(text)
    } else {
        Failure::Internal(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(url: &str, password: Option<&str>) -> Vec<(&'static str, String)> {
        let mut variables = Server::new(url, password.map(SecretString::from))
            .unwrap()
            .environment();
        variables.retain(|(name, _)| !matches!(*name, "PGAPPNAME" | "PGCONNECT_TIMEOUT"));
        variables.sort_unstable();
        variables
    }

    #[test]
    fn a_url_becomes_an_environment() {
        let owned = |pairs: &[(&'static str, &str)]| -> Vec<_> {
            pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
        };
        assert_eq!(
            environment(
                "postgres://me%40tenant:p%2Fw@db.example:6432/stock?sslmode=require",
                None
            ),
            owned(&[
                ("PGDATABASE", "stock"),
                ("PGHOST", "db.example"),
                ("PGPASSWORD", "p/w"),
                ("PGPORT", "6432"),
                ("PGSSLMODE", "require"),
                ("PGUSER", "me@tenant"),
            ])
        );
        assert_eq!(
            environment("postgres://me:old@[::1]/?dbname=stock&sslmode=verify-full", Some("new")),
            owned(&[
                ("PGDATABASE", "stock"),
                ("PGHOST", "::1"),
                ("PGPASSWORD", "new"),
                ("PGSSLMODE", "verify-full"),
                ("PGSSLROOTCERT", "system"),
                ("PGUSER", "me"),
            ])
        );
    }

    #[test]
    fn another_database_of_the_server_keeps_all_else() {
        let server = Server::new("postgres://me:pw@host:1/stock?dbname=old&sslmode=disable", None).unwrap();
        let other = server.with_database("scratch");
        assert_eq!(other.url(), "postgres://me:pw@host:1/scratch?sslmode=disable");
        assert_eq!(
            (server.database().as_str(), other.database().as_str()),
            ("old", "scratch")
        );
        assert!(!format!("{other:?}").contains("pw"));
    }
}
