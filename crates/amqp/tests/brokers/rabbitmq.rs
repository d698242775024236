//! `RabbitMQ` with its plugin for AMQP 1.0, as Debian 12 has it.
//!
//! Debian's package would start a server for the whole machine. So it is not installed, but unpacked: only Erlang, and what
//! `RabbitMQ` needs of it, has to be there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use amqp::client::{Login, Why};
use processes::installed::{done, installed, skipped, succeeds};
use processes::{Process, free_port};
use tempfile::TempDir;

use crate::server::{Server, manifests, place};
use crate::talk::{self, Leaves, Peer};

const PACKAGE: &str = "rabbitmq-server";
const INSTALL: &str = "apt-get install erlang-base erlang-eldap erlang-inets erlang-mnesia \
                       erlang-os-mon erlang-parsetools erlang-runtime-tools erlang-ssl \
                       erlang-syntax-tools erlang-tools erlang-xmerl";
/// The last applications that it asks for, and a release of Erlang that this one runs on.
const ERLANG: &str = "true = lists:all(fun(A) -> is_list(code:lib_dir(A)) end, [eldap, inets, \
                      mnesia, os_mon, parsetools, runtime_tools, ssl, syntax_tools, tools, xmerl]), \
                      true = lists:member(erlang:system_info(otp_release), [\"23\", \"24\", \"25\"]), \
                      halt(0).";

/// The names of Erlang's nodes on a port of this test, and not of the whole machine.
struct Names(#[expect(dead_code, reason = "it ends with this")] Process);

/// Where the server is unpacked.
fn home() -> Result<PathBuf, String> {
    if !succeeds(Command::new("erl").args(["-noinput", "-boot", "start_clean", "-eval", ERLANG])) {
        return Err(format!("Erlang 23 to 25 is not installed; {INSTALL}"));
    }
    let folder = manifests("rabbitmq");
    let wanted = fs::read_to_string(folder.join("version.txt")).expect("a file of this test");
    let shown = Command::new("apt-cache").args(["show", "--no-all-versions", PACKAGE]).output();
    let shown = shown.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if !shown.is_ok_and(|shown| shown.contains(&format!("\nVersion: {}.", wanted.trim()))) {
        return Err(format!("apt has no {PACKAGE} {}; Debian 12 has it", wanted.trim()));
    }
    let home = installed("brokers", "rabbitmq", &folder, &["version.txt"], |home| {
        done(Command::new("apt-get").args(["download", "-q", PACKAGE]).current_dir(home));
        done(Command::new("sh").args(["-c", "dpkg -x *.deb ."]).current_dir(home));
    });
    let mut releases = fs::read_dir(home.join("usr/lib/rabbitmq/lib")).expect("a folder");
    Ok(releases.next().expect("a release").expect("a folder").path())
}

fn names(folder: &Path, port: u16) -> Names {
    let mut epmd = Command::new("epmd");
    epmd.args(["-address", "127.0.0.1", "-port", &port.to_string()]).current_dir(folder);
    epmd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Names(Process::start(epmd, INSTALL))
}

fn command(home: &Path, folder: &TempDir, names: u16) -> Command {
    let mut command = Command::new(home.join("sbin/rabbitmq-server"));
    let folder = folder.path();
    let within = |name: &str| folder.join(name);
    command
        .env("HOME", folder)
        // The script then becomes the server, so that this one dies with the test.
        .env("RUNNING_UNDER_SYSTEMD", "yes")
        .env("ERL_EPMD_PORT", names.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_HOME", home)
        .env("RABBITMQ_BASE", folder)
        .env("RABBITMQ_NODENAME", format!("witness{names}@localhost"))
        .env("RABBITMQ_DIST_PORT", free_port().to_string())
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .env("RABBITMQ_MNESIA_BASE", within("mnesia"))
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_LOG_BASE", within("log"))
        .env("RABBITMQ_PLUGINS_DIR", home.join("plugins"))
        .env("RABBITMQ_FEATURE_FLAGS_FILE", within("feature_flags"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", within("enabled_plugins"))
        .env("RABBITMQ_CONFIG_FILE", within("rabbitmq.conf"))
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}");
    command
}

async fn rabbitmq() -> Option<(Server, Names, u16)> {
    let home = home().inspect_err(|reason| skipped("RabbitMQ", reason)).ok()?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (port, for_names) = (free_port(), free_port());
    place("rabbitmq", "rabbitmq.conf", &folder.path().join("rabbitmq.conf"), &[("@PORT@", port)]);
    fs::write(folder.path().join("enabled_plugins"), "[rabbitmq_amqp1_0].\n").expect("a file");
    let names = names(folder.path(), for_names);
    let command = command(&home, &folder, for_names);
    Some((Server::start(command, folder, &[port], "Server startup complete").await, names, port))
}

#[tokio::test]
async fn rabbitmq_agrees() {
    let Some((server, names, port)) = rabbitmq().await else { return };
    let named = Peer { host: "witness", port, login: talk::named("guest", "guest") };
    let nameless = Peer { login: Login::Anonymous, ..named.clone() };
    talk::agrees(&named, &nameless, "/queue/", Leaves::Links).await;
    talk::is_refused(&named, "guest").await;
    // It ends the session where others end the link.
    for why in talk::finds_nothing(&named, "/exchange/nowhere").await {
        assert!(matches!(why, Why::Session(_)), "{why:?}");
        assert_eq!(why.failure().expect("a reason").condition, "amqp:not-found");
    }
    drop((server, names));
}
