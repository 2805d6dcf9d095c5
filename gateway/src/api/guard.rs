//! Who may command from a browser: a page of somebody else's must not stop trading, or start it.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{Kind, Problem};

/// The origins that may command, besides the gateway's own.
#[derive(Debug, Clone, Default)]
pub struct Origins(pub Vec<String>);

/// Lets a request through that a stranger's page could not have sent.
pub async fn guard(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    match check(&origins, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(origins: &Origins, headers: &HeaderMap) -> Result<(), Problem> {
    // Browsers name the page's origin on every POST; other clients have none.
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("null");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if origins.0.iter().any(|allowed| allowed == origin) || is_own(origin, host) {
        return Ok(());
    }
    let detail = format!("pages of {origin} may not command: allow it with --cors-origin");
    Err(Problem::new(Kind::Forbidden, detail))
}

/// Whether a page was served here. Only a loopback name counts: any other could have been pointed here by a stranger.
fn is_own(origin: &str, host: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let loopback = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    loopback && uri.authority().is_some_and(|authority| authority.as_str() == host)
}

/// Whether a body is announced as JSON: a stranger's page cannot send that without being asked first.
///
/// # Errors
/// A problem when it is announced as anything else.
pub fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let announced =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = announced.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        return Ok(());
    }
    let detail = format!("Content-Type is {announced:?}, expected application/json");
    Err(Problem::new(Kind::UnsupportedMedia, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_strangers_page_may_not_command() {
        let origins = Origins(vec!["https://desk.example".to_owned()]);
        for (origin, host, allowed) in [
            ("https://desk.example", "127.0.0.1:8001", true),
            ("http://localhost:8001", "localhost:8001", true),
            ("http://localhost:3000", "localhost:8001", false),
            ("http://evil.example:8001", "evil.example:8001", false),
            ("https://evil.example", "127.0.0.1:8001", false),
            ("null", "127.0.0.1:8001", false),
        ] {
            let checked = check(&origins, &headers(&[("origin", origin), ("host", host)]));
            assert_eq!(checked.is_ok(), allowed, "{origin} at {host}");
        }
        assert!(check(&origins, &headers(&[("host", "127.0.0.1:8001")])).is_ok(), "curl has no origin");
    }

    #[test]
    fn a_body_has_to_be_announced_as_json() {
        for (content_type, good) in
            [("application/json", true), ("application/json; charset=utf-8", true), ("text/plain", false)]
        {
            assert_eq!(
                expect_json(&headers(&[("content-type", content_type)])).is_ok(),
                good,
                "{content_type}"
            );
        }
        assert!(expect_json(&HeaderMap::new()).is_err());
    }
}
