//! The status page at `/`: what the process says under `/status` and `/events`, for people.
//!
//! Its files are in the binary, and they are all there is: no script, style, picture or font comes from elsewhere, and the browser is
//! told to refuse any that would. What they show goes in as text, which is the page's own part of that. It only reads.

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, kind and text of each file.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("page/index.html")),
    ("/page.css", STYLE, include_str!("page/page.css")),
    ("/page.js", SCRIPT, include_str!("page/page.js")),
    ("/page/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/page/headline.js", SCRIPT, include_str!("page/headline.js")),
    ("/page/held.js", SCRIPT, include_str!("page/held.js")),
    ("/page/map.js", SCRIPT, include_str!("page/map.js")),
    ("/page/mappings.js", SCRIPT, include_str!("page/mappings.js")),
    ("/page/process.js", SCRIPT, include_str!("page/process.js")),
    ("/page/runbooks.js", SCRIPT, include_str!("page/runbooks.js")),
    ("/page/timeline.js", SCRIPT, include_str!("page/timeline.js")),
    ("/page/words.js", SCRIPT, include_str!("page/words.js")),
];

/// Scripts, styles and answers of this origin, and nothing else; in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// What goes with each file. An old page would not fit a new process, so it is asked for each time.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-cache"),
];

/// The page and its files.
pub(super) fn routes() -> Router {
    FILES.iter().fold(Router::new(), |routes, &(path, kind, text)| {
        let answer = async move || (HEADERS, [(header::CONTENT_TYPE, kind)], text).into_response();
        routes.route(path, get(answer))
    })
}

#[cfg(test)]
mod tests;
