//! Another address than the namespace's name, as with a private endpoint or a tunnel, and WebSocket.

use stage::tinyproxy::Tinyproxy;

use crate::scene::{Scene, connection, server, server_at};

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

/// By address in the connection string, behind a private endpoint, through a proxy, and in WebSocket.
#[test]
fn a_namespace_is_reached_by_ipv6() {
    let proxy = Tinyproxy::start();
    let through = format!("proxy = '{}'", proxy.url());
    for (name, more) in [
        ("::1", ""),
        ("::1", "transport = 'websocket'"),
        ("::1", through.as_str()),
        (NAMESPACE, "address = '[::1]:@port'"),
    ] {
        let (server, ca) = server_at("[::1]:0", name);
        let port = server.addr().port();
        let more = more.replace("@port", &port.to_string());
        let host = if name == NAMESPACE { name.to_owned() } else { format!("[{name}]:{port}") };
        let mut scene = Scene::new(server, &connection(ca.path(), &more));
        scene.settings = scene.settings.with(&format!(
            "[eventhubs]\nconnection_string = 'Endpoint=sb://{host}/;SharedAccessKeyName=root;SharedAccessKey=c2VjcmV0LWtleQ=='"
        ));
        let bridge = scene.settings.start();
        scene.finish(&bridge);
    }
    assert!(proxy.tunnels() > 0);
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
