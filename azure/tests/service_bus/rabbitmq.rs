//! RabbitMQ with its plugin for AMQP 1.0: a node of its own for each test.

use std::collections::{HashMap, HashSet};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::{Connection, Delivery, Receiver, Session};
use fe2o3_amqp_types::messaging::{Body, MessageId, Source, TerminusDurability};
use fe2o3_amqp_types::primitives::{SimpleValue, Value as AmqpValue};
use inventory_azure::ServiceBus;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::devhost_bus::options;
use crate::suite::{Received, Service};

/// Where Debian has the server's own script; the one on PATH insists on running as a service.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const USER: &str = "inventory";

/// A node, and somebody who takes what arrives.
pub(crate) struct RabbitMq {
    folder: PathBuf,
    ports: Ports,
    password: String,
    /// What a node finds others by. It would start one that outlives it, so there is one already.
    _epmd: Child,
    node: Option<Child>,
    collectors: Mutex<HashMap<String, Arc<Collector>>>,
}

struct Ports {
    epmd: u16,
    amqp: u16,
    distribution: u16,
}

impl Ports {
    fn free() -> Self {
        // All at once, so that they differ.
        let listeners: [TcpListener; 3] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [epmd, amqp, distribution] = listeners.map(|listener| listener.local_addr().unwrap().port());
        Self {
            epmd,
            amqp,
            distribution,
        }
    }
}

impl RabbitMq {
    /// A command that runs as nobody special, with the node's settings, and not longer than we do.
    fn command(folder: &Path, ports: &Ports, program: &str) -> Command {
        let mut command = match server_user() {
            None => Command::new("env"),
            Some((uid, gid)) => {
                let mut command = Command::new("setpriv");
                command.args([
                    format!("--reuid={uid}"),
                    format!("--regid={gid}"),
                    "--clear-groups".to_owned(),
                    "--pdeathsig=KILL".to_owned(),
                ]);
                command
            }
        };
        command
            .arg(program)
            .env("HOME", folder)
            .env("ERL_EPMD_PORT", ports.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", format!("node{}@localhost", ports.amqp))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", ports.amqp.to_string())
            .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", folder.join("none"))
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}",
            )
            // Then its script becomes the node instead of watching over it.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Starts the node and waits until it says that it is there.
    async fn boot(&mut self) {
        let mut node = Self::command(&self.folder, &self.ports, SERVER)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
        let started = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("completed with") {
                    return true;
                }
            }
            false
        };
        let started = tokio::time::timeout(Duration::from_mins(2), started).await;
        assert_eq!(
            started,
            Ok(true),
            "RabbitMQ did not start; its log is in {}",
            self.folder.display()
        );
        // Whatever it still says must have somewhere to go.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        self.node = Some(node);
    }

    fn collector(&self, entity: &str) -> Arc<Collector> {
        let mut collectors = self.collectors.lock().unwrap();
        let collector = collectors.entry(entity.to_owned()).or_insert_with(|| {
            Arc::new(Collector::start(
                self.ports.amqp,
                self.password.clone(),
                entity.to_owned(),
            ))
        });
        Arc::clone(collector)
    }
}

