//! Another address than the namespace's name, as with a private endpoint or a tunnel, and WebSocket.

use crate::scene::{Scene, connection, server};

const NAMESPACE: &str = "orders.servicebus.windows.net";

/// The certificate is good for the namespace's name only, so it is that name which was asked for.
#[test]
fn a_namespace_is_reached_at_another_address() {
    let (server, ca) = server(NAMESPACE);
    let address = format!("address = 'localhost:{}'", server.addr().port());
    let mut scene = Scene::new(server, &connection(ca.path(), &address));
    scene.settings = scene.settings.with(&format!(
        "[eventhubs]\nconnection_string = 'Endpoint=sb://{NAMESPACE}/;SharedAccessKeyName=root;SharedAccessKey=c2VjcmV0LWtleQ=='"
    ));
    let bridge = scene.settings.start();
    scene.finish(&bridge);
}

#[test]
fn amqp_travels_in_websocket_messages() {
    let (server, ca) = server("localhost");
    let scene = Scene::new(server, &connection(ca.path(), "transport = 'websocket'"));
    let bridge = scene.settings.start();
    scene.wait_all();
    let connections = scene.server.connections();
    assert!(!connections.is_empty() && connections.iter().all(|it| it.websocket && it.tls));
    scene.finish(&bridge);
}
