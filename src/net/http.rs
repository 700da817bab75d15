//! A small HTTP server for pages that only tell: GET, loopback, nothing read from the request but its path.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at once; more wait in the system's queue.
const MOST_CONNECTIONS: usize = 32;

/// A connection that has not sent its request by then is closed (D-113).
const PATIENCE: Duration = Duration::from_secs(10);

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// HTTP status, 200 to 599.
    pub status: u16,
    /// Media type.
    pub kind: &'static str,
    /// The text.
    pub body: String,
}

/// Makes the page of a path; `None` is "not found".
pub type Pages = Arc<dyn Fn(&str) -> Option<Page> + Send + Sync>;

/// Opens the listening socket.
///
/// # Errors
///
/// What the system says, with `PermissionDenied` for an address that is not loopback: the pages have no
/// login of their own.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        let text =
            format!("{address} is not a loopback address; the status pages have no login of their own");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    TcpListener::bind(address).await
}

/// Serves `pages` until the future is dropped.
pub async fn serve(listener: TcpListener, pages: Pages) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors or memory: it passes, and must not become a busy loop.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let pages = pages.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                let reply = answer(request.method(), request.uri().path(), &pages);
                async move { Ok::<_, Infallible>(reply) }
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false);
            // A reader who goes away or sends nonsense hurts nobody but himself.
            let _closed =
                tokio::time::timeout(PATIENCE, server.serve_connection(TokioIo::new(stream), answer)).await;
            drop(place);
        });
    }
}

fn answer(method: &Method, path: &str, pages: &Pages) -> Response<Full<Bytes>> {
    let page = match *method {
        Method::GET => {
            pages(path).unwrap_or(Page { status: 404, kind: "text/plain", body: "not found\n".into() })
        }
        _ => Page { status: 405, kind: "text/plain", body: "only GET\n".into() },
    };
    let mut response = Response::new(Full::new(Bytes::from(page.body)));
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(page.kind));
    headers.insert(hyper::header::CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn ask(request: &str) -> String {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let pages: Pages = Arc::new(|path| {
            (path == "/here").then(|| Page { status: 200, kind: "text/plain", body: "hello\n".into() })
        });
        let server = tokio::spawn(serve(listener, pages));
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        server.abort();
        reply
    }

    #[tokio::test]
    async fn a_known_page_is_told_and_everything_else_is_not() {
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(ask(&get("/here")).await.ends_with("\r\n\r\nhello\n"));
        assert!(ask(&get("/elsewhere")).await.starts_with("HTTP/1.1 404"));
        assert!(
            ask("POST /here HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
                .await
                .starts_with("HTTP/1.1 405")
        );
    }

    #[tokio::test]
    async fn the_pages_are_for_this_machine_alone_d_030() {
        let refused = listen("0.0.0.0:0".parse().unwrap()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    }
}
