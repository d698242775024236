//! Microsoft's Rust client and the bridge's own say the same to the same server; what differs is in a table, with the reason.

mod read;
mod relay;

use std::collections::{BTreeMap, BTreeSet};

use amqp::client::{Answer, Attach, Login, Receives, Settings};
use amqp::driver::{Connection, Outcome as Sent};
use amqp::sections::{APPLICATION_PROPERTIES, DATA, PROPERTIES, VALUE};
use amqp::write;
use azure_messaging_eventhubs::{EventDataBatchOptions, ProducerClient};
use bytes::Bytes;
use eventhubs_local::Server;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::official::with_client;
use crate::support::soon;
use read::{Said, said};
use relay::Relay;

/// What differs, and why: the page that the documentation shows.
const TABLE: &str = include_str!("../../../../amqp/src/client/differences.md");
/// A batch of events.
const BATCH: u32 = 0x8001_3700;

async fn theirs(relay: &Relay, server: &Server) -> super::official::Outcome {
    let client = ProducerClient::builder()
        .with_custom_endpoint(format!("amqp://{}", relay.address))
        .open_with_connection_string(&server.connection_string(), Some("orders"))
        .await?;
    let options = EventDataBatchOptions { partition_id: Some("1".into()), ..Default::default() };
    let batch = client.create_batch(Some(options)).await?;
    assert!(batch.try_add_event_data("theirs", None)?);
    client.send_batch(batch, None).await?;
    client.close().await
}

fn strings(out: &mut Vec<u8>, pairs: &[(&str, &str)]) {
    let opened = write::open_map(out);
    for (key, value) in pairs {
        write::string(out, key);
        write::string(out, value);
    }
    write::close(out, &opened, 2 * pairs.len() as u32);
}

fn put_token(audience: &str) -> Bytes {
    let mut out = Vec::new();
    write::descriptor(&mut out, PROPERTIES);
    let opened = write::open_list(&mut out);
    write::ulong(&mut out, 1);
    write::null(&mut out);
    write::string(&mut out, "$cbs");
    write::null(&mut out);
    write::string(&mut out, "answers");
    write::close(&mut out, &opened, 5);
    write::descriptor(&mut out, APPLICATION_PROPERTIES);
    let kind = "servicebus.windows.net:sastoken";
    strings(&mut out, &[("operation", "put-token"), ("type", kind), ("name", audience)]);
    write::descriptor(&mut out, VALUE);
    write::string(&mut out, "SharedAccessSignature sr=a&sig=b&se=9999999999&skn=c");
    out.into()
}

fn data(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write::descriptor(&mut out, DATA);
    write::binary(&mut out, body);
    out
}

/// As the bridge does it: a session for tokens, another for links to partitions.
async fn ours(relay: &Relay) {
    let stream = soon(TcpStream::connect(relay.address)).await.unwrap();
    let settings = Settings::new("127.0.0.1", "ours", Login::Anonymous);
    let connection = Connection::spawn(stream, settings, |_| {});
    soon(connection.opened()).await.unwrap();
    let tokens = soon(connection.begin()).await.unwrap();
    let (tell, mut told) = mpsc::channel(1);
    let attach = Attach {
        name: "answers",
        address: "$cbs",
        own: "answers",
        receives: Some(Receives::kept(200, 65_536)),
    };
    let hear = move |message| tell.try_send(message).expect("one answer");
    let answers = soon(tokens.receiver(&attach, hear)).await.unwrap();
    let questions = soon(tokens.sender("questions", "$cbs")).await.unwrap();
    let put = questions.send(put_token("amqp://localhost/orders"), 0).unwrap();
    assert_eq!(soon(put).await, Sent::Answered(Answer::Accepted));
    soon(told.recv()).await.expect("an answer");
    let session = soon(connection.begin()).await.unwrap();
    let mut sender = soon(session.sender("sender", "orders/Partitions/1")).await.unwrap();
    let sent = sender.send(data(&data(b"ours")).into(), BATCH).unwrap();
    assert_eq!(soon(sent).await, Sent::Answered(Answer::Accepted));
    soon(sender.detach()).await;
    drop((session, questions, answers, tokens));
    soon(connection.close()).await;
}

/// The rows of the table: frame, field, theirs, ours.
fn documented() -> Vec<[String; 4]> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', ""));
        let cells = [(); 4].map(|()| cells.next().expect("a cell"));
        assert!(row.trim_matches('|').split(" | ").nth(4).is_some_and(|why| why.len() > 5));
        cells
    })
    .collect()
}

/// What differs in the first frame of each kind that both have said, and the kinds that only one has.
fn differences(theirs: &Said, ours: &Said) -> Vec<[String; 4]> {
    let mut found = Vec::new();
    for frame in theirs.keys().chain(ours.keys().filter(|frame| !theirs.contains_key(*frame))) {
        let (Some(their), Some(our)) = (theirs.get(frame), ours.get(frame)) else {
            let cell = |said: &Said| if said.contains_key(frame) { "said" } else { "not said" };
            let cells = [frame.as_str(), "all of it", cell(theirs), cell(ours)];
            found.push(cells.map(str::to_owned));
            continue;
        };
        let fields: BTreeSet<_> = their.keys().chain(our.keys()).collect();
        for field in fields {
            let cell = |said: &BTreeMap<String, String>| {
                said.get(field).map_or_else(|| "-".to_owned(), Clone::clone)
            };
            let (their, our) = (cell(their), cell(our));
            if their != our {
                found.push([frame.clone(), field.clone(), their, our]);
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn what_differs_from_microsofts_client_has_a_reason() {
    with_client(async |server| {
        let relay = Relay::start(server.addr()).await;
        theirs(&relay, server).await?;
        let theirs = said(&relay.end().await);
        let relay = Relay::start(server.addr()).await;
        ours(&relay).await;
        let ours = said(&relay.end().await);
        assert_eq!(server.hub("orders").partition(1).len(), 2);
        let mut documented = documented();
        documented.sort();
        let found = differences(&theirs, &ours);
        let rows: Vec<_> = found.iter().map(|row| format!("| `{}` |", row.join("` | `"))).collect();
        assert_eq!(found, documented, "measured:\n{}", rows.join("\n"));
        Ok(())
    })
    .await;
}
