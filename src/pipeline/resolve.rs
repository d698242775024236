//! Finding out the partitions of a hub, for as long as it takes.

use std::sync::Arc;
use std::time::Duration;

use crate::eventhubs::{ConnectError, Namespace};
use crate::retry;

use super::inbox::{Mailbox, Signal};

/// Asks until the hub answers, then tells the pump. A hub that is refused now may exist or be allowed later.
pub(super) async fn hub(namespace: Namespace, name: Arc<str>, hub: Arc<str>, mailbox: Mailbox) {
    let mut attempt = 0;
    loop {
        match namespace.hub(&hub).await {
            Ok(properties) => {
                let partition_ids = properties.partition_ids;
                return mailbox.send(Signal::Hub { namespace: name, hub, partition_ids });
            }
            Err(error) => {
                attempt += 1;
                log(&error, &hub, attempt);
                let wait = retry::delay(attempt, Some(Duration::from_millis(500)), rand::random());
                tokio::time::sleep(wait).await;
            }
        }
    }
}

fn log(error: &ConnectError, hub: &str, attempt: u32) {
    if attempt == 1 {
        tracing::warn!(hub, %error, "the partitions of the hub are not known yet, asking again");
    } else {
        tracing::debug!(hub, %error, attempt, "still not known");
    }
}
