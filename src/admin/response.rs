//! What is sent back, and the parts of requests that it depends on.

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::json;

/// What is sent back: all of it is text.
pub(super) type Response = hyper::Response<String>;

/// The answer of a path that only tells, to the methods that only ask.
pub(super) fn only_read(method: &Method, answer: Option<Response>) -> Response {
    match answer {
        None => status(StatusCode::NOT_FOUND),
        Some(answer) if [Method::GET, Method::HEAD].contains(method) => answer,
        Some(_) => wrong_method("GET,HEAD"),
    }
}

pub(super) fn wrong_method(right: &'static str) -> Response {
    with(status(StatusCode::METHOD_NOT_ALLOWED), header::ALLOW, right)
}

/// Only a status.
fn status(status: StatusCode) -> Response {
    let mut answer = Response::default();
    *answer.status_mut() = status;
    answer
}

/// `answer` with one more header.
pub(super) fn with(mut answer: Response, name: HeaderName, value: &'static str) -> Response {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}

/// What is so now, and not any more when somebody looks again.
pub(super) fn told(code: StatusCode, text: String) -> Response {
    with(json_of(code, text), header::CACHE_CONTROL, "no-store")
}

/// Why something is not done.
pub(super) fn refused(code: StatusCode, why: &str) -> Response {
    told(code, json!({ "error": why }).to_string())
}

pub(super) fn json_of(code: StatusCode, text: String) -> Response {
    let mut answer = with(Response::new(text), header::CONTENT_TYPE, "application/json");
    *answer.status_mut() = code;
    answer
}

/// A page for Prometheus.
pub(super) fn scraped(page: String) -> Response {
    with(Response::new(page), header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")
}

/// The value of a parameter of the query, as forms write it.
pub(super) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let pairs = uri.query().unwrap_or_default().split('&');
    let value = pairs.filter_map(|it| it.split_once('=')).find(|(it, _)| *it == name)?.1;
    Some(percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned())
}
