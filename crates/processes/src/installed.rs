//! What tests need from registries of packages: fetched once, then in the user's cache, never in the checkout.
//!
//! An installation's folder is named after its manifests, so that another version is another installation; a file
//! `ready` is written last. What cannot be had on a machine is skipped, by name, on stderr.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// For Maven: fetches what a `pom.xml` names.
const COPY_DEPENDENCIES: &str =
    "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// Says that something is skipped, and why.
pub fn skipped(what: &str, reason: &str) {
    // Not by `eprintln`, which the test runner keeps to itself when a test passes.
    writeln!(std::io::stderr(), "skipped {what}: {reason}").ok();
}

/// Fetches the jars that the folder's `pom.xml` names into its folder `lib`.
pub fn jars(home: &Path) {
    jars_into(home, "lib");
}

/// The same, into a folder of another name.
pub fn jars_into(home: &Path, name: &str) {
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", COPY_DEPENDENCIES, "-DincludeScope=runtime"]);
    done(maven.arg(format!("-DoutputDirectory={name}")).current_dir(home));
}

/// Whether Python can make an environment of its own.
pub fn python() -> Result<(), String> {
    at_least("python3", &["--version"], (3, 10))?;
    match succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        true => Ok(()),
        false => Err("python3-venv is not installed".into()),
    }
}

/// Makes an environment with what the folder's `requirements.txt` names, in its folder `venv`.
pub fn packages(home: &Path, options: &[&str]) {
    done(Command::new("python3").args(["-m", "venv"]).arg(home.join("venv")));
    let mut pip = Command::new(home.join("venv/bin/python"));
    pip.args(["-m", "pip", "install", "-q"]).args(options).arg("-r");
    done(pip.arg(home.join("requirements.txt")));
}

/// The folder with the packages of something, among those of one `kind`; `install` fills it, once per user. Others wait
/// meanwhile.
pub fn installed(
    kind: &str,
    name: &str,
    folder: &Path,
    manifests: &[&str],
    install: impl Fn(&Path),
) -> PathBuf {
    let mut hash = crc32fast::Hasher::new();
    for manifest in manifests {
        hash.update(&fs::read(folder.join(manifest)).unwrap());
    }
    let cache = cache_dir().join(kind);
    let home = cache.join(format!("{name}-{:08x}", hash.finalize()));
    fs::create_dir_all(&cache).expect("a writable cache directory");
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

/// Where it all is, until the user removes it.
pub fn cache_dir() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").expect("`HOME` is set")).join(".cache"),
        PathBuf::from,
    );
    base.join("kafka-eventhubs-bridge")
}

/// Whether a program is there, and new enough.
pub fn at_least(program: &str, asked: &[&str], wanted: (u32, u32)) -> Result<(), String> {
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

/// Whether it runs, and ends well.
pub fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Runs a step of an installation.
pub fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
