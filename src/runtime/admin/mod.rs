//! The admin listener, on a thread of its own:
//!
//! * `GET /metrics`: everything in [`metrics`](crate::runtime::metrics), for Prometheus.
//! * `GET /healthz`: 200 as long as the process answers.
//! * `GET /readyz`: 200 when records flow, else 503 and why, one reason a line.
//! * `POST /quarantine/resume`: lifts the quarantine breaker.
//!
//! The first three are open to whoever reaches the listener: they hold counts and names of the configuration. The
//! last changes something: it asks for the token of `admin.token_file`, and without one it is offered on loopback only
//! (the configuration refuses anything else). The trap: a browser on the same machine reaches loopback too, so a call
//! that says it comes from a web page is refused.

mod listener;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::oneshot;

use crate::config::{Admin, Secret};

/// What the listener shows and can do; closures, so that it knows no worker.
pub struct Views {
    /// The text of `/metrics`.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// Every reason not to be ready; empty when records flow.
    pub not_ready: Box<dyn Fn() -> Vec<String> + Send + Sync>,
    /// Lifts the quarantine breaker; how many policies it had halted.
    pub resume: Box<dyn Fn() -> usize + Send + Sync>,
}

/// A running listener; stops when dropped.
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it listens: the port that was given for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Binds and starts answering. Fails when the address cannot be bound.
pub fn start(admin: &Admin, views: Views) -> anyhow::Result<Running> {
    let socket = TcpListener::bind(admin.listen)
        .with_context(|| format!("cannot listen on {} (admin.listen): choose a free address", admin.listen))?;
    socket.set_nonblocking(true).context("cannot use the admin listener's socket")?;
    let address = socket.local_addr().context("cannot use the admin listener's socket")?;
    let app = router(Shared { views, token: admin.token.clone(), loopback: address.ip().is_loopback() });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the admin listener")?;
    let (stop, stopped) = oneshot::channel();
    let serve = move || {
        runtime.block_on(async move {
            let socket = match tokio::net::TcpListener::from_std(socket) {
                Ok(socket) => listener::Guarded::new(socket),
                Err(error) => return tracing::error!(%error, "the admin listener has ended"),
            };
            let server = axum::serve(socket, app).into_future();
            tokio::select! {
                ended = server => if let Err(error) = ended { tracing::error!(%error, "the admin listener has ended") },
                _ = stopped => {}
            }
        });
    };
    let thread =
        std::thread::Builder::new().name("admin".to_owned()).spawn(serve).context("cannot start the admin listener")?;
    Ok(Running { address, stop: Some(stop), thread: Some(thread) })
}

struct Shared {
    views: Views,
    token: Option<Secret>,
    loopback: bool,
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/quarantine/resume", post(resume))
        .with_state(Arc::new(shared))
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (shared.views.metrics)())
}

async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    let reasons = (shared.views.not_ready)();
    if reasons.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let lines: String = reasons.iter().map(|reason| format!("{reason}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready\n{lines}"))
}

async fn resume(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if let Err(refusal) = allowed(&shared, &headers) {
        return refusal.into_response();
    }
    let lifted = (shared.views.resume)();
    tracing::warn!(policies = lifted, "the quarantine breaker was lifted by the admin listener");
    (StatusCode::OK, format!("resumed {lifted}\n")).into_response()
}

fn allowed(shared: &Shared, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
    if headers.contains_key(header::ORIGIN) {
        return Err((StatusCode::FORBIDDEN, "calls from web pages are refused\n"));
    }
    let Some(token) = &shared.token else {
        return if shared.loopback {
            Ok(())
        } else {
            Err((StatusCode::FORBIDDEN, "this call needs admin.token_file, which is not set\n"))
        };
    };
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    match given {
        Some(given) if same(given, token.expose().as_bytes()) => Ok(()),
        _ => Err((StatusCode::UNAUTHORIZED, "this call needs the token: Authorization: Bearer …\n")),
    }
}

/// Takes the same time wherever the two differ.
fn same(given: &[u8], token: &[u8]) -> bool {
    given.len() == token.len() && given.iter().zip(token).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}
