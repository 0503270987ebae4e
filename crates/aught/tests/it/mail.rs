//! E-mail over encrypted connections: whom the operator of an installation trusts, the program believes.

use std::{sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::Method;
use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    crash::{Api, serve},
    program::Server,
};

/// An authority's certificate in PEM, and a server for `localhost` that it vouches for.
fn authority() -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let (issuer, key) = (Issuer::new(params, key), KeyPair::generate().unwrap());
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], key);
    (certificate, TlsAcceptor::from(Arc::new(config.unwrap())))
}

/// Talks SMTP; gives the stream back when encryption is asked for, and else the message.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: S, offers: &str) -> std::io::Result<(S, String)> {
    let mut stream = BufReader::new(stream);
    let mut message = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(text) = &mut message {
            if line == ".\r\n" {
                stream.write_all(b"250 queued\r\n").await?;
                stream.flush().await?;
                return Ok((stream.into_inner(), std::mem::take(text)));
            }
            text.push_str(&line);
            continue;
        }
        let answer = match line.split(' ').next().unwrap_or_default().trim_end() {
            "EHLO" => format!("250-sink\r\n{offers}250 8BITMIME\r\n"),
            "STARTTLS" => {
                stream.write_all(b"220 go ahead\r\n").await?;
                return Ok((stream.into_inner(), String::new()));
            }
            "DATA" => {
                message = Some(String::new());
                "354 go on\r\n".to_owned()
            }
            _ => "250 ok\r\n".to_owned(),
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
    }
}

/// The message of the first connection.
async fn received(listener: TcpListener, acceptor: TlsAcceptor) -> std::io::Result<String> {
    let (mut stream, _) = listener.accept().await?;
    stream.write_all(b"220 sink\r\n").await?;
    let (stream, _) = talk(stream, "250-STARTTLS\r\n").await?;
    Ok(talk(acceptor.accept(stream).await?, "").await?.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_servers_authority_is_trusted_where_the_usual_variable_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, acceptor) = authority();
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, certificate).unwrap();
    let mut command = serve(folder.path().join("aught.db").to_str().unwrap(), folder.path());
    command.env("SSL_CERT_FILE", &file).args(["--outbound-private", "allow"]);
    let server = Server::start(command);
    let api = Api::open(&server).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = json!({
        "name": "smtp", "default_from_address": "mail@acme.example",
        "credentials": {"smtp_host": "localhost", "smtp_port": listener.local_addr().unwrap().port()},
    });
    let (status, _) = api.ask(Method::POST, "/emails/provider", Some(&provider)).await.unwrap();
    assert_eq!(status, 201);
    let received = tokio::spawn(received(listener, acceptor));
    let connection = "Username-Password-Authentication";
    let user = json!({"connection": connection, "email": "ann@example.com", "password": "Aught-1234!"});
    let (status, _) = api.ask(Method::POST, "/users", Some(&user)).await.unwrap();
    assert_eq!(status, 201);
    let message = tokio::time::timeout(Duration::from_secs(60), received).await.unwrap().unwrap().unwrap();
    assert!(message.contains("To: ann@example.com"), "{message}");
}
