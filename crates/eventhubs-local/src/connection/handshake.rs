//! From the first byte to the open: protocol headers, SASL, and what the two opens agree on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp::frame::{AMQP_HEADER, MIN_MAX_FRAME, SASL_HEADER};
use amqp::performative::{Open, sasl, write as reply};

use super::due::Later;
use super::{Connection, Fate, MAX_FRAME};
use crate::auth::{Grants, Rights, Scope};
use crate::condition::Condition;
use crate::hub::lock;

const MECHANISMS: [&str; 4] = ["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"];
const SASL_OK: u8 = 0;
const SASL_AUTH: u8 = 1;
/// No peer is sent heartbeats more often than this, whatever it asks for.
const MIN_HEARTBEAT: Duration = Duration::from_millis(10);

/// How far the connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing yet: SASL or, for clients without it, AMQP at once.
    Header,
    Sasl,
    /// After SASL.
    AmqpHeader,
    AwaitOpen,
    Open,
}

impl Phase {
    pub(super) fn awaits_header(self) -> bool {
        matches!(self, Self::Header | Self::AmqpHeader)
    }
}

impl Connection {
    /// Takes a protocol header; any other than the expected is answered with the one wanted, as AMQP says.
    pub(super) fn header(&mut self, input: &[u8]) -> usize {
        let Some(header) = input.first_chunk::<8>() else { return 0 };
        let out = &mut self.core.out;
        match (self.phase, *header) {
            (Phase::Header, SASL_HEADER) => {
                out.extend_from_slice(&SASL_HEADER);
                sasl::write_mechanisms(out, &MECHANISMS);
                self.phase = Phase::Sasl;
            }
            (_, AMQP_HEADER) => {
                out.extend_from_slice(&AMQP_HEADER);
                self.phase = Phase::AwaitOpen;
            }
            _ => {
                out.extend_from_slice(&SASL_HEADER);
                self.core.fate = Fate::Finish;
            }
        }
        header.len()
    }

    pub(super) fn sasl_init(&mut self, body: &[u8]) -> Result<(), Condition> {
        let (mechanism, response) =
            sasl::decode_init(body).map_err(|error| Condition::decode(&error))?;
        let admitted = match mechanism {
            "ANONYMOUS" | "MSSBCBS" => true,
            "EXTERNAL" => self.external(),
            "PLAIN" => self.plain(response),
            _ => false,
        };
        let code = if admitted { SASL_OK } else { SASL_AUTH };
        sasl::write_outcome(&mut self.core.out, code);
        self.phase = Phase::AmqpHeader;
        if !admitted {
            self.core.fate = Fate::Finish;
        }
        Ok(())
    }

    /// The client's certificate says who it is, and opens every entity. Where nothing is guarded none is needed.
    fn external(&mut self) -> bool {
        if self.identified {
            let rights = Rights::ALL;
            self.core.grants.give(Scope { path: String::new(), rights, expires_ms: None });
        }
        self.identified || !self.core.namespace.guarded()
    }

    /// User and password are a key's name and value; they open what the key does.
    fn plain(&mut self, response: &[u8]) -> bool {
        let mut parts = response.split(|byte| *byte == 0).skip(1).map(std::str::from_utf8);
        let (Some(Ok(user)), Some(Ok(password))) = (parts.next(), parts.next()) else {
            return false;
        };
        let scope = self.core.namespace.keys.admits(user, password);
        let Some(scope) = scope else { return false };
        self.core.grants.give(scope);
        true
    }

    /// Goes over to the namespace of that host. What was granted before was granted by another.
    fn enter(&mut self, host: &str) {
        let namespace = self.core.namespace.for_host(host);
        if !Arc::ptr_eq(&namespace, &self.core.namespace) {
            self.core.grants = Grants::new(namespace.guarded(), namespace.settings.expire_tokens);
            self.core.namespace = namespace;
        }
    }

    pub(super) fn open(&mut self, open: &Open<'_>) {
        self.enter(open.hostname.unwrap_or_default());
        {
            let mut view = lock(&self.core.handle.view);
            view.namespace = Some(self.core.namespace.name.clone());
            view.container_id = Some(open.container_id.to_owned());
            view.hostname = open.hostname.map(str::to_owned);
        }
        let idle_time_out = self.core.namespace.settings.idle_time_out;
        self.core.peer_max_frame = (open.max_frame_size as usize).clamp(MIN_MAX_FRAME, MAX_FRAME);
        reply::open(
            &mut self.core.out,
            &Open {
                container_id: "eventhubs-local",
                hostname: None,
                max_frame_size: MAX_FRAME as u32,
                channel_max: self.core.namespace.settings.channel_max,
                idle_time_out: Some(idle_time_out.as_millis() as u32),
            },
        );
        if let Some(millis) = open.idle_time_out.filter(|millis| *millis > 0) {
            let every = (Duration::from_millis(millis.into()) / 2).max(MIN_HEARTBEAT);
            self.core.due.push(Instant::now() + every, Later::Heartbeat { every });
        }
        self.phase = Phase::Open;
        self.watch_idle();
    }
}
