//! Hubs that grow, go and come anew under clients that use them.

use std::time::Duration;

use crate::support::{Client, send, soon, stored};
use azure_messaging_eventhubs::ProducerClient;
use eventhubs_local::{HubError, Server};
use fe2o3_amqp::types::messaging::Outcome;

const LIMIT: Duration = Duration::from_secs(10);

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted(_))
}

/// What `$management` says of the hub's partitions.
async fn asked(server: &Server) -> Vec<String> {
    let ask = async {
        let client = ProducerClient::builder()
            .with_custom_endpoint(format!("amqp://{}", server.addr()))
            .open_with_connection_string(&server.connection_string(), Some("orders"))
            .await
            .unwrap();
        client.get_eventhub_properties().await.unwrap().partition_ids
    };
    soon(ask).await
}

#[tokio::test]
async fn a_grown_hub_has_more_partitions_and_everything_it_had() {
    let server = Server::builder().hub("orders", 2).start().unwrap();
    let mut client = Client::connect(&server).await;
    let mut one = client.sender("orders/Partitions/1").await;
    let mut any = client.sender("orders").await;
    assert!(is_accepted(&send(&mut one, &["a"]).await));
    assert!(client.try_sender("orders/Partitions/2").await.is_err());
    let hub = server.hub("orders");
    let before = hub.partitions();

    server.grow_hub("ORDERS", 4).unwrap();
    assert_eq!((before.len(), hub.partitions().len()), (2, 4));
    assert_eq!(asked(&server).await, ["0", "1", "2", "3"]);
    // The link that was there goes on, on the same partition.
    assert!(is_accepted(&send(&mut one, &["b"]).await));
    assert_eq!(stored(&server, 1), ["a", "b"]);
    let mut new = client.sender("orders/Partitions/3").await;
    assert!(is_accepted(&send(&mut new, &["c"]).await));
    // A link to the whole hub reaches the new ones.
    for _ in 0..4 {
        assert!(is_accepted(&send(&mut any, &["d"]).await));
    }
    assert_eq!(hub.partition(2).len(), 1);
    assert!(hub.wait_for(7, LIMIT));

    assert!(matches!(server.grow_hub("orders", 3), Err(HubError::Hub { .. })));
    assert!(matches!(server.grow_hub("orders", 4_000), Err(HubError::Hub { .. })));
    assert!(matches!(server.grow_hub("other", 3), Err(HubError::Unknown { .. })));
    assert_eq!(hub.partitions().len(), 4);
}

#[tokio::test]
async fn a_deleted_hub_lets_its_links_go_and_one_made_anew_knows_nothing_of_it() {
    let server = Server::builder().hub("orders", 4).hub("payments", 1).start().unwrap();
    let mut client = Client::connect(&server).await;
    let mut gone = client.sender("orders/Partitions/3").await;
    let mut other = client.sender("payments").await;
    assert!(is_accepted(&send(&mut gone, &["a"]).await));
    let old = server.hub("orders");

    server.delete_hub("orders").unwrap();
    let detached = format!("{:?}", soon(gone.on_detach()).await);
    assert!(detached.contains("NotFound"), "{detached}");
    let refused = client.try_sender("orders/Partitions/3").await.unwrap_err();
    assert!(format!("{refused:?}").contains("NotFound"), "{refused:?}");
    assert!(is_accepted(&send(&mut other, &["b"]).await), "another hub's link goes on");
    assert!(old.is_deleted() && old.partition(3).is_empty());
    assert_eq!(server.hubs().len(), 1);
    assert!(matches!(server.delete_hub("orders"), Err(HubError::Unknown { .. })));

    let new = server.create_hub("orders", 2).unwrap();
    assert_eq!(asked(&server).await, ["0", "1"]);
    assert!(client.try_sender("orders/Partitions/3").await.is_err());
    let mut sender = client.sender("orders/Partitions/1").await;
    assert!(is_accepted(&send(&mut sender, &["c"]).await));
    assert_eq!((new.total(), new.partition(1).next_sequence(), old.total()), (1, 1, 1));
    assert!(matches!(server.create_hub("Orders", 2), Err(HubError::Hub { .. })));
}

#[tokio::test]
async fn on_disk_a_hub_grows_and_one_made_anew_begins_empty() {
    let folder = tempfile::tempdir().unwrap();
    let build = |partitions| Server::builder().hub("orders", partitions).data(folder.path());
    let server = build(1).start().unwrap();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender("orders/Partitions/0").await;
    assert!(is_accepted(&send(&mut sender, &["a"]).await));
    server.grow_hub("orders", 2).unwrap();
    let mut new = client.sender("orders/Partitions/1").await;
    assert!(is_accepted(&send(&mut new, &["b"]).await));
    drop(server);

    let server = build(2).start().unwrap();
    assert_eq!((stored(&server, 0), stored(&server, 1)), (vec!["a".into()], vec!["b".into()]));
    server.delete_hub("orders").unwrap();
    server.create_hub("orders", 1).unwrap();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender("orders/Partitions/0").await;
    assert!(is_accepted(&send(&mut sender, &["c"]).await));
    drop(server);
    let server = build(1).start().unwrap();
    assert_eq!(stored(&server, 0), ["c"]);
}
