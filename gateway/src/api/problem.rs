//! Problems: every error answer is an RFC 9457 document whose `detail` says what the caller can act on.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proto::policy::Mistake;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::fields::{Fault, Reason};

/// The kinds of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The body is no JSON object.
    Malformed,
    /// The caller is nobody that is known.
    Unauthorized,
    /// The caller may not do this.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The path does not take this method.
    MethodNotAllowed,
    /// The court refused.
    Refused,
    /// The body is too large.
    TooLarge,
    /// The body is of another type.
    UnsupportedMedia,
    /// Values cannot be used.
    Invalid,
    /// Something is broken here.
    Internal,
    /// The mesh cannot be reached.
    Unreachable,
}

impl Kind {
    const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Refused => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Refused => "refused",
            Self::TooLarge => "too-large",
            Self::UnsupportedMedia => "unsupported-media-type",
            Self::Invalid => "invalid",
            Self::Internal => "internal",
            Self::Unreachable => "unreachable",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The body cannot be read",
            Self::Unauthorized => "Nobody that is known calls",
            Self::Forbidden => "That is not allowed",
            Self::NotFound => "There is no such thing",
            Self::MethodNotAllowed => "This path does not take that method",
            Self::Refused => "The court refused",
            Self::TooLarge => "The body is too large",
            Self::UnsupportedMedia => "The body has to be JSON",
            Self::Invalid => "Some values cannot be used",
            Self::Internal => "Something went wrong here",
            Self::Unreachable => "The mesh cannot be reached",
        }
    }
}

/// A problem document.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub(super) kind: Kind,
    detail: String,
    errors: Vec<Mistake>,
    more: Map<String, Value>,
}

/// The document's own members; `more` adds what a kind has besides.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Mistake],
    #[serde(flatten)]
    more: &'a Map<String, Value>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), more: Map::new() }
    }

    /// Values that cannot be used: all of them. A body that is no JSON object is malformed as a whole.
    pub fn of_faults(faults: Vec<Fault>) -> Self {
        let malformed =
            faults.iter().any(|fault| matches!(fault.reason, Reason::NotJson | Reason::NotObject));
        let kind = if malformed { Kind::Malformed } else { Kind::Invalid };
        let errors: Vec<Mistake> = faults.into_iter().map(|fault| fault.mistake).collect();
        let told: Vec<String> = errors.iter().map(Mistake::to_string).collect();
        Self { errors, ..Self::new(kind, told.join("; ")) }
    }

    /// The same with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// The status that it is answered with.
    pub const fn status(&self) -> StatusCode {
        self.kind.status()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let document = Document {
            kind: format!("urn:federation:problem:{}", self.kind.name()),
            title: self.kind.title(),
            status: status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
            more: &self.more,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if self.kind == Kind::Unauthorized {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn document(problem: Problem) -> (StatusCode, Value) {
        let response = problem.into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn every_mistake_stands_in_the_document() {
        let faults = vec![
            Fault::new(Reason::OutOfRange, "max_leverage", "-3", "a number above 0"),
            Fault::new(Reason::MissingField, "reason", "nothing", "text"),
        ];
        let (status, body) = document(Problem::of_faults(faults)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(body["type"], "urn:federation:problem:invalid");
        assert_eq!(
            body["errors"][0],
            json!({"field": "max_leverage", "seen": "-3", "expected": "a number above 0"})
        );
        assert_eq!(body["errors"][1]["field"], "reason");
        assert!(body["detail"].as_str().unwrap().contains("max_leverage: seen -3"));
    }

    #[tokio::test]
    async fn a_body_that_is_no_object_is_malformed() {
        let fault = Fault::new(Reason::NotJson, "body", "x", "JSON");
        let (status, body) = document(Problem::of_faults(vec![fault])).await;
        assert_eq!((status, body["status"].as_u64()), (StatusCode::BAD_REQUEST, Some(400)));
    }
}
