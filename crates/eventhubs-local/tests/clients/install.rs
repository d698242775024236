//! The clients and what they need: from their registries once, then in the user's cache, never in the checkout.
//!
//! An installation's folder is named after its manifests, so that another version is another installation; a file
//! `ready` is written last. A language that is not installed is skipped, by name, on stderr.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The command that runs a language's program; `None` when the language is not there.
pub(crate) fn command(language: &str, folder: &Path) -> Option<Command> {
    let command = match language {
        "python" => python(folder),
        "javascript" => javascript(folder),
        _ => unreachable!("no client in {language}"),
    };
    command
        .inspect_err(|reason| {
            // Not by `eprintln`, which the test runner keeps to itself when a test passes.
            writeln!(std::io::stderr(), "skipped the {language} client: {reason}").ok();
        })
        .ok()
}

type Found = Result<Command, String>;

fn python(folder: &Path) -> Found {
    at_least("python3", &["--version"], (3, 9))?;
    if !succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        return Err("python3-venv is not installed".into());
    }
    let home = installed("python", folder, &["requirements.txt"], |home| {
        done(Command::new("python3").args(["-m", "venv"]).arg(home.join("venv")));
        let mut pip = Command::new(home.join("venv/bin/python"));
        pip.args(["-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:", "-r"]);
        done(pip.arg(home.join("requirements.txt")));
    });
    let mut command = Command::new(home.join("venv/bin/python"));
    command.arg("-B").arg(folder.join("client.py"));
    Ok(command)
}

fn javascript(folder: &Path) -> Found {
    at_least("node", &["--version"], (20, 0))?;
    at_least("npm", &["--version"], (7, 0))?;
    let manifests = ["package.json", "package-lock.json"];
    let home = installed("javascript", folder, &manifests, |home| {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]);
        done(npm.current_dir(home));
    });
    // Node looks for packages beside the program.
    let program = newest(folder, &home, "client.mjs");
    let mut command = Command::new("node");
    command.arg(program);
    Ok(command)
}

/// A copy of a program in its installation, named after what is in it: other checkouts have other programs.
fn newest(folder: &Path, home: &Path, file: &str) -> PathBuf {
    let text = fs::read(folder.join(file)).unwrap();
    let copy = home.join(format!("{:08x}-{file}", crc32fast::hash(&text)));
    let partial = home.join(format!("{}-{file}", std::process::id()));
    fs::write(&partial, text).expect("a writable cache directory");
    fs::rename(partial, &copy).expect("a writable cache directory");
    copy
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
    let digits = said.find(|c: char| c.is_ascii_digit()).map_or("", |at| &said[at..]);
    let mut numbers = digits.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if output.status.success() && version >= wanted {
        return Ok(());
    }
    Err(format!("{program} {}.{} is needed, `{}` is there", wanted.0, wanted.1, said.trim()))
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
