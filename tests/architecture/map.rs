//! The map itself: modules with their arrows, and what belongs to one place.

/// Each module of the bridge, and what of the bridge it may import. The order is the picture's: top to bottom.
pub(crate) const ARROWS: &[(&str, &[&str])] = &[
    ("main", &[]),
    (
        "cli",
        &[
            "bridge", "connect", "trial", "letters", "group", "import", "admin", "kafka", "status",
            "config", "causes", "route", "record",
        ],
    ),
    ("connect", &["kafka", "eventhubs", "registry", "blob", "metrics", "config", "route"]),
    (
        "trial",
        &["group", "kafka", "eventhubs", "registry", "config", "plain", "core", "route", "record"],
    ),
    ("letters", &["group", "kafka", "config", "plain", "record"]),
    ("group", &["kafka", "config", "record"]),
    (
        "bridge",
        &[
            "pipeline",
            "admin",
            "kafka",
            "eventhubs",
            "health",
            "status",
            "metrics",
            "otlp",
            "config",
            "causes",
            "route",
            "watched",
        ],
    ),
    (
        "pipeline",
        &[
            "kafka",
            "eventhubs",
            "registry",
            "blob",
            "health",
            "status",
            "metrics",
            "otlp",
            "config",
            "repeats",
            "core",
            "retry",
            "route",
            "record",
        ],
    ),
    (
        "kafka",
        &[
            "credential",
            "health",
            "metrics",
            "tls",
            "config",
            "repeats",
            "retry",
            "record",
            "watched",
        ],
    ),
    ("registry", &["credential", "http", "metrics", "config", "causes", "lasting", "core"]),
    ("blob", &["credential", "http", "metrics", "config", "causes", "lasting", "core"]),
    ("eventhubs", &["credential", "health", "metrics", "tls", "config", "causes", "core", "retry"]),
    ("credential", &["http", "tls", "config", "causes"]),
    ("admin", &["status", "health", "metrics", "config", "causes"]),
    ("status", &["health", "metrics", "config", "core", "record", "route"]),
    ("health", &[]),
    ("otlp", &["http", "metrics", "config", "causes", "repeats", "core"]),
    ("metrics", &["core", "record"]),
    ("http", &["tls", "config", "causes", "core"]),
    ("tls", &["config"]),
    ("import", &["config"]),
    ("config", &["core"]),
    ("causes", &[]),
    ("lasting", &[]),
    ("repeats", &[]),
    ("watched", &[]),
    ("plain", &[]),
    ("route", &[]),
    ("retry", &[]),
    ("record", &[]),
    ("core", &[]),
];

/// Modules without clock, I/O or runtime: the same input gives the same answer.
pub(crate) const PURE: &[&str] = &["causes", "import"];

/// What a pure module must not name.
pub(crate) const WORLD: &[&str] = &[
    "tokio",
    "tracing",
    "SystemTime::now",
    "Instant::now",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
];

/// Crates and parts of std that belong to one place: a file is in place when its path begins so.
pub(crate) const PLACES: &[(&[&str], &[&str])] = &[
    (&["rdkafka", "rdkafka_sys"], &["src/kafka"]),
    (&["amqp", "fe2o3_amqp_ws"], &["src/eventhubs"]),
    (&["azure_core", "azure_identity"], &["src/credential"]),
    (&["reqwest"], &["src/http.rs", "src/credential", "src/otlp", "src/registry", "src/blob"]),
    (&["bridge_schema"], &["src/registry", "src/config/check/part.rs"]),
    (
        &["bridge_shape"],
        &[
            "src/registry",
            "src/trial/schemas.rs",
            "src/config/check/part.rs",
            "src/config/check/step.rs",
            "src/config/check/hub.rs",
        ],
    ),
    // Of `crates/schema`, and of nothing in the bridge.
    (&["apache_avro", "cel", "prost_reflect", "protox"], &[]),
    (&["opentelemetry_proto", "prost"], &["src/otlp", "src/metrics/otlp.rs"]),
    (
        &[
            "aws_config",
            "aws_credential_types",
            "aws_sigv4",
            "aws_smithy_runtime_api",
            "aws_smithy_types",
        ],
        &["src/credential/aws"],
    ),
    (&["cipher_suite", "SupportedCipherSuite"], &["src/tls.rs"]),
    // `certificate` looks at what another library has refused, with eyes that can tell why.
    (&["rustls_platform_verifier"], &["src/tls.rs", "src/kafka/certificate.rs"]),
    (
        &["rustls"],
        &[
            "src/tls.rs",
            "src/eventhubs/transport",
            "src/credential/assertion.rs",
            "src/kafka/certificate.rs",
        ],
    ),
    (&["prometheus"], &["src/metrics"]),
    (&["axum"], &["src/admin"]),
    (&["hyper", "hyper_util"], &["src/admin", "src/eventhubs/transport"]),
    (&["clap", "clap_complete", "clap_mangen"], &["src/cli"]),
    (
        &["comfy_table"],
        &[
            "src/connect/table.rs",
            "src/cli/status/table.rs",
            "src/group/table.rs",
            "src/letters/table.rs",
        ],
    ),
    (&["indicatif"], &["src/cli/progress.rs"]),
    (&["saphyr"], &["src/import/form/yaml.rs"]),
    (&["std::env"], &["src/config", "src/cli", "src/main.rs"]),
];
