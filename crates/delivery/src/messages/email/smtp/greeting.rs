//! The first words with an SMTP server: what it offers is known before the connection is handed to the library, and encryption
//! that it offers has begun by then.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::{client::AsyncTokioStream, extension::ClientId};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf},
    net::TcpStream,
};

/// Bytes of one answer.
const LONGEST: u64 = 16 << 10;
/// What the library hears in place of the greeting that was read already, or never comes after STARTTLS.
const GREETING: &[u8] = b"220 ready\r\n";

/// What a server offers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// STARTTLS, which it waits to be begun by now.
    Encryption,
    /// No encryption.
    Nothing,
}

/// Reads the greeting, asks what the server offers, and has it wait for encryption where it offers that.
pub(super) async fn ask(stream: TcpStream, hello: &ClientId) -> Result<(TcpStream, Offer), String> {
    let mut stream = BufReader::new(stream);
    answer(&mut stream, "220").await?;
    say(&mut stream, &format!("EHLO {hello}\r\n")).await?;
    let offers = answer(&mut stream, "250").await?;
    let has_tls =
        offers.lines().any(|line| line.get(4..).is_some_and(|offer| offer.trim().eq_ignore_ascii_case("STARTTLS")));
    if !has_tls {
        return Ok((stream.into_inner(), Offer::Nothing));
    }
    say(&mut stream, "STARTTLS\r\n").await?;
    answer(&mut stream, "220").await?;
    if !stream.buffer().is_empty() {
        // What somebody on the way has put there would be read as if it came encrypted.
        return Err("The server spoke before encryption had begun.".to_owned());
    }
    Ok((stream.into_inner(), Offer::Encryption))
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) -> Result<(), String> {
    stream.write_all(text.as_bytes()).await.map_err(|error| error.to_string())
}

/// An answer with the code that is hoped for.
async fn answer(stream: &mut BufReader<TcpStream>, code: &str) -> Result<String, String> {
    let mut limited = stream.take(LONGEST);
    let mut answer = String::new();
    loop {
        let start = answer.len();
        let read = limited.read_line(&mut answer).await.map_err(|error| error.to_string())?;
        let line = &answer[start..];
        if read == 0 || !line.ends_with('\n') {
            return Err("The server ended the connection.".to_owned());
        }
        if !line.starts_with(code) {
            return Err(format!("The server answers: {}", line.trim()));
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(answer);
        }
    }
}

/// A stream on which a greeting is read first.
pub(super) struct Greeted<S> {
    stream: S,
    peer: SocketAddr,
    greeting: &'static [u8],
}

impl<S> Greeted<S> {
    /// Puts a greeting before the stream where the real one has been read.
    pub(super) fn new(stream: S, peer: SocketAddr, was_greeted: bool) -> Greeted<S>
    where
        S: AsyncRead + AsyncWrite,
    {
        Self { stream, peer, greeting: if was_greeted { GREETING } else { &[] } }
    }
}

impl<S> fmt::Debug for Greeted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Greeted").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.greeting.is_empty() {
            let taken = self.greeting.len().min(buffer.remaining());
            let (now, later) = self.greeting.split_at(taken);
            buffer.put_slice(now);
            self.greeting = later;
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> AsyncTokioStream for Greeted<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
