//! What operators ask: `/live`, `/ready` and `/metrics` by HTTP, the whole report by a socket of the run folder.
//!
//! Whoever asks slowly, or opens many connections, takes nothing from others for long: requests have a time limit, there
//! is a most of connections, and the oldest gives way to a new one. Nothing that is served is secret, and nothing that
//! is sent changes anything.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::AbortHandle;
use tokio::time;

use super::board::Board;
use super::event::{Event, SourceName, Tell};
use super::metrics::Exposition;
use super::readings::Readings;

mod request;
pub mod socket;

/// The socket, in the run folder.
pub const SOCKET: &str = "agent.sock";

/// Where metrics are.
const METRICS: &str = "/metrics";

/// How long a client may take to send its request.
const HEAD: Duration = Duration::from_secs(2);

/// How long a connection may last in all; Prometheus and probes open another.
const CONNECTION: Duration = Duration::from_secs(30);

/// Most connections at a time.
pub const CONNECTIONS: usize = 64;

/// Longest head of a request, in bytes.
const HEAD_BYTES: usize = 8 << 10;

/// Who is asked for what is served.
#[derive(Clone, Debug)]
pub struct Desk {
    /// What the loop posts.
    pub board: Arc<Board>,
    /// Who reads counters.
    pub readings: Readings,
    /// The loop.
    pub tell: Tell,
}

impl Desk {
    /// The metrics of this moment.
    async fn metrics(&self, exposition: Exposition) -> String {
        self.readings.refresh().await;
        self.board.metrics.machine.read();
        self.board.metrics.text(exposition)
    }
}

/// Serves from a thread of its own, and tells the loop of signals to end.
///
/// # Errors
/// If an address or the socket cannot be had.
pub fn start(http: Option<SocketAddr>, socket: &Path, desk: &Desk) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let http = http.map(listener).transpose()?;
    // Whoever holds the lock of the folder may take away what a dead agent left.
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let status = UnixListener::bind(socket)?;
    fs::set_permissions(socket, Permissions::from_mode(0o600))?;
    let desk = desk.clone();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    drop(inside);
    thread::spawn(move || {
        runtime.block_on(async move {
            if let Some(http) = http {
                tokio::spawn(serve_http(http, desk.clone()));
            }
            tokio::spawn(socket::serve(status, desk.clone()));
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            // The loop may be busy, and the others are served meanwhile.
            thread::spawn(move || desk.tell.tell(&SourceName::new("signal"), Event::Stop));
            std::future::pending::<()>().await;
        });
    });
    Ok(())
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn serve_http(listener: TcpListener, desk: Desk) -> ! {
    let mut connections = Connections::default();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely.
            time::sleep(HEAD).await;
            continue;
        };
        let desk = desk.clone();
        connections.add(async move {
            let answer = service_fn(move |request| {
                let desk = desk.clone();
                async move { Ok::<_, Infallible>(answer(&request, &desk).await) }
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
            // Whether a client went away early is its own business.
            drop(server.serve_connection(TokioIo::new(stream), answer).await);
        });
    }
}

/// The connections that are open, oldest first.
#[derive(Default)]
struct Connections(VecDeque<AbortHandle>);

impl Connections {
    fn add(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        self.0.retain(|known| !known.is_finished());
        while self.0.len() >= CONNECTIONS {
            self.0.pop_front().inspect(AbortHandle::abort);
        }
        let limited = async { drop(time::timeout(CONNECTION, connection).await) };
        self.0.push_back(tokio::spawn(limited).abort_handle());
    }
}

async fn answer(request: &Request<Incoming>, desk: &Desk) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/live") => {
            if desk.board.is_alive() {
                (StatusCode::OK, TEXT, "alive\n".to_owned())
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, TEXT, "the loop is stuck\n".to_owned())
            }
        }
        (&Method::GET | &Method::HEAD, "/ready") => match &desk.board.report().not_ready_because {
            None => (StatusCode::OK, TEXT, "ready\n".to_owned()),
            Some(why) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not ready: {why}\n")),
        },
        (&Method::GET | &Method::HEAD, METRICS) => {
            let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
            let exposition = Exposition::accepted(accept.unwrap_or_default());
            (StatusCode::OK, exposition.content_type(), desk.metrics(exposition).await)
        }
        (&Method::GET | &Method::HEAD, _) => {
            (StatusCode::NOT_FOUND, TEXT, "there are /live, /ready and /metrics\n".to_owned())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
