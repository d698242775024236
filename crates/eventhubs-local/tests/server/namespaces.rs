//! Several namespaces behind one address: the host a client asks for tells which is meant.

use crate::support::{Client, send, until};
use eventhubs_local::{NamespaceBuilder, Server, StartError};
use fe2o3_amqp::types::messaging::Outcome;

fn server() -> Server {
    Server::builder()
        .hub("orders", 1)
        .namespace(NamespaceBuilder::new("west").hub("orders", 1).hub("audit", 2))
        .namespace(NamespaceBuilder::new("east").host("hubs.example.com").hub("orders", 1))
        .start()
        .unwrap()
}

#[tokio::test]
async fn events_go_to_the_namespace_of_the_host() {
    let server = server();
    for (host, id) in [
        ("127.0.0.1", "default"),
        ("west.servicebus.windows.net", "west"),
        ("hubs.example.com", "east"),
        ("unheard-of.servicebus.windows.net", "default"),
    ] {
        let mut client = Client::to_host(server.addr(), host).await;
        let mut sender = client.sender("orders/Partitions/0").await;
        assert!(matches!(send(&mut sender, &[id]).await, Outcome::Accepted(_)));
        let views = server.connections();
        assert_eq!(views.last().unwrap().namespace.as_deref(), Some(id), "{host}");
    }
    for (namespace, expected) in
        [("default", vec!["default", "default"]), ("west", vec!["west"]), ("east", vec!["east"])]
    {
        let events = server.namespace(namespace).hub("orders").partition(0).events();
        let ids: Vec<_> = events.iter().map(|event| event.message_id().unwrap()).collect();
        assert_eq!(ids, expected, "{namespace}");
    }
}

#[tokio::test]
async fn hubs_faults_and_keys_of_one_namespace_are_not_anothers() {
    let server = Server::builder()
        .hub("orders", 1)
        .namespace(NamespaceBuilder::new("west").hub("orders", 1).hub("audit", 1).key("root", "k"))
        .start()
        .unwrap();
    let mut default = Client::to_host(server.addr(), "localhost").await;
    assert!(default.try_sender("audit/Partitions/0").await.is_err());
    let mut west = Client::to_host(server.addr(), "west.localhost").await;
    assert!(west.try_sender("audit/Partitions/0").await.is_err(), "no token was put");

    server.namespace("west").faults().everywhere().released();
    let mut sender = default.sender("orders/Partitions/0").await;
    assert!(matches!(send(&mut sender, &["a"]).await, Outcome::Accepted(_)));

    // Cutting the connections of one leaves the other's.
    server.namespace("west").faults().drop_connections();
    until(|| server.connections().len() == 1).await;
    assert!(matches!(send(&mut sender, &["b"]).await, Outcome::Accepted(_)));
}

#[test]
fn a_name_is_taken_once_and_is_part_of_a_host() {
    for (name, part) in [("DEFAULT", "taken"), ("a.b", "part of a host"), ("", "part of a host")] {
        let namespace = NamespaceBuilder::new(name).hub("orders", 1);
        let error = Server::builder().namespace(namespace).start().unwrap_err();
        assert!(matches!(error, StartError::Namespace { .. }));
        assert!(error.to_string().contains(part), "{error}");
    }
}
