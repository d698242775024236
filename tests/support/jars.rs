//! The jars of Kafka: from Maven once, then in the user's cache, never in the checkout.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const VERSION: &str = "4.1.1";

/// What to do about a missing program.
pub const INSTALL: &str =
    "these tests run a real Kafka; install it with `apt-get install default-jre-headless maven`";

/// The class path. Asks Maven once per user; other test processes wait meanwhile.
pub fn jars() -> String {
    static JARS: OnceLock<String> = OnceLock::new();
    JARS.get_or_init(|| {
        let cache = cache_dir();
        fs::create_dir_all(&cache).expect("a writable cache directory");
        let lock = File::create(cache.join("lock")).expect("a writable cache directory");
        lock.lock().expect("a lockable file");
        let libs = cache.join("libs");
        if !libs.is_dir() {
            download(&cache, &libs);
        }
        format!("{}/*", libs.display())
    })
    .clone()
}

fn cache_dir() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").expect("`HOME` is set")).join(".cache"),
        PathBuf::from,
    );
    base.join("kafka-eventhubs-bridge").join(format!("kafka-{VERSION}"))
}

fn download(cache: &Path, libs: &Path) {
    let partial = cache.join("libs.partial");
    fs::remove_dir_all(&partial).ok();
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    let pom = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>t</groupId><artifactId>kafka-dist</artifactId><version>1</version>\
         <packaging>pom</packaging><dependencies>{}{}</dependencies></project>",
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        dependency("org.slf4j", "slf4j-simple", "1.7.36"),
    );
    let mut file = File::create(cache.join("pom.xml")).expect("a writable cache directory");
    file.write_all(pom.as_bytes()).expect("a writable cache directory");
    let output = Command::new("mvn")
        .current_dir(cache)
        .args([
            "-q",
            "-B",
            "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
        ])
        .args(["-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", partial.display()))
        .output()
        .unwrap_or_else(|error| panic!("`mvn` can not be run ({error}): {INSTALL}"));
    assert!(
        output.status.success(),
        "maven did not fetch kafka:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    fs::rename(&partial, libs).expect("a writable cache directory");
}
