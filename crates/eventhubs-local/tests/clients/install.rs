//! The clients and what they need: from their registries once, then in the user's cache, never in the checkout.
//!
//! An installation's folder is named after its manifests, so that another version is another installation; a file
//! `ready` is written last. A language that is not installed is skipped, by name, on stderr.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const COPY_DEPENDENCIES: &str =
    "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// A program that can be run more than once.
pub(crate) struct Program {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }
}

/// A language's program; `None` when the language is not there.
pub(crate) fn program(language: &str, folder: &Path) -> Option<Program> {
    let found = match language {
        "python" => python(folder),
        "javascript" => javascript(folder),
        "java" => java(folder),
        "go" => go(folder),
        _ => unreachable!("no client in {language}"),
    };
    found
        .inspect_err(|reason| {
            // Not by `eprintln`, which the test runner keeps to itself when a test passes.
            writeln!(std::io::stderr(), "skipped the {language} client: {reason}").ok();
        })
        .ok()
}

type Found = Result<Program, String>;

fn python(folder: &Path) -> Found {
    at_least("python3", &["--version"], (3, 10))?;
    if !succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        return Err("python3-venv is not installed".into());
    }
    let home = installed("python", folder, &["requirements.txt"], |home| {
        done(Command::new("python3").args(["-m", "venv"]).arg(home.join("venv")));
        let mut pip = Command::new(home.join("venv/bin/python"));
        pip.args(["-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:", "-r"]);
        done(pip.arg(home.join("requirements.txt")));
    });
    let program = home.join("venv/bin/python");
    Ok(Program { program, arguments: vec!["-B".into(), folder.join("client.py").into()] })
}

fn javascript(folder: &Path) -> Found {
    at_least("node", &["--version"], (20, 0))?;
    at_least("npm", &["--version"], (7, 0))?;
    // Node looks for packages beside the program, so the program is installed with them.
    let manifests = ["package.json", "package-lock.json", "client.mjs", "checkpoints.mjs"];
    let home = installed("javascript", folder, &manifests, |home| {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]);
        done(npm.current_dir(home));
    });
    Ok(Program { program: "node".into(), arguments: vec![home.join("client.mjs").into()] })
}

fn java(folder: &Path) -> Found {
    // The second number of `17.0.15` says nothing; an old `1.8` is too old by the first.
    at_least("javac", &["-version"], (17, 0))?;
    at_least("mvn", &["--version"], (3, 0))?;
    let manifests = ["pom.xml", "Client.java", "Connections.java", "Processors.java"];
    let home = installed("java", folder, &manifests, |home| {
        let mut maven = Command::new("mvn");
        maven.args(["-q", "-B", COPY_DEPENDENCIES, "-DincludeScope=runtime"]);
        done(maven.arg("-DoutputDirectory=lib").current_dir(home));
        let mut javac = Command::new("javac");
        javac.args(["-cp", "lib/*", "-d", "classes"]).args(&manifests[1..]);
        done(javac.current_dir(home));
    });
    let mut path = home.join("classes").into_os_string();
    path.push(":");
    path.push(home.join("lib/*"));
    let arguments = vec!["-XX:TieredStopAtLevel=1".into(), "-cp".into(), path, "Client".into()];
    Ok(Program { program: "java".into(), arguments })
}

fn go(folder: &Path) -> Found {
    at_least("go", &["version"], (1, 24))?;
    let manifests = ["go.mod", "go.sum", "client.go", "processor.go", "route.go"];
    let home = installed("go", folder, &manifests, |home| {
        let mut build = Command::new("go");
        build.args(["build", "-mod=readonly", "-buildvcs=false", "-o", "client"]);
        // Of a module, not of a checkout that may have a workspace.
        done(build.env("GOWORK", "off").env("CGO_ENABLED", "0").current_dir(home));
    });
    Ok(Program { program: home.join("client"), arguments: Vec::new() })
}

/// The folder with a language's packages; `install` fills it, once per user. Others wait meanwhile.
fn installed(
    language: &str,
    folder: &Path,
    manifests: &[&str],
    install: impl Fn(&Path),
) -> PathBuf {
    let mut hash = crc32fast::Hasher::new();
    for manifest in manifests {
        hash.update(&fs::read(folder.join(manifest)).unwrap());
    }
    let home = cache_dir().join(format!("{language}-{:08x}", hash.finalize()));
    fs::create_dir_all(cache_dir()).expect("a writable cache directory");
    let lock = File::create(home.with_extension("lock")).expect("a writable cache directory");
    lock.lock().expect("a lockable file");
    if !home.join("ready").exists() {
        fs::remove_dir_all(&home).ok();
        fs::create_dir_all(&home).expect("a writable cache directory");
        for manifest in manifests {
            fs::copy(folder.join(manifest), home.join(manifest))
                .expect("a writable cache directory");
        }
        install(&home);
        File::create(home.join("ready")).expect("a writable cache directory");
    }
    home
}

fn cache_dir() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").expect("`HOME` is set")).join(".cache"),
        PathBuf::from,
    );
    base.join("kafka-eventhubs-bridge").join("clients")
}

/// Whether a program is there, and new enough.
fn at_least(program: &str, asked: &[&str], wanted: (u32, u32)) -> Result<(), String> {
    let missing = |_| format!("{program} is not installed");
    let output = Command::new(program).args(asked).output().map_err(missing)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // `3.8.7`, `v20.20.2`, `go1.26.8`: the first such word. There may be codes of colours before it.
    let mut words = said.split_whitespace().map(|word| word.trim_start_matches(['v', 'g', 'o']));
    let number = words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let mut numbers = number
        .unwrap_or_default()
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|n| n.parse().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if output.status.success() && version >= wanted {
        return Ok(());
    }
    let said = said.lines().next().unwrap_or_default();
    Err(format!("{program} {}.{} is needed, `{said}` is there", wanted.0, wanted.1))
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Runs a step of an installation.
fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
