//! The clients and what they need: from their registries once, then in the user's cache, never in the checkout.
//! A language that is not installed is skipped.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use processes::installed::{at_least, done, installed, jars, packages, skipped};

/// Where they are kept in the cache.
const KIND: &str = "clients";

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
        "javascript" => javascript(folder, "client.mjs"),
        "java" => java(folder),
        "go" => go(folder),
        _ => unreachable!("no client in {language}"),
    };
    found.inspect_err(|reason| skipped(&format!("the {language} client"), reason)).ok()
}

/// The program that numbers its events; of those languages one client can.
pub(crate) fn numbering(folder: &Path) -> Option<Program> {
    let found = javascript(folder, "numbered.mjs");
    found.inspect_err(|reason| skipped("the javascript client that numbers events", reason)).ok()
}

type Found = Result<Program, String>;

fn python(folder: &Path) -> Found {
    processes::installed::python()?;
    let home = installed(KIND, "python", folder, &["requirements.txt"], |home| {
        packages(home, &["--no-deps", "--only-binary", ":all:"]);
    });
    let program = home.join("venv/bin/python");
    Ok(Program { program, arguments: vec!["-B".into(), folder.join("client.py").into()] })
}

fn javascript(folder: &Path, program: &str) -> Found {
    at_least("node", &["--version"], (20, 0))?;
    at_least("npm", &["--version"], (7, 0))?;
    // Node looks for packages beside the program, so the program is installed with them.
    let manifests =
        ["package.json", "package-lock.json", "client.mjs", "checkpoints.mjs", "numbered.mjs"];
    let home = installed(KIND, "javascript", folder, &manifests, |home| {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]);
        done(npm.current_dir(home));
    });
    Ok(Program { program: "node".into(), arguments: vec![home.join(program).into()] })
}

fn java(folder: &Path) -> Found {
    // The second number of `17.0.15` says nothing; an old `1.8` is too old by the first.
    at_least("javac", &["-version"], (17, 0))?;
    at_least("mvn", &["--version"], (3, 0))?;
    let manifests = ["pom.xml", "Client.java", "Connections.java", "Processors.java"];
    let home = installed(KIND, "java", folder, &manifests, |home| {
        jars(home);
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
    let home = installed(KIND, "go", folder, &manifests, |home| {
        let mut build = Command::new("go");
        build.args(["build", "-mod=readonly", "-buildvcs=false", "-o", "client"]);
        // Of a module, not of a checkout that may have a workspace.
        done(build.env("GOWORK", "off").env("CGO_ENABLED", "0").current_dir(home));
    });
    Ok(Program { program: home.join("client"), arguments: Vec::new() })
}
