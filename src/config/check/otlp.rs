//! `[otlp]`: where metrics go beside `/metrics`, and spans at all.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::config::hint::shown;
use crate::config::otlp::headers;
use crate::config::path::Path;
use crate::config::{ClientCertificate, Otlp, Tls, raw};

use super::Check;

impl Check<'_> {
    /// `None` when nothing is exported.
    pub(super) fn otlp(&mut self, given: &raw::Otlp) -> Option<Otlp> {
        let at = Path::top("otlp");
        let timeout = self.duration(
            &at.key("timeout"),
            given.timeout.as_ref(),
            Duration::from_secs(10),
            "100ms"..="1m",
        );
        let interval = self.duration(
            &at.key("metrics_interval"),
            given.metrics_interval.as_ref(),
            Duration::from_mins(1),
            "1s"..="1h",
        );
        let ratio = self.ratio(&at.key("trace_ratio"), given.trace_ratio.as_ref());
        let Some(url) = &given.endpoint else {
            self.is_unused(&at, given);
            return None;
        };
        let headers_file = self.headers(&at, given.headers_file.as_ref());
        let files = [&given.ca_file, &given.certificate_file, &given.key_file];
        let tls = self.tls_files(&at, files);
        let resource = self.resource(&at, given);
        let endpoint = self.collector(&at.key("endpoint"), url);
        let metrics = given.metrics.unwrap_or(true).then_some(interval);
        let traces = given.traces.unwrap_or(true).then_some(ratio).filter(|ratio| *ratio > 0.0);
        if metrics.is_none() && traces.is_none() {
            return None;
        }
        Some(Otlp { endpoint: endpoint?, headers_file, tls, timeout, metrics, traces, resource })
    }

    fn ratio(&mut self, at: &Path, given: Option<&raw::Ratio>) -> f64 {
        let Some(raw::Ratio(ratio)) = given else { return 1.0 };
        if (0.0..=1.0).contains(ratio) {
            return *ratio;
        }
        let why = "it is a fraction of the sampled traces";
        self.wrong(at, format!("is {ratio}, out of bounds"), why, "choose one between 0 and 1");
        1.0
    }

    /// What says how to export, while nothing is exported.
    fn is_unused(&mut self, at: &Path, given: &raw::Otlp) {
        let said = [
            ("headers_file", &given.headers_file),
            ("ca_file", &given.ca_file),
            ("certificate_file", &given.certificate_file),
            ("key_file", &given.key_file),
        ];
        for (key, _) in said.into_iter().filter(|(_, value)| value.is_some()) {
            let why = "nothing is exported without `otlp.endpoint`";
            self.wrong(&at.key(key), "is never used", why, "set `endpoint`, or remove the key");
        }
    }

    fn collector(&mut self, at: &Path, url: &str) -> Option<String> {
        let what = ("a collector that accepts OTLP over HTTP", "http://HOST:4318", "headers_file");
        let url = self.url(at, url, what)?;
        if url.split('/').nth(2).is_some_and(|host| host.ends_with(":4317")) {
            let why = "collectors accept OTLP over gRPC on that port, and the bridge uses HTTP";
            self.warn(at, "ends in 4317", why, "write the port for HTTP, usually 4318");
        }
        Some(url)
    }

    /// A URL without user, query or fragment, and without a slash at its end: of what it is, such as, and what says who asks.
    pub(super) fn url(
        &mut self,
        at: &Path,
        url: &str,
        (what, such_as, who): (&str, &str, &str),
    ) -> Option<String> {
        let url = url.trim().trim_end_matches('/');
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (host, None),
        };
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        if name.is_empty() || !is_port || url.contains(['@', '?', '#', ' ']) {
            // It may hold a password.
            let said = if url.contains('@') {
                "holds a user or a password".to_owned()
            } else {
                format!("is {}, not a usable URL", shown(url))
            };
            let why = format!("it is the URL of {what}");
            let hint = format!("write `{such_as}`; credentials belong into `{who}`");
            self.wrong(at, said, why, hint);
            return None;
        }
        Some(url.to_owned())
    }

    /// A file with headers of HTTP, if there is one.
    pub(super) fn headers(&mut self, at: &Path, named: Option<&String>) -> Option<PathBuf> {
        let at = at.key("headers_file");
        let (text, path) = self.file(&at, named?, "the headers")?;
        self.are_headers(&at, &text).then_some(path)
    }

    fn are_headers(&mut self, at: &Path, text: &str) -> bool {
        let Err(line) = headers(text) else { return true };
        self.wrong(
            at,
            format!("names a file whose line {line} is not a header"),
            "each line is an HTTP header",
            "write `name: value`, one a line",
        );
        false
    }

    /// `ca_file`, `certificate_file` and `key_file` of a table.
    pub(super) fn tls_files(&mut self, at: &Path, files: [&Option<String>; 3]) -> Tls {
        let [ca_file, certificate, key] = files;
        let both = [("certificate_file", certificate), ("key_file", key)];
        if let [(missing, None), (_, Some(_))] | [(_, Some(_)), (missing, None)] = both {
            let why = "a certificate and its key belong together";
            self.missing(&at.key(missing), why, "add it, or remove the other one");
        }
        let ca_file = self.pem(&at.key("ca_file"), ca_file.as_ref());
        let certificate = self.pem(&at.key("certificate_file"), certificate.as_ref());
        let key = self.pem(&at.key("key_file"), key.as_ref());
        let identity = certificate
            .zip(key)
            .map(|(certificate_file, key_file)| ClientCertificate { certificate_file, key_file });
        Tls { ca_file, identity }
    }

    /// `service.name` and what else the operator says.
    fn resource(&mut self, at: &Path, given: &raw::Otlp) -> Vec<(String, String)> {
        let why = "it is the name of this bridge in telemetry";
        let name = self.text(&at.key("service_name"), given.service_name.as_ref(), why);
        let name = name.unwrap_or_else(|| Otlp::SERVICE.to_owned());
        let mut resource = vec![("service.name".to_owned(), name)];
        let at = at.key("resource_attributes");
        let text = given.resource_attributes.as_deref().unwrap_or_default();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let pair = part.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
            let decoded = |text: &str| {
                percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
            };
            let pair = pair.and_then(|(name, value)| decoded(name).zip(decoded(value)));
            match pair {
                Some((name, value)) if !name.is_empty() && name != "service.name" => {
                    resource.push((name, value));
                }
                Some((name, _)) if name == "service.name" => self.wrong(
                    &at,
                    "holds `service.name`",
                    "that is `otlp.service_name`",
                    "write it there",
                ),
                _ => self.wrong(
                    &at,
                    format!("holds {}, not an attribute", shown(part.trim())),
                    "attributes are `name=value`, comma separated, with `%2C` for a comma",
                    "write `deployment.environment.name=production`",
                ),
            }
        }
        resource
    }
}
