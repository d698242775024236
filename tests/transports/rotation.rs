//! How the bridge shows who it is, and what happens when both sides get new certificates of a new authority.

use crate::gateway::{Authority, Gateway};
use crate::scene::{Scene, connection, file};

fn write(file: &tempfile::NamedTempFile, text: &str) {
    std::fs::write(file.path(), text).unwrap();
}

#[test]
fn the_bridge_shows_its_certificate_and_later_its_next_one() {
    let authority = Authority::new();
    let (own, own_key) = authority.sign("bridge");
    let (own, own_key, ca) = (file(&own), file(&own_key), file(authority.pem()));
    // A gateway that lets in only who shows a certificate; behind it, a namespace without TLS.
    let server = eventhubs_local::Server::builder().hub("orders", 4).start().unwrap();
    let gateway = Gateway::start(&authority, server.addr());
    let more = format!(
        "certificate_file = '{}'\nkey_file = '{}'",
        own.path().display(),
        own_key.path().display()
    );
    let mut scene = Scene::new(server, &connection(ca.path(), &more));
    scene.settings = scene.settings.with(&format!(
        "[eventhubs]\nconnection_string = 'Endpoint=sb://localhost:{};SharedAccessKeyName=k;SharedAccessKey=s'",
        gateway.port
    ));
    let bridge = scene.settings.start();
    scene.wait_committed();

    // The gateway moves to another authority, for itself and for whom it lets in. First it is not believed any more, then
    // it does not believe.
    let next = Authority::new();
    gateway.become_of(&next);
    scene.supply.write(200);
    bridge.wait_log(&["cannot connect to event hubs", "certificate"]);
    write(&ca, next.pem());
    gateway.wait_refusal();
    let (new, new_key) = next.sign("bridge");
    write(&own, &new);
    write(&own_key, &new_key);
    scene.finish(&bridge);
}
