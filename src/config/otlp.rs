//! `[otlp]`, checked: where metrics and spans are exported to.

use std::path::PathBuf;
use std::time::Duration;

use super::Tls;

/// `[otlp]`, if it names a collector.
#[derive(Debug, Clone, PartialEq)]
pub struct Otlp {
    /// The URL of the collector, without a slash at its end.
    pub endpoint: String,
    /// Headers of each request, a line each. Read anew for each.
    pub headers_file: Option<PathBuf>,
    /// Who is trusted, and who we are.
    pub tls: Tls,
    /// How long one request may take.
    pub timeout: Duration,
    /// How often metrics are exported; `None` is never.
    pub metrics: Option<Duration>,
    /// The part of sampled traces that is followed into spans; `None` is none.
    pub traces: Option<f64>,
    /// What the exporting process is, beside what it says of itself; `service.name` is among them.
    pub resource: Vec<(String, String)>,
}

impl Otlp {
    /// What a bridge is called unless it is told otherwise.
    pub const SERVICE: &str = "kafka-eventhubs-bridge";
}

/// The headers in the text of a file, one `name: value` a line; or the number of the line that is none. Never shows a value.
pub fn headers(text: &str) -> Result<Vec<(String, super::Secret)>, usize> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let header = |(index, line): (usize, &str)| {
        let (name, value) = line.split_once(':').ok_or(index + 1)?;
        let (name, value) = (name.trim(), value.trim());
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let named = !name.is_empty() && name.bytes().all(token);
        let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if named && printable {
            Ok((name.to_owned(), super::Secret::new(value)))
        } else {
            Err(index + 1)
        }
    };
    lines.map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_line() {
        let read = headers("Authorization: Bearer a:b=\n\n  x-team :orders\r\n").unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (&**name, value.expose())).collect();
        assert_eq!(read, [("Authorization", "Bearer a:b="), ("x-team", "orders")]);
        for (text, line) in
            [("a: b\nno header", 2), ("two words: x", 1), (": x", 1), ("a: \u{7f}", 1)]
        {
            assert_eq!(headers(text).unwrap_err(), line, "{text}");
        }
    }
}
