//! A mail server for tests (RFC 5321, without TLS): keeps what comes, and refuses as many messages as it is told.

use crate::running::PATIENCE;
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Who it is from, by the envelope.
    pub from: String,
    /// Who it is for, by the envelope.
    pub to: Vec<String>,
    /// Headers and body.
    pub text: String,
}

#[derive(Debug)]
struct Inner {
    mails: watch::Sender<Vec<Mail>>,
    to_refuse: AtomicUsize,
}

/// A mail server. Dropped: gone.
#[derive(Debug)]
pub struct MailServer {
    address: SocketAddr,
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl MailServer {
    /// Starts one on a free port that refuses so many messages for now (451) before it takes any.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(to_refuse: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let inner = Arc::new(Inner {
            mails: watch::Sender::new(Vec::new()),
            to_refuse: AtomicUsize::new(to_refuse),
        });
        let here = Arc::clone(&inner);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that goes away is none of the test's business.
                tokio::spawn(serve(stream, Arc::clone(&here)));
            }
        });
        Self {
            address,
            inner,
            serving,
        }
    }

    /// Its address as a setting has it.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Waits until so many have come, and gives them.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until(&self, count: usize) -> Vec<Mail> {
        let mut mails = self.inner.mails.subscribe();
        let arrived = tokio::time::timeout(PATIENCE, mails.wait_for(|all| all.len() >= count)).await;
        arrived
            .expect("the mails come in time")
            .expect("the server lives")
            .clone()
    }
}

async fn serve(stream: TcpStream, inner: Arc<Inner>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mail.test ESMTP\r\n").await?;
    let mut mail = Mail {
        from: String::new(),
        to: Vec::new(),
        text: String::new(),
    };
    while let Some(line) = lines.next_line().await? {
        let address = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" | "HELO" => "250-mail.test\r\n250 8BITMIME",
            "MAIL" => {
                mail.from = address();
                "250 ok"
            }
            "RCPT" => {
                mail.to.push(address());
                "250 ok"
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                mail.text.clear();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    mail.text.push_str(&line);
                    mail.text.push('\n');
                }
                let refuses = |left: usize| left.checked_sub(1);
                if inner
                    .to_refuse
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuses)
                    .is_ok()
                {
                    mail.to.clear();
                    "451 later"
                } else {
                    inner.mails.send_modify(|all| all.push(mail.clone()));
                    mail.to.clear();
                    "250 taken"
                }
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 ok",
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}
