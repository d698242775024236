//! Readers of values in parts: programs of the page for readers, each with Microsoft's client for its language.

use std::path::{Path, PathBuf};
use std::process::Command;

use eventhubs_local::Server;
use serde_json::Value;
use stage::installed::{at_least, done, installed, jars, packages, python, skipped};

/// What the samples in Go and Java need around them, which a reader's own program has.
const GO: &str = "package main\n\nimport (\n\t\"slices\"\n\n\t\"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2\"\n)\n\n";
const JAVA: &str = "import com.azure.messaging.eventhubs.EventData;\nimport java.io.ByteArrayOutputStream;\nimport java.util.*;\n\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blob/readers")
}

/// The clients that the embedded server's own tests use.
fn clients(language: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("crates/eventhubs-local/tests/clients").join(language)
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/downstream/too-large.md")
}

/// The program of the page in `language` that joins parts.
fn sample(language: &str) -> String {
    let page = std::fs::read_to_string(page()).unwrap();
    let begin = format!("```{language}\n");
    let programs = page.split(&begin).skip(1);
    let mut programs = programs.filter_map(|it| it.split("```").next());
    programs.find(|it| it.contains("Parts")).expect("a program").to_owned()
}

/// A program in each language that is here, by its name; with what it stands on.
pub(crate) fn all(build: &Path) -> Vec<(&'static str, Command)> {
    let found = [
        ("Python", in_python()),
        ("JavaScript", in_javascript()),
        ("Go", in_go(build)),
        ("Java", in_java(build)),
    ];
    let here = |(language, found): (&'static str, Result<Command, String>)| {
        let missing = |why: &String| skipped(&format!("what {language} joins"), why);
        Some((language, found.inspect_err(missing).ok()?))
    };
    found.into_iter().filter_map(here).collect()
}

fn in_python() -> Result<Command, String> {
    python()?;
    let home = installed("clients", "python", &clients("python"), &["requirements.txt"], |home| {
        packages(home, &["--no-deps", "--only-binary", ":all:"]);
    });
    let mut command = Command::new(home.join("venv/bin/python"));
    command.arg("-B").arg(folder().join("read.py"));
    Ok(command)
}

fn in_javascript() -> Result<Command, String> {
    at_least("node", &["--version"], (20, 0))?;
    at_least("npm", &["--version"], (7, 0))?;
    let manifests = ["package.json", "package-lock.json", "client.mjs", "checkpoints.mjs"];
    let home = installed("clients", "javascript", &clients("javascript"), &manifests, |home| {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]);
        done(npm.current_dir(home));
    });
    let mut command = Command::new("node");
    command.env("NODE_PATH", home.join("node_modules")).arg(folder().join("read.cjs"));
    Ok(command)
}

fn in_go(build: &Path) -> Result<Command, String> {
    at_least("go", &["version"], (1, 24))?;
    for manifest in ["go.mod", "go.sum"] {
        std::fs::copy(clients("go").join(manifest), build.join(manifest)).unwrap();
    }
    std::fs::copy(folder().join("main.go"), build.join("main.go")).unwrap();
    std::fs::write(build.join("parts.go"), GO.to_owned() + &sample("go")).unwrap();
    let mut go = Command::new("go");
    go.args(["build", "-mod=readonly", "-buildvcs=false", "-o", "reader"]);
    // Of a module, not of a checkout that may have a workspace.
    done(go.env("GOWORK", "off").env("CGO_ENABLED", "0").current_dir(build));
    Ok(Command::new(build.join("reader")))
}

fn in_java(build: &Path) -> Result<Command, String> {
    at_least("javac", &["-version"], (17, 0))?;
    at_least("mvn", &["--version"], (3, 0))?;
    let manifests = ["pom.xml", "Client.java", "Connections.java", "Processors.java"];
    let home = installed("clients", "java", &clients("java"), &manifests, |home| {
        jars(home);
        let mut javac = Command::new("javac");
        javac.args(["-cp", "lib/*", "-d", "classes"]).args(&manifests[1..]);
        done(javac.current_dir(home));
    });
    std::fs::write(build.join("Parts.java"), JAVA.to_owned() + &sample("java")).unwrap();
    let mut path = home.join("lib/*").into_os_string();
    let mut javac = Command::new("javac");
    javac.arg("-cp").arg(&path).arg("-d").arg(build).arg(folder().join("Read.java"));
    done(javac.arg(build.join("Parts.java")));
    path.push(":");
    path.push(build);
    let mut command = Command::new("java");
    command.arg("-XX:TieredStopAtLevel=1").arg("-cp").arg(path).arg("Read");
    Ok(command)
}

/// What a program prints of all that a hub of `server` holds: a JSON value a line.
pub(crate) fn told(
    (language, mut reader): (&'static str, Command),
    server: &Server,
    hub: &str,
) -> Vec<Value> {
    reader.arg(server.connection_string());
    if matches!(language, "Python" | "JavaScript") {
        // The others have the sample in them.
        reader.arg(page());
    }
    reader.arg(hub).arg(server.hub(hub).total().to_string());
    let output = reader.output().unwrap_or_else(|error| panic!("{reader:?}: {error}"));
    let (said, complaint) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{reader:?}: {complaint}");
    // Java's client logs there, too.
    let said = String::from_utf8_lossy(said);
    said.lines()
        .filter(|line| line.starts_with('{'))
        .map(|it| serde_json::from_str(it).unwrap())
        .collect()
}
