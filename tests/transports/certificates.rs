//! Who is trusted.

use eventhubs_local::Tls;

use crate::scene::{Scene, connection, file, server};

#[test]
fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let (server, ca) = server("localhost");
    let scene = Scene::new(server, &connection(ca.path(), ""));
    let bridge = scene.settings.start();
    scene.finish(&bridge);
}

#[test]
fn a_peer_that_proves_nothing_gets_nothing_until_its_authority_is_named() {
    let (server, ca) = server("localhost");
    let wrong = file(Tls::generate(&["localhost"]).unwrap().ca_pem().unwrap());
    let scene = Scene::new(server, &connection(wrong.path(), ""));
    let bridge = scene.settings.start();
    bridge.wait_log(&["cannot connect", "localhost", "certificate"]);
    assert!(scene.server.hub("orders").total() == 0, "nothing was sent");
    assert_eq!(bridge.logged("ERROR"), 0, "it may pass, and it does");
    // The file is read at every attempt.
    std::fs::copy(ca.path(), wrong.path()).unwrap();
    scene.finish(&bridge);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let (server, ca) = server("elsewhere.example");
    let scene = Scene::new(server, &connection(ca.path(), ""));
    let bridge = scene.settings.start();
    bridge.wait_log(&["cannot connect", "localhost", "not valid for name"]);
    assert!(scene.server.hub("orders").total() == 0, "nothing was sent");
    bridge.kill();
}
