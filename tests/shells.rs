//! What shells and `man` are given: each of them, where it is installed, takes it. One that is not is named on standard error.

use std::path::Path;
use std::process::{Command, Output};

const NAME: &str = "kafka-eventhubs-bridge";

fn bridge(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kafka-eventhubs-bridge")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What `program` makes of `script` in `folder`; `None` if there is no such program.
fn run(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("HOME", folder).env("LC_ALL", "C.UTF-8");
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        Err(error) => panic!("{program}: {error}"),
    };
    let said = text(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{program} {arguments:?}: {said}");
    Some(text(&output.stdout))
}

fn script(shell: &str, file: &Path) {
    let output = bridge(&["completions", shell]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{shell}");
    std::fs::write(file, output.stdout).unwrap();
}

#[test]
fn bash_completes_commands_and_options() {
    let folder = tempfile::tempdir().unwrap();
    script("bash", &folder.path().join("completions"));
    let complete = |words: &str| {
        let last = words.split(' ').count() - 1;
        let ask = format!(
            "source completions; COMP_WORDS=({NAME} {words}); COMP_CWORD={}; COMPREPLY=()
             words=($(complete -p {NAME})); while [[ $words != -F ]]; do words=(\"${{words[@]:1}}\"); done
             ${{words[1]}} {NAME} '{}' ''; echo \"${{COMPREPLY[@]}}\"",
            last + 1,
            words.split(' ').next_back().unwrap()
        );
        run("bash", &["--norc", "-c", &ask], folder.path()).map(|said| said.trim().to_owned())
    };
    for (words, expected) in [
        ("off", "offsets"),
        ("offsets se", "set"),
        ("lag --js", "--json"),
        ("completions fi", "fish"),
    ] {
        let Some(said) = complete(words) else { return };
        assert_eq!(said, expected, "{words}");
    }
}

#[test]
fn fish_completes_commands_and_options() {
    let folder = tempfile::tempdir().unwrap();
    script("fish", &folder.path().join("completions"));
    for (words, expected) in [("off", "offsets"), ("offsets se", "set"), ("lag --js", "--json")] {
        let ask = format!("source completions; complete -C '{NAME} {words}'");
        let Some(said) = run("fish", &["--no-config", "-c", &ask], folder.path()) else { return };
        let first = said.lines().next().unwrap_or_default();
        assert_eq!(first.split('\t').next(), Some(expected), "{words}: {said}");
    }
}

#[test]
fn zsh_takes_its_completions() {
    let folder = tempfile::tempdir().unwrap();
    script("zsh", &folder.path().join(format!("_{NAME}")));
    let ask = format!(
        "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -d dump; print -r -- $_comps[{NAME}]
         autoload +X _{NAME} && print loaded"
    );
    let Some(said) = run("zsh", &["-f", "-c", &ask], folder.path()) else { return };
    assert_eq!(said, format!("_{NAME}\nloaded\n"));
}

#[test]
fn every_command_has_a_page_that_man_takes_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man/man1");
    let output = bridge(&["man", "--directory", pages.to_str().unwrap()]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let names = std::fs::read_dir(&pages).unwrap().map(|it| it.unwrap().file_name());
    let mut names = names.map(|name| name.into_string().unwrap()).collect::<Vec<_>>();
    names.sort();
    for command in ["", "-run", "-check", "-lag", "-offsets", "-offsets-set", "-config-show"] {
        assert!(names.contains(&format!("{NAME}{command}.1")), "{command}: {names:?}");
    }
    for name in &names {
        let page = pages.join(name);
        let shown = run("man", &["--warnings", "-l", page.to_str().unwrap()], folder.path());
        let Some(shown) = shown else { return };
        assert!(shown.contains("SYNOPSIS"), "{name}: {shown}");
    }
}

#[test]
fn one_page_goes_to_standard_output() {
    for (command, words) in [
        (&[] as &[&str], ".TH kafka-eventhubs-bridge 1"),
        (&["offsets", "set"], ".TH kafka-eventhubs-bridge-offsets-set 1"),
    ] {
        let output = bridge(&[&["man"], command].concat());
        let said = text(&output.stdout);
        assert!(output.status.success() && said.contains(words), "{command:?}: {said}");
    }
    let output = bridge(&["man", "fly"]);
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(text(&output.stderr), "error: there is no command `fly`\n");
    let output = bridge(&["man", "--directory", "/dev/null/pages"]);
    assert_eq!(output.status.code(), Some(74));
}

/// Help, and so the manual, name the exit codes of the page.
#[test]
fn help_and_the_page_name_the_same_exit_codes() {
    let help = text(&bridge(&["--help"]).stdout);
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    let codes = codes.lines().filter_map(|line| line.split_whitespace().next()?.parse::<u8>().ok());
    let page = include_str!("../docs/exit-codes.md").split_once("| exit code |").unwrap().1;
    let table = page.lines().skip(2).take_while(|line| line.starts_with('|'));
    let told = table.map(|line| line.split('|').nth(1).unwrap().trim().parse::<u8>().unwrap());
    assert_eq!(codes.collect::<Vec<_>>(), told.collect::<Vec<_>>());
}

/// The page of the commands has each command that help lists.
#[test]
fn help_and_the_page_name_the_same_commands() {
    let help = text(&bridge(&["--help"]).stdout);
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let named = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let named = named.filter_map(|line| line.split_whitespace().next());
    let named = named.filter(|it| *it != "help").collect::<Vec<_>>();
    assert!(named.len() > 15, "{named:?}");
    let (table, _) = include_str!("../docs/commands.md").split_once("\n## ").unwrap();
    for command in named {
        let is_there = ["`", " "].iter().any(|end| table.contains(&format!("`{command}{end}")));
        assert!(is_there, "docs/commands.md does not name `{command}`");
    }
}
