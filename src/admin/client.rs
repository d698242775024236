//! The other end: asks a running bridge over HTTP, or over its local socket.

use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::http::request::Builder;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::server::local;
use crate::causes;

/// How long connecting, asking and the whole answer may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Bytes of an answer: a hundred times what a large estate says.
const LARGEST: usize = 256 << 20;

/// Where a bridge is asked.
#[derive(Debug, Clone)]
pub enum AdminClient {
    /// On this machine, by the port of its `[admin] listen`.
    Local(u16),
    /// At host and port, perhaps with the token of a file.
    Remote(String, Option<PathBuf>),
}

/// What a bridge answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminReply {
    /// Of HTTP.
    pub status: u16,
    /// As it came.
    pub body: Vec<u8>,
}

impl AdminClient {
    /// Asks once. What went wrong is in the error, in words.
    pub async fn send(&self, method: &str, path: &str) -> Result<AdminReply, String> {
        let asked = tokio::time::timeout(LIMIT, self.ask(method, path)).await;
        asked.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())))
    }

    async fn ask(&self, method: &str, path: &str) -> Result<AdminReply, String> {
        let request = Request::builder().method(method).uri(path);
        match self {
            Self::Local(port) => {
                let address = local::address(*port).map_err(|error| causes::whole(&error))?;
                let stream = std::os::unix::net::UnixStream::connect_addr(&address)
                    .and_then(|stream| stream.set_nonblocking(true).map(|()| stream))
                    .and_then(UnixStream::from_std)
                    .map_err(|error| causes::whole(&error))?;
                talk(stream, request.header(header::HOST, "localhost")).await
            }
            Self::Remote(address, token) => {
                let mut request = request.header(header::HOST, address);
                if let Some(file) = token {
                    let token = std::fs::read_to_string(file)
                        .map_err(|error| format!("`{}`: {error}", file.display()))?;
                    request =
                        request.header(header::AUTHORIZATION, format!("Bearer {}", token.trim()));
                }
                let stream = TcpStream::connect(address).await;
                talk(stream.map_err(|error| causes::whole(&error))?, request).await
            }
        }
    }
}

async fn talk<S>(stream: S, request: Builder) -> Result<AdminReply, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = request.body(String::new()).map_err(|error| causes::whole(&error))?;
    let whole = |error: hyper::Error| causes::whole(&error);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(whole)?;
    // It ends with its stream; what goes wrong is told by the sender.
    let driver = tokio::spawn(async move { drop(connection.await) });
    let answer = sender.send_request(request).await.map_err(whole)?;
    let status = answer.status().as_u16();
    let body = all_of(answer.into_body()).await;
    driver.abort();
    Ok(AdminReply { status, body: body? })
}

/// A body, up to a limit.
async fn all_of(mut body: Incoming) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame.map_err(|error| causes::whole(&error))?.into_data() {
            if all.len() + data.len() > LARGEST {
                return Err(format!("the answer is larger than {LARGEST} bytes"));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(all)
}
