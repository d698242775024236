//! Through an HTTP proxy that wants a password, and that comes and goes.

use stage::PATIENCE;
use stage::tinyproxy::{PASSWORD, Tinyproxy};

use crate::scene::{Scene, connection, server};

#[test]
fn a_proxy_that_dies_and_comes_back_loses_nothing() {
    let proxy = Tinyproxy::start();
    let (server, ca) = server("localhost");
    let more = format!("transport = 'websocket'\nproxy = '{}'", proxy.url());
    let mut scene = Scene::new(server, &connection(ca.path(), &more));
    let bridge = scene.settings.start();
    scene.wait_all();
    assert!(proxy.tunnels() > 0, "it leads through the proxy");
    proxy.kill();
    scene.supply.write(200);
    bridge.wait_log(&["cannot connect to event hubs", "proxy", "127.0.0.1"]);
    let before = proxy.tunnels();
    proxy.restart();
    scene.wait_all();
    assert!(proxy.tunnels() > before, "and again through the proxy");
    assert_eq!(bridge.logged(PASSWORD), 0, "the password is told to nobody");
    // What was sent when the proxy died may have been stored: it comes twice.
    bridge.stop();
}

#[test]
fn the_proxy_of_the_environment_is_for_websocket_and_not_for_every_host() {
    let proxy = Tinyproxy::start();
    let url = proxy.url();
    let run = |more: &str, no_proxy: &str| {
        let (server, ca) = server("localhost");
        let scene = Scene::new(server, &connection(ca.path(), more));
        let bridge = scene.settings.start_with(&[("HTTPS_PROXY", &url), ("NO_PROXY", no_proxy)]);
        scene.finish(&bridge);
        proxy.tunnels()
    };
    assert_eq!(run("", ""), 0, "AMQP goes its own way");
    assert_eq!(run("transport = 'websocket'", "localhost"), 0, "it is excepted");
    assert_eq!(run("transport = 'websocket'\nproxy = 'none'", ""), 0, "it is refused");
    assert!(run("transport = 'websocket'", "") > 0);
}

#[test]
fn a_proxy_that_wants_another_password_is_named_and_asked_again() {
    let proxy = Tinyproxy::start();
    let (server, ca) = server("localhost");
    let more = format!("proxy = 'http://bridge:wrong-password@127.0.0.1:{}'", proxy.port);
    let scene = Scene::new(server, &connection(ca.path(), &more));
    let bridge = scene.settings.start();
    let line = bridge.wait_log(&["cannot connect to event hubs", "through the proxy"]);
    assert!(line.contains(&format!("`127.0.0.1:{}`", proxy.port)), "{line}");
    assert!(!scene.server.hub("orders").wait_for(1, PATIENCE / 60), "nothing was sent");
    assert_eq!(bridge.logged("wrong-password"), 0, "the password is told to nobody");
    bridge.kill();
}
