//! The command line and environment of the handler.

use std::path::PathBuf;

use uuid::Uuid;

use crate::config::App;

const AMQP_PORT: u16 = 5672;

/// What to execute, but for the port, which each start chooses.
#[derive(Debug, Clone)]
pub struct HandlerCommand {
    /// The program.
    pub executable: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// Variables on top of the inherited environment.
    pub environment: Vec<(String, String)>,
    /// The port `host.json` asks for.
    pub port: Option<u16>,
}

impl HandlerCommand {
    /// The command of `app`, whose host listens on `http_port` and, for Service Bus, on `amqp_port`.
    pub fn new(app: &App, http_port: u16, amqp_port: Option<u16>) -> Self {
        let mut environment: Vec<(String, String)> = app
            .settings
            .for_child()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        if let Some(port) = amqp_port.filter(|port| *port != AMQP_PORT) {
            for (name, value) in app.settings.iter() {
                if let Some(value) = emulator_with_port(value, port) {
                    environment.retain(|(known, _)| known != name);
                    environment.push((name.to_owned(), value));
                }
            }
        }
        let root = app.root.to_string_lossy().into_owned();
        for (name, value) in [
            ("FUNCTIONS_APP_ROOT_PATH", root.clone()),
            ("AzureWebJobsScriptRoot", root),
            ("WEBSITE_HOSTNAME", format!("localhost:{http_port}")),
            ("AZURE_FUNCTIONS_ENVIRONMENT", "Development".to_owned()),
            ("FUNCTIONS_CORETOOLS_ENVIRONMENT", "True".to_owned()),
        ] {
            environment.retain(|(known, _)| known != name);
            environment.push((name.to_owned(), value));
        }
        Self {
            executable: app.host.handler.executable.clone(),
            arguments: app.host.handler.command_line(),
            directory: app.host.handler.working_directory.clone(),
            environment,
            port: app.host.handler.port,
        }
    }

    /// The environment of one start: the port and a new id, each under its two names, whatever was set before.
    pub(super) fn environment_on(&self, port: u16) -> Vec<(String, String)> {
        let id = Uuid::new_v4().to_string();
        let mut environment = self.environment.clone();
        for (name, value) in [
            ("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()),
            ("FUNCTIONS_HTTPWORKER_PORT", port.to_string()),
            ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", id.clone()),
            ("FUNCTIONS_HTTPWORKER_ID", id),
        ] {
            environment.retain(|(known, _)| known != name);
            environment.push((name.to_owned(), value));
        }
        environment
    }
}

/// A connection string of a local emulator that names no port, with `port`; `None` for every other text.
pub fn emulator_with_port(value: &str, port: u16) -> Option<String> {
    let mut emulator = false;
    let mut changed = false;
    let parts: Vec<String> = value
        .split(';')
        .map(|part| {
            let (name, content) = part.split_once('=').unwrap_or((part, ""));
            if name.trim().eq_ignore_ascii_case("UseDevelopmentEmulator") {
                emulator |= content.trim().eq_ignore_ascii_case("true");
            } else if name.trim().eq_ignore_ascii_case("Endpoint") {
                let endpoint = content.trim().trim_end_matches('/');
                let host = endpoint.strip_prefix("sb://").unwrap_or(endpoint);
                if host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" {
                    changed = true;
                    return format!("Endpoint=sb://{host}:{port}");
                }
            }
            part.to_owned()
        })
        .collect();
    (emulator && changed).then(|| parts.join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMULATOR: &str =
        "Endpoint=sb://localhost;SharedAccessKeyName=a;SharedAccessKey=b=;UseDevelopmentEmulator=true;";

    #[test]
    fn an_emulator_gets_the_port_it_runs_on() {
        assert_eq!(
            emulator_with_port(EMULATOR, 4000).unwrap(),
            "Endpoint=sb://localhost:4000;SharedAccessKeyName=a;SharedAccessKey=b=;UseDevelopmentEmulator=true;"
        );
        assert_eq!(
            emulator_with_port(&EMULATOR.replace("localhost", "localhost:1"), 4000),
            None
        );
        assert_eq!(
            emulator_with_port(&EMULATOR.replace("localhost", "x.servicebus.windows.net"), 4000),
            None
        );
        assert_eq!(
            emulator_with_port("Endpoint=sb://localhost;SharedAccessKey=b", 4000),
            None
        );
        assert_eq!(emulator_with_port("anything", 4000), None);
    }

    /// Vector 28.
    #[test]
    fn port_and_id_have_two_names_each_whatever_was_there() {
        let command = HandlerCommand {
            executable: PathBuf::from("x"),
            arguments: Vec::new(),
            directory: PathBuf::from("."),
            environment: vec![("FUNCTIONS_CUSTOMHANDLER_PORT".to_owned(), "1".to_owned())],
            port: None,
        };
        let environment = command.environment_on(8090);
        let value = |name: &str| {
            let found: Vec<_> = environment.iter().filter(|(known, _)| known == name).collect();
            assert_eq!(found.len(), 1, "{name}");
            found[0].1.clone()
        };
        assert_eq!(value("FUNCTIONS_CUSTOMHANDLER_PORT"), "8090");
        assert_eq!(value("FUNCTIONS_HTTPWORKER_PORT"), "8090");
        assert_eq!(
            value("FUNCTIONS_CUSTOMHANDLER_WORKER_ID"),
            value("FUNCTIONS_HTTPWORKER_ID")
        );
    }
}
