//! The jars of Kafka: from Maven once, then in the user's cache, never in the checkout.

use std::fs::{self, File};
use std::path::Path;

use processes::installed::{at_least, cache_dir, jars_into};

/// What to do about a missing program.
pub const INSTALL: &str =
    "these tests run a real Kafka; install it with `apt-get install default-jre-headless maven`";

/// Group, artifact and version of something Maven has.
type Artifact = (&'static str, &'static str, &'static str);

const LOG: Artifact = ("org.slf4j", "slf4j-simple", "1.7.36");
/// The one that the oldest broker asks for does not run on the Java of today.
const ZOOKEEPER: Artifact = ("org.apache.zookeeper", "zookeeper", "3.5.10");
const LOG4J: Artifact = ("ch.qos.reload4j", "reload4j", "1.2.25");

/// A release of Kafka, and what it needs in order to run.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    /// Part of the name of its folder in the cache.
    pub version: &'static str,
    artifacts: &'static [Artifact],
}

impl Release {
    /// What the tests run on when nothing else is said.
    pub const V4_1: Self =
        Self { version: "4.1.1", artifacts: &[("org.apache.kafka", "kafka_2.13", "4.1.1"), LOG] };
    /// The programs for its administrator, which no broker needs.
    pub const TOOLS: Self = Self {
        version: "4.1.1-tools",
        artifacts: &[
            ("org.apache.kafka", "kafka_2.13", "4.1.1"),
            ("org.apache.kafka", "kafka-tools", "4.1.1"),
            LOG,
        ],
    };
    /// The last line that knew nothing but `ZooKeeper`.
    pub const V2_8: Self = Self {
        version: "2.8.2",
        artifacts: &[("org.apache.kafka", "kafka_2.13", "2.8.2"), ZOOKEEPER, LOG4J, LOG],
    };
    /// The oldest that runs on the Java of today.
    pub const V1_1: Self = Self {
        version: "1.1.1",
        artifacts: &[("org.apache.kafka", "kafka_2.12", "1.1.1"), ZOOKEEPER, LOG4J, LOG],
    };

    /// The class path. Asks Maven once per user; other test processes wait meanwhile.
    pub fn jars(self) -> String {
        let cache = cache_dir().join(format!("kafka-{}", self.version));
        fs::create_dir_all(&cache).expect("a writable cache directory");
        let libs = cache.join("libs");
        if !libs.is_dir() {
            let lock = File::create(cache.join("lock")).expect("a writable cache directory");
            lock.lock().expect("a lockable file");
            if !libs.is_dir() {
                self.download(&cache, &libs);
            }
        }
        format!("{}/*", libs.display())
    }

    /// The bindings of the log that old releases bring along would be one too many.
    fn pom(self) -> String {
        let dependency = |(group, artifact, version): &Artifact| {
            format!(
                "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
                 <version>{version}</version><exclusions>\
                 <exclusion><groupId>org.slf4j</groupId><artifactId>slf4j-log4j12</artifactId></exclusion>\
                 <exclusion><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId></exclusion>\
                 </exclusions></dependency>"
            )
        };
        format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
             <groupId>t</groupId><artifactId>kafka-dist</artifactId><version>1</version>\
             <packaging>pom</packaging><dependencies>{}</dependencies></project>",
            self.artifacts.iter().map(dependency).collect::<String>()
        )
    }

    fn download(self, cache: &Path, libs: &Path) {
        const PARTIAL: &str = "libs.partial";
        let mvn = at_least("mvn", &["--version"], (3, 0));
        mvn.unwrap_or_else(|reason| panic!("{reason}: {INSTALL}"));
        fs::remove_dir_all(cache.join(PARTIAL)).ok();
        fs::write(cache.join("pom.xml"), self.pom()).expect("a writable cache directory");
        jars_into(cache, PARTIAL);
        fs::rename(cache.join(PARTIAL), libs).expect("a writable cache directory");
    }
}
