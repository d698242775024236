//! Programs of other languages that write and read what goes through a bridge, with their own makers' libraries.

use std::path::{Path, PathBuf};
use std::process::Command;

use eventhubs_local::Server;
use serde_json::Value;
use stage::installed::{at_least, done, installed, packages, python, skipped};

/// Where the programs are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry/readers")
}

/// A page for readers, with samples.
pub(crate) fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/downstream").join(name)
}

/// An interpreter with what the programs in Python need; `None` where there is none.
pub(crate) fn interpreter() -> Option<PathBuf> {
    python().inspect_err(|why| skipped("what Python reads", why)).ok()?;
    let home = folder().join("python");
    let home = installed("registries", "python", &home, &["requirements.txt"], |home| {
        packages(home, &["--no-deps", "--only-binary", ":all:"]);
    });
    Some(home.join("venv/bin/python"))
}

/// A program of ours in Python.
pub(crate) fn in_python(interpreter: &Path, program: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg("-B").arg(folder().join("python").join(program));
    command
}

/// A program of ours in JavaScript, with the client that the embedded server's own tests use.
pub(crate) fn in_javascript(program: &str) -> Option<Command> {
    let there =
        at_least("node", &["--version"], (20, 0)).and(at_least("npm", &["--version"], (7, 0)));
    there.inspect_err(|why| skipped("what JavaScript reads", why)).ok()?;
    let clients =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/eventhubs-local/tests/clients");
    let manifests = ["package.json", "package-lock.json", "client.mjs", "checkpoints.mjs"];
    let home = clients.join("javascript");
    let home = installed("clients", "javascript", &home, &manifests, |home| {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]);
        done(npm.current_dir(home));
    });
    let mut command = Command::new("node");
    command.env("NODE_PATH", home.join("node_modules")).arg(folder().join(program));
    Some(command)
}

/// A program in Go with the SDK of `CloudEvents`; `None` where there is no Go.
pub(crate) fn in_go() -> Option<PathBuf> {
    let there = at_least("go", &["version"], (1, 24));
    there.inspect_err(|why| skipped("what Go reads", why)).ok()?;
    let manifests = ["go.mod", "go.sum", "main.go"];
    let home = installed("registries", "go", &folder().join("go"), &manifests, |home| {
        let mut build = Command::new("go");
        build.args(["build", "-mod=readonly", "-buildvcs=false", "-o", "reader"]);
        // Of a module, not of a checkout that may have a workspace.
        done(build.env("GOWORK", "off").env("CGO_ENABLED", "0").current_dir(home));
    });
    Some(home.join("reader"))
}

/// Has a program read all that these hubs of `server` hold.
pub(crate) fn told(mut reader: Command, server: &Server, hubs: &[&str]) -> Vec<Value> {
    reader.arg(server.connection_string()).arg(page("README.md"));
    reader.args(hubs.iter().map(|hub| format!("{hub}={}", server.hub(hub).total())));
    lines(reader)
}

/// What a program prints: a JSON value a line.
pub(crate) fn lines(mut program: Command) -> Vec<Value> {
    let output = program.output().unwrap_or_else(|error| panic!("{program:?}: {error}"));
    let (said, complaint) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program:?}: {complaint}");
    let said = String::from_utf8_lossy(said);
    said.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}
