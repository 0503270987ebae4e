//! Encryption with servers for e-mail: who is believed, and what happens where there is none.

use std::sync::{Arc, Mutex};

use kernel::Timestamp;
use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::messages::{
    email::{Letter, mime},
    tests::authority::Authority,
};

impl Authority {
    /// What a server of this name shows.
    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let (certificate, key) = self.signed(name);
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::try_from(key).unwrap())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// How a server talks.
#[derive(Clone)]
enum Manner {
    /// Encrypted from the start.
    Encrypted(TlsAcceptor),
    /// Encrypted after STARTTLS.
    Upgraded(TlsAcceptor),
    /// Without encryption, and STARTTLS is not among what it offers: as somebody on the way would have it.
    Plain,
    /// Somebody on the way adds a command after the answer to STARTTLS.
    Injected,
}

/// What a server was told.
type Told = Arc<Mutex<Vec<String>>>;

/// One connection with a server on `port` that talks in this manner; what came of an e-mail, and what the server was told.
async fn send(client: &Client, port: u16, manner: Manner) -> (Result<(), Failure>, Vec<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let told = Told::default();
    let noted = Arc::clone(&told);
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // A client that does not believe the server hangs up.
        let _ = serve(stream, manner, noted).await;
    });
    let tcp = TcpStream::connect(address).await.unwrap();
    let server = Server { host: "mail.test", port, user: "me", password: "pass-word-1" };
    let letter = Letter {
        to: "ann@example.com".into(),
        from: "mail@acme.example".into(),
        subject: "Hello".into(),
        html: "<p>Hello</p>".into(),
        text: "Hello".into(),
        ..Letter::default()
    };
    let (envelope, message) = mime::message(&letter, "job_1", Timestamp::from_seconds(1), &[]).unwrap();
    let outcome = async {
        let mut connection = begin(client, &server, tcp).await?;
        connection.send(&envelope, &message).await.map_err(|error| failure(&error))?;
        connection.quit().await.map_err(|error| failure(&error))?;
        Ok(())
    };
    let outcome = outcome.await;
    served.await.unwrap();
    let told = told.lock().unwrap().clone();
    (outcome, told)
}

async fn serve(mut stream: TcpStream, manner: Manner, told: Told) -> std::io::Result<()> {
    match manner {
        Manner::Encrypted(acceptor) => {
            let mut stream = acceptor.accept(stream).await?;
            stream.write_all(b"220 sink\r\n").await?;
            talk(stream, "", told).await.map(drop)
        }
        Manner::Upgraded(acceptor) => {
            stream.write_all(b"220 sink\r\n").await?;
            let stream = talk(stream, "250-STARTTLS\r\n", Arc::clone(&told)).await?;
            talk(acceptor.accept(stream).await?, "", told).await.map(drop)
        }
        Manner::Plain => {
            stream.write_all(b"220 sink\r\n").await?;
            talk(stream, "", told).await.map(drop)
        }
        Manner::Injected => {
            stream.write_all(b"220 sink\r\n").await?;
            let mut stream = talk(stream, "250-STARTTLS\r\n", told).await?;
            stream.write_all(b"250 and more\r\n").await
        }
    }
}

/// Answers until the client quits, or asks for encryption and is granted it.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: S, offers: &str, told: Told) -> std::io::Result<S> {
    let mut stream = BufReader::new(stream);
    let mut is_message = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_owned();
        if is_message {
            is_message = line != ".";
            if !is_message {
                stream.write_all(b"250 queued\r\n").await?;
            }
            continue;
        }
        told.lock().unwrap().push(line.clone());
        let answer = match line.split(' ').next().unwrap_or_default() {
            "EHLO" => format!("250-sink\r\n{offers}250 AUTH PLAIN\r\n"),
            "STARTTLS" => {
                stream.write_all(b"220 go ahead\r\n").await?;
                return Ok(stream.into_inner());
            }
            "AUTH" => "235 welcome\r\n".to_owned(),
            "DATA" => {
                is_message = true;
                "354 go on\r\n".to_owned()
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                stream.flush().await?;
                return Ok(stream.into_inner());
            }
            _ => "250 ok\r\n".to_owned(),
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
    }
}

fn has_taken_it(told: &[String]) -> bool {
    told.iter().any(|line| line == "DATA")
}

#[tokio::test]
async fn an_email_goes_encrypted_from_the_start_or_after_starttls() {
    let authority = Authority::new();
    let (client, acceptor) = (authority.client(), authority.acceptor("mail.test"));
    let (sent, told) = send(&client, TLS_PORT, Manner::Encrypted(acceptor.clone())).await;
    sent.unwrap();
    assert!(has_taken_it(&told) && told[1].starts_with("AUTH PLAIN "), "{told:?}");
    for port in [SUBMISSION_PORT, 2525] {
        let (sent, told) = send(&client, port, Manner::Upgraded(acceptor.clone())).await;
        sent.unwrap();
        // The password comes after encryption.
        assert_eq!(told[1], "STARTTLS");
        assert!(has_taken_it(&told) && told[3].starts_with("AUTH PLAIN "), "{told:?}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_gets_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let client = authority.client();
    for acceptor in [other.acceptor("mail.test"), authority.acceptor("other.test")] {
        for (port, manner) in
            [(TLS_PORT, Manner::Encrypted(acceptor.clone())), (SUBMISSION_PORT, Manner::Upgraded(acceptor.clone()))]
        {
            let (sent, told) = send(&client, port, manner).await;
            let reason = sent.unwrap_err().reason;
            assert!(reason.contains("certificate"), "{reason}");
            assert!(!told.iter().any(|line| line.starts_with("AUTH")) && !has_taken_it(&told), "{told:?}");
        }
    }
}

#[tokio::test]
async fn where_encryption_is_demanded_a_server_without_it_gets_nothing() {
    let client = Authority::new().client();
    let (sent, told) = send(&client, SUBMISSION_PORT, Manner::Plain).await;
    let failure = sent.unwrap_err();
    assert_eq!((failure.reason.as_str(), failure.may_pass), ("The server mail.test offers no encryption.", false));
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn what_is_put_between_a_server_and_its_encryption_is_not_read() {
    let authority = Authority::new();
    let (sent, told) = send(&authority.client(), SUBMISSION_PORT, Manner::Injected).await;
    sent.unwrap_err();
    assert!(!has_taken_it(&told), "{told:?}");
}
