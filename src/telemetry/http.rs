//! `/metrics`, `/livez`, `/readyz`, on a port of their own.

use super::{Exporter, Readiness};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

/// What operators' machines ask. `/livez` answers while the process runs at all; `/readyz`
/// answers 503 with the reasons while it takes no work.
pub fn router(exporter: &'static Exporter, readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(move || async move { metrics(exporter) }))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready).with_state(readiness))
}

fn metrics(exporter: &'static Exporter) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], exporter.render())
}

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    let code = match readiness.is_ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, readiness.describe())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn probes_answer_and_say_why() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let readiness = Readiness::new(&["store"]);
        let app = router(Exporter::install("3304".parse().unwrap()).unwrap(), readiness.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let ask = async |path: &str| {
            let mut stream = TcpStream::connect(at).await.unwrap();
            let ask = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            stream.write_all(ask.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        assert!(ask("/livez").await.starts_with("HTTP/1.1 200"));
        let answer = ask("/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("store: starting"));
        readiness.set("store", Ok(()));
        assert!(ask("/readyz").await.starts_with("HTTP/1.1 200"));
        let answer = ask("/metrics").await;
        assert!(answer.contains("hotline_ready{cell=\"3304\"} 1"), "{answer}");
        server.abort();
    }
}
