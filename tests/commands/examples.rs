//! The examples of `config/examples`: `try` makes of the records beside each what is written beside it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use stage::authority::Authority;
use stage::https;

use crate::said::text;

/// What the registry of `confluent-avro.toml` gives for id 1.
const ORDER: &str = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "id", "type": "long"},
    {"name": "customer", "type": {"type": "record", "name": "Customer", "fields": [{"name": "id", "type": "string"}]}},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "note", "type": ["null", "string"]}]}"#;
const SECRET: &str = "hush5678hush5678";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples")
}

/// A registry that knows one schema; where it is.
fn registry() -> String {
    let schema = json!({ "schema": ORDER }).to_string();
    let router = Router::new().route("/schemas/ids/1", get(|| async { schema }));
    let (_, plain) = https::serve(router, &Authority::generate().sign(&["127.0.0.1"]));
    format!("http://{plain}")
}

/// `try` of an example as it stands there, but for the registry that it names.
fn tried(name: &str, registry: &str) -> Output {
    let example = std::fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("bridge.toml");
    std::fs::write(&file, example.replace("https://registry:8081", registry)).unwrap();
    std::fs::write(home.path().join("hash-key"), format!("{SECRET}\n")).unwrap();
    let mut program = stage::program();
    program.args(["try", "--partitions", "4", "--json", "--config"]).arg(file);
    program.arg(folder().join(format!("{name}.in.jsonl"))).stdin(Stdio::null());
    program.output().expect("it is built by `cargo test`")
}

/// The names of the files that end like this.
fn named(end: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|it| it.unwrap().file_name());
    files.filter_map(|it| Some(it.to_str()?.strip_suffix(end)?.to_owned())).collect()
}

/// `UPDATE=1` writes what comes out anew, to be read.
#[test]
fn each_example_does_what_is_written_beside_it() {
    let registry = registry();
    let names = named(".toml");
    assert!(names.len() >= 12, "{names:?}");
    assert_eq!((&names, &names), (&named(".in.jsonl"), &named(".out.jsonl")));
    for name in names {
        let output = tried(&name, &registry);
        let (told, complaint) = (text(&output.stdout), text(&output.stderr));
        let outcomes: Vec<Value> =
            told.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let is_well = |it: &Value| it["outcome"] == "sent" || it["outcome"] == "filtered";
        let code = if outcomes.iter().all(is_well) { 0 } else { 65 };
        assert_eq!(output.status.code(), Some(code), "{name}: {told}{complaint}");
        assert!(!told.contains(SECRET) && !complaint.contains(SECRET), "{name}");
        let file = folder().join(format!("{name}.out.jsonl"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &told).unwrap();
        }
        assert_eq!(told, std::fs::read_to_string(file).unwrap(), "{name}");
    }
}
