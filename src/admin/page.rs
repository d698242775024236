//! The status page at `/`: what the process says under `/status` and `/events`, for people.
//!
//! Its files are in the binary, and they are all there is: no script, style, picture or font comes from elsewhere, and the browser is
//! told to refuse any that would. What they show goes in as text, which is the page's own part of that. It only reads.

use hyper::header::{self, HeaderName};

use super::response::{Response, with};

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

/// Scripts, styles and responses of this origin, and nothing else; in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// What goes with each file. An old page would not fit a new process, so it is asked for each time.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-cache"),
];

/// The page or one of its files.
pub(super) fn file(path: &str) -> Option<Response> {
    let (_, kind, text) = FILES.iter().find(|(name, ..)| *name == path)?;
    let response = with(Response::new((*text).to_owned()), header::CONTENT_TYPE, kind);
    Some(HEADERS.into_iter().fold(response, |response, (name, value)| with(response, name, value)))
}

#[cfg(test)]
mod tests;
