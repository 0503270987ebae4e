//! A server that takes e-mails as a test wants it to.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests")]

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// An SMTP server without encryption.
#[derive(Debug)]
pub struct SmtpSink {
    /// Where it listens, on this machine.
    pub port: u16,
    taken: Arc<Mutex<Vec<String>>>,
}

impl SmtpSink {
    /// A server that takes everything but what goes to an address that holds a code: it is answered with that.
    pub async fn start() -> Self {
        Self::of(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// The same, for connections that may have been waiting for a while.
    pub fn of(listener: TcpListener) -> Self {
        let port = listener.local_addr().unwrap().port();
        let taken: Arc<Mutex<Vec<String>>> = Arc::default();
        let shared = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, Arc::clone(&shared)));
            }
        });
        Self { port, taken }
    }

    /// How many messages were taken.
    pub fn messages(&self) -> usize {
        self.taken.lock().unwrap().iter().filter(|taken| taken.contains("Message-ID:")).count()
    }

    /// What was taken: commands and messages, in order.
    pub fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

async fn talk(stream: TcpStream, taken: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink\r\n").await?;
    let note = |text: String| taken.lock().unwrap().push(text);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n".to_owned(),
            "AUTH" => "235 welcome\r\n".to_owned(),
            "RCPT" if line.contains("refused") => "550 no such user here\r\n".to_owned(),
            "RCPT" if line.contains("busy") => "451 come back later\r\n".to_owned(),
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut message = String::new();
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
                        break;
                    }
                    message.push_str(line.strip_prefix('.').unwrap_or(&line));
                }
                note(message);
                "250 queued as 1\r\n".to_owned()
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n").await,
            _ => "250 ok\r\n".to_owned(),
        };
        if !matches!(verb.as_str(), "DATA" | "NOOP" | "EHLO") {
            note(line);
        }
        stream.write_all(answer.as_bytes()).await?;
    }
}
