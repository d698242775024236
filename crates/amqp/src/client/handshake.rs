//! From the first byte to the open: the headers, SASL, and our open.

use super::{End, Login, Settings};
use crate::frame::{AMQP_HEADER, SASL_HEADER};
use crate::performative::sasl::{self, Sasl};
use crate::performative::{Open, write};

use super::output::Output;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    SaslHeader,
    Mechanisms,
    Outcome,
    AmqpHeader,
    Open,
}

#[derive(Debug)]
pub(super) struct Handshake(Step);

impl Login {
    pub(super) fn mechanism(&self) -> &'static str {
        match self {
            Self::Anonymous => "ANONYMOUS",
            Self::Plain { .. } => "PLAIN",
            Self::External => "EXTERNAL",
        }
    }

    fn response(&self) -> Vec<u8> {
        match self {
            Self::Plain { user, password } => format!("\0{user}\0{password}").into_bytes(),
            Self::Anonymous | Self::External => Vec::new(),
        }
    }
}

impl Handshake {
    pub(super) fn begin(output: &mut Output) -> Self {
        output.make(|out| out.extend_from_slice(&SASL_HEADER));
        Self(Step::SaslHeader)
    }

    pub(super) fn awaits_header(&self) -> bool {
        matches!(self.0, Step::SaslHeader | Step::AmqpHeader)
    }

    pub(super) fn awaits_open(&self) -> bool {
        self.0 == Step::Open
    }

    /// Takes a header; gives how many bytes it has, 0 while it has not all come.
    pub(super) fn header(&mut self, input: &[u8]) -> Result<usize, End> {
        let wanted = if self.0 == Step::SaslHeader { SASL_HEADER } else { AMQP_HEADER };
        let there = input.len().min(wanted.len());
        if input[..there] != wanted[..there] {
            return Err(End::Foreign(foreign(input, wanted)));
        }
        if there < wanted.len() {
            return Ok(0);
        }
        self.0 = match self.0 {
            Step::SaslHeader => Step::Mechanisms,
            _ => Step::Open,
        };
        Ok(wanted.len())
    }

    /// Takes what the peer says of SASL.
    pub(super) fn sasl(
        &mut self,
        body: &[u8],
        settings: &Settings,
        output: &mut Output,
    ) -> Result<(), End> {
        let said = sasl::decode(body).map_err(|error| End::Broken(error.to_string()))?;
        match (self.0, said) {
            (Step::Mechanisms, Sasl::Mechanisms(offered)) => {
                let mechanism = settings.login.mechanism();
                if !offered.iter().any(|name| name == mechanism) {
                    let offered = offered.join(", ");
                    let text = format!("the peer does not offer {mechanism}, but: {offered}");
                    return Err(End::Foreign(text));
                }
                let response = settings.login.response();
                output.make(|out| sasl::write_init(out, mechanism, &response, &settings.host));
                self.0 = Step::Outcome;
                Ok(())
            }
            (Step::Outcome, Sasl::Outcome(0)) => {
                output.make(|out| out.extend_from_slice(&AMQP_HEADER));
                // The open need not wait for the peer's header.
                output.make(|out| write::open(out, &open(settings)));
                self.0 = Step::AmqpHeader;
                Ok(())
            }
            (Step::Outcome, Sasl::Outcome(code)) => Err(End::Refused(code)),
            _ => Err(End::Broken("SASL out of turn".to_owned())),
        }
    }
}

fn open(settings: &Settings) -> Open<'_> {
    // Asked for half of it, a peer that is well is heard twice.
    let idle = settings.idle.map(|idle| u32::try_from(idle.as_millis() / 2).unwrap_or(u32::MAX));
    Open {
        container_id: &settings.container,
        hostname: Some(&settings.host),
        max_frame_size: settings.max_frame,
        channel_max: u16::MAX,
        idle_time_out: idle,
    }
}

/// What came instead of a header, for people.
fn foreign(input: &[u8], wanted: [u8; 8]) -> String {
    let end = input.iter().take(24).take_while(|byte| (32..127).contains(*byte)).count();
    let text = String::from_utf8_lossy(&input[..end]);
    if input.starts_with(b"AMQP") {
        let version = &input[4..input.len().min(8)];
        return format!("the peer answers {wanted:?} with another protocol of AMQP: {version:?}");
    }
    match &*text {
        "" => format!(
            "the peer does not speak AMQP 1.0: it begins with {:02x?}",
            &input[..input.len().min(8)]
        ),
        text => format!("the peer does not speak AMQP 1.0: it begins with `{text}`"),
    }
}