impl Service for RabbitMq {
    async fn start() -> Self {
        assert!(
            Path::new(SERVER).exists(),
            "RabbitMQ is not installed: `cargo xtask test` gets it"
        );
        let folder = std::env::temp_dir().join(format!("inventory-rabbitmq-{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        let password = Uuid::new_v4().simple().to_string();
        std::fs::write(folder.join("plugins"), "[rabbitmq_amqp1_0].\n").unwrap();
        let config = format!("default_user = {USER}\ndefault_pass = {password}\nlog.console = false\n");
        std::fs::write(folder.join("rabbitmq.conf"), config).unwrap();
        if let Some((uid, gid)) = server_user() {
            for path in [folder.clone(), folder.join("plugins"), folder.join("rabbitmq.conf")] {
                chown(path, Some(uid), Some(gid)).unwrap();
            }
        }
        let ports = Ports::free();
        let epmd = Self::command(&folder, &ports, "epmd")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut rabbit = Self {
            folder,
            ports,
            password,
            _epmd: epmd,
            node: None,
            collectors: Mutex::default(),
        };
        rabbit.boot().await;
        rabbit
    }

    fn client(&self, patience: Duration) -> ServiceBus {
        let url = format!("amqp://{USER}:{}@localhost:{}", self.password, self.ports.amqp);
        ServiceBus::new(url.parse().unwrap(), options(patience))
    }

    async fn stop(&mut self) {
        self.node.take().unwrap().kill().await.unwrap();
    }

    async fn restart(&mut self) {
        self.boot().await;
    }

    async fn receive(&self, entity: &str, count: usize) -> Vec<Received> {
        let collector = self.collector(entity);
        let mut arrived = collector.arrived.subscribe();
        let enough = arrived.wait_for(|arrived| *arrived >= count);
        tokio::time::timeout(Duration::from_secs(30), enough)
            .await
            .unwrap()
            .unwrap();
        std::mem::take(&mut collector.messages.lock().unwrap())
    }

    async fn arrived(&self) -> u64 {
        *self.collector("orders").arrived.borrow() as u64
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // The processes end with their handles; a node that still writes would leave something behind.
        if let Some(node) = &mut self.node {
            let _ = node.start_kill();
            while matches!(node.try_wait(), Ok(None)) {
                std::thread::yield_now();
            }
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Whom the node runs as, where we are root: user and group.
fn server_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = std::process::Command::new("id").args(arguments).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    ["rabbitmq", "nobody"]
        .into_iter()
        .find_map(|user| Some((id(&["-u", user])?, id(&["-g", user])?)))
}

/// Takes what arrives in a queue, whenever the node is there.
struct Collector {
    messages: Arc<Mutex<Vec<Received>>>,
    /// Different messages: the node gives one again whose acceptance it did not hear.
    arrived: watch::Sender<usize>,
    task: JoinHandle<()>,
}

impl Collector {
    fn start(port: u16, password: String, queue: String) -> Self {
        let messages = Arc::<Mutex<Vec<Received>>>::default();
        let arrived = watch::Sender::new(0);
        let (taken, counted) = (Arc::clone(&messages), arrived.clone());
        let task = tokio::spawn(async move {
            let mut seen = HashSet::new();
            loop {
                let _ = collect(port, &password, &queue, &taken, &mut seen, &counted).await;
                // The node is away.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Self {
            messages,
            arrived,
            task,
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn collect(
    port: u16,
    password: &str,
    queue: &str,
    messages: &Mutex<Vec<Received>>,
    seen: &mut HashSet<String>,
    arrived: &watch::Sender<usize>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut connection = Connection::builder()
        .container_id("collector")
        .sasl_profile(SaslProfile::Plain {
            username: USER.to_owned(),
            password: password.to_owned(),
        })
        .open(format!("amqp://localhost:{port}").as_str())
        .await?;
    let mut session = Session::begin(&mut connection).await?;
    let source = Source::builder()
        .address(format!("/queue/{queue}"))
        .durable(TerminusDurability::UnsettledState)
        .build();
    let mut receiver = Receiver::builder()
        .name("collector")
        .source(source)
        .attach(&mut session)
        .await?;
    loop {
        let delivery: Delivery<Body<AmqpValue>> = receiver.recv().await?;
        receiver.accept(&delivery).await?;
        let received = received(delivery);
        seen.insert(received.message_id.clone());
        messages.lock().unwrap().push(received);
        arrived.send_replace(seen.len());
    }
}

fn received(delivery: Delivery<Body<AmqpValue>>) -> Received {
    let message = delivery.into_message();
    let properties = message.properties.unwrap_or_default();
    let Body::Data(data) = message.body else {
        panic!("not bytes: {:?}", message.body)
    };
    Received {
        message_id: match properties.message_id {
            Some(MessageId::String(id)) => id,
            other => panic!("not a text: {other:?}"),
        },
        session_id: properties.group_id,
        subject: properties.subject,
        content_type: properties.content_type.map(|symbol| symbol.to_string()),
        body: data.into_iter().flat_map(|part| part.0.into_vec()).collect(),
        properties: message
            .application_properties
            .map(|properties| {
                properties
                    .0
                    .into_iter()
                    .map(|(name, value)| (name, json(value)))
                    .collect()
            })
            .unwrap_or_default(),
    }
}

fn json(value: SimpleValue) -> Value {
    match value {
        SimpleValue::Bool(value) => value.into(),
        SimpleValue::Long(value) => value.into(),
        SimpleValue::Double(value) => f64::from(value).into(),
        SimpleValue::String(value) => value.into(),
        other => panic!("not sent: {other:?}"),
    }
}
