//! The nine performatives and the SASL frames. Here is what they are and how they are read; how they are written is in
//! `write`.
//!
//! Fields that nobody here needs are stepped over. What is echoed or rarely looked at (source, target, state) is kept as
//! it stands on the wire.

mod outcome;
pub mod sasl;
pub mod write;

pub use outcome::{Outcome, Reason};

use crate::read::{Fields, Reader};
use crate::{DecodeError, Decoded};

const OPEN: u8 = 0x10;
const BEGIN: u8 = 0x11;
const ATTACH: u8 = 0x12;
const FLOW: u8 = 0x13;
const TRANSFER: u8 = 0x14;
const DISPOSITION: u8 = 0x15;
const DETACH: u8 = 0x16;
const END: u8 = 0x17;
const CLOSE: u8 = 0x18;
const SOURCE: u8 = 0x28;
const TARGET: u8 = 0x29;

/// What the body of an AMQP frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Performative<'a> {
    /// The limits of a connection.
    Open(Open<'a>),
    /// A session, or the answer to one.
    Begin(Begin),
    /// A link, or the answer to one.
    Attach(Attach<'a>),
    /// Windows and credit.
    Flow(Flow),
    /// A message, or a part of one.
    Transfer(Transfer<'a>),
    /// What became of deliveries.
    Disposition(Disposition<'a>),
    /// The end of a link.
    Detach(Detach<'a>),
    /// The end of a session.
    End(Option<Reason<'a>>),
    /// The end of the connection.
    Close(Option<Reason<'a>>),
}

/// The limits of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open<'a> {
    /// Who speaks.
    pub container_id: &'a str,
    /// Whom it wants to speak to.
    pub hostname: Option<&'a str>,
    /// Bytes of the largest frame that may be sent to it.
    pub max_frame_size: u32,
    /// The highest channel that may be used.
    pub channel_max: u16,
    /// Milliseconds without a frame after which it gives the connection up.
    pub idle_time_out: Option<u32>,
}

/// A session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    /// In an answer: the channel of the session that is answered.
    pub remote_channel: Option<u16>,
    /// The number of the first transfer frame that will be sent.
    pub next_outgoing_id: u32,
    /// Transfer frames it takes.
    pub incoming_window: u32,
    /// Transfer frames it may send.
    pub outgoing_window: u32,
    /// The highest handle that may be used.
    pub handle_max: u32,
}

/// Which end of a link the one who attaches is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It sends.
    Sender,
    /// It receives.
    Receiver,
}

impl Role {
    fn is_receiver(self) -> bool {
        self == Self::Receiver
    }

    /// The other end.
    pub fn peer(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }
}

/// A link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attach<'a> {
    /// What both ends know it by.
    pub name: &'a str,
    /// What the one who attaches calls it on the session from now on.
    pub handle: u32,
    /// The end of the one who attaches.
    pub role: Role,
    /// 0: unsettled, 1: settled, 2: mixed.
    pub snd_settle_mode: Option<u8>,
    /// 0: first, 1: second.
    pub rcv_settle_mode: Option<u8>,
    /// The encoded source. Missing in the refusal of a receiver.
    pub source: Option<&'a [u8]>,
    /// The encoded target. Missing in the refusal of a sender.
    pub target: Option<&'a [u8]>,
    /// A sender's first delivery count. Microsoft's clients leave it out, which means 0.
    pub initial_delivery_count: Option<u32>,
    /// Bytes of the largest message; 0 is the same as none.
    pub max_message_size: Option<u64>,
    /// The encoded capabilities that are there.
    pub offered_capabilities: Option<&'a [u8]>,
    /// The encoded capabilities that are wanted.
    pub desired_capabilities: Option<&'a [u8]>,
    /// The encoded properties.
    pub properties: Option<&'a [u8]>,
}

/// Windows of a session, and credit of a link if it names one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flow {
    /// The number of the next transfer frame that is expected; missing before the peer's begin has come.
    pub next_incoming_id: Option<u32>,
    /// Transfer frames it takes from there on.
    pub incoming_window: u32,
    /// The number of the next transfer frame it sends.
    pub next_outgoing_id: u32,
    /// Transfer frames it may send.
    pub outgoing_window: u32,
    /// The link it speaks of, if any.
    pub handle: Option<u32>,
    /// The link's delivery count, as the sender of this sees it.
    pub delivery_count: Option<u32>,
    /// Deliveries that the receiver takes from there on.
    pub link_credit: Option<u32>,
    /// Whether credit that cannot be used is to be used up.
    pub drain: bool,
    /// Whether an answer is wanted.
    pub echo: bool,
}

/// A message, or a part of one. The payload stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer<'a> {
    /// The sender's handle of the link.
    pub handle: u32,
    /// The number of the delivery on its session; needed in its first frame.
    pub delivery_id: Option<u32>,
    /// The name of the delivery on its link; needed in its first frame.
    pub delivery_tag: Option<&'a [u8]>,
    /// How the payload is to be read; needed in its first frame.
    pub message_format: Option<u32>,
    /// Whether the sender has forgotten it already.
    pub settled: bool,
    /// Whether another frame of it follows.
    pub more: bool,
    /// Whether it does not count.
    pub aborted: bool,
}

/// What became of a range of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disposition<'a> {
    /// The end of the one who speaks.
    pub role: Role,
    /// The first delivery.
    pub first: u32,
    /// The last one.
    pub last: u32,
    /// Whether the one who speaks has forgotten them.
    pub settled: bool,
    /// The encoded state; [`Outcome::decode`] reads it.
    pub state: Option<&'a [u8]>,
}

/// The end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detach<'a> {
    /// What the one who detaches calls it.
    pub handle: u32,
    /// Whether the link is over for good.
    pub closed: bool,
    /// Why.
    pub error: Option<Reason<'a>>,
}

/// Splits the body of an AMQP frame into its performative and the payload behind it.
pub fn decode(body: &[u8]) -> Decoded<(Performative<'_>, &[u8])> {
    let mut reader = Reader::new(body);
    let (code, mut fields) = described_list(&mut reader)?;
    let performative = match code {
        OPEN => Performative::Open(open(&mut fields)?),
        BEGIN => Performative::Begin(begin(&mut fields)?),
        ATTACH => Performative::Attach(attach(&mut fields)?),
        FLOW => Performative::Flow(flow(&mut fields)?),
        TRANSFER => Performative::Transfer(transfer(&mut fields)?),
        DISPOSITION => Performative::Disposition(disposition(&mut fields)?),
        DETACH => Performative::Detach(Detach {
            handle: needed(fields.u32()?, "handle")?,
            closed: fields.bool()?,
            error: Reason::read(&mut fields)?,
        }),
        END => Performative::End(Reason::read(&mut fields)?),
        CLOSE => Performative::Close(Reason::read(&mut fields)?),
        other => return Err(DecodeError::Descriptor(other.into())),
    };
    Ok((performative, reader.rest()))
}

/// Descriptor and fields of a described list.
pub(crate) fn described_list<'a>(reader: &mut Reader<'a>) -> Decoded<(u8, Fields<'a>)> {
    match reader.u8()? {
        0x00 => {}
        found => return Err(DecodeError::Mismatch { expected: "a described list", found }),
    }
    let code = if let Ok(symbol) = reader.clone().text() {
        reader.skip()?;
        symbolic(symbol)?
    } else {
        let code = reader.unsigned()?;
        u8::try_from(code).map_err(|_| DecodeError::Descriptor(code))?
    };
    Ok((code, reader.list()?))
}

fn symbolic(name: &str) -> Decoded<u8> {
    Ok(match name {
        "amqp:open:list" => OPEN,
        "amqp:begin:list" => BEGIN,
        "amqp:attach:list" => ATTACH,
        "amqp:flow:list" => FLOW,
        "amqp:transfer:list" => TRANSFER,
        "amqp:disposition:list" => DISPOSITION,
        "amqp:detach:list" => DETACH,
        "amqp:end:list" => END,
        "amqp:close:list" => CLOSE,
        "amqp:source:list" => SOURCE,
        "amqp:target:list" => TARGET,
        _ => outcome::symbolic(name)
            .or_else(|| sasl::symbolic(name))
            .ok_or(DecodeError::Descriptor(0))?,
    })
}

fn needed<T>(field: Option<T>, name: &'static str) -> Decoded<T> {
    field.ok_or(DecodeError::Missing(name))
}

fn skip(fields: &mut Fields<'_>, count: usize) -> Decoded<()> {
    (0..count).try_for_each(|_| fields.skip())
}

fn role(fields: &mut Fields<'_>) -> Decoded<Role> {
    Ok(if fields.bool()? { Role::Receiver } else { Role::Sender })
}

fn open<'a>(fields: &mut Fields<'a>) -> Decoded<Open<'a>> {
    Ok(Open {
        container_id: needed(fields.text()?, "container-id")?,
        hostname: fields.text()?,
        max_frame_size: fields.u32()?.unwrap_or(u32::MAX),
        channel_max: fields.u16()?.unwrap_or(u16::MAX),
        idle_time_out: fields.u32()?,
    })
}

fn begin(fields: &mut Fields<'_>) -> Decoded<Begin> {
    Ok(Begin {
        remote_channel: fields.u16()?,
        next_outgoing_id: needed(fields.u32()?, "next-outgoing-id")?,
        incoming_window: needed(fields.u32()?, "incoming-window")?,
        outgoing_window: fields.u32()?.unwrap_or(u32::MAX),
        handle_max: fields.u32()?.unwrap_or(u32::MAX),
    })
}

fn attach<'a>(fields: &mut Fields<'a>) -> Decoded<Attach<'a>> {
    let name = needed(fields.text()?, "name")?;
    let handle = needed(fields.u32()?, "handle")?;
    let role = role(fields)?;
    let snd_settle_mode = fields.u32()?.map(|mode| mode as u8);
    let rcv_settle_mode = fields.u32()?.map(|mode| mode as u8);
    let source = fields.raw()?;
    let target = fields.raw()?;
    skip(fields, 2)?;
    let initial_delivery_count = fields.u32()?;
    let max_message_size = fields.u64()?;
    let offered_capabilities = fields.raw()?;
    let desired_capabilities = fields.raw()?;
    let properties = fields.raw()?;
    Ok(Attach {
        name,
        handle,
        role,
        snd_settle_mode,
        rcv_settle_mode,
        source,
        target,
        initial_delivery_count,
        max_message_size,
        offered_capabilities,
        desired_capabilities,
        properties,
    })
}

fn flow(fields: &mut Fields<'_>) -> Decoded<Flow> {
    let next_incoming_id = fields.u32()?;
    let incoming_window = needed(fields.u32()?, "incoming-window")?;
    let next_outgoing_id = needed(fields.u32()?, "next-outgoing-id")?;
    let outgoing_window = needed(fields.u32()?, "outgoing-window")?;
    let handle = fields.u32()?;
    let delivery_count = fields.u32()?;
    let link_credit = fields.u32()?;
    fields.skip()?;
    Ok(Flow {
        next_incoming_id,
        incoming_window,
        next_outgoing_id,
        outgoing_window,
        handle,
        delivery_count,
        link_credit,
        drain: fields.bool()?,
        echo: fields.bool()?,
    })
}

fn transfer<'a>(fields: &mut Fields<'a>) -> Decoded<Transfer<'a>> {
    let handle = needed(fields.u32()?, "handle")?;
    let delivery_id = fields.u32()?;
    let delivery_tag = fields.raw()?.map(|raw| Reader::new(raw).binary()).transpose()?;
    let message_format = fields.u32()?;
    let settled = fields.bool()?;
    let more = fields.bool()?;
    skip(fields, 3)?;
    let aborted = fields.bool()?;
    Ok(Transfer { handle, delivery_id, delivery_tag, message_format, settled, more, aborted })
}

fn disposition<'a>(fields: &mut Fields<'a>) -> Decoded<Disposition<'a>> {
    let role = role(fields)?;
    let first = needed(fields.u32()?, "first")?;
    let last = fields.u32()?.unwrap_or(first);
    Ok(Disposition { role, first, last, settled: fields.bool()?, state: fields.raw()? })
}

/// What a source or target says of its node: the address, and the encoded filter map of a source.
pub fn decode_terminus(raw: &[u8]) -> Decoded<(Option<&str>, Option<&[u8]>)> {
    let (code, mut fields) = described_list(&mut Reader::new(raw))?;
    let address = match (code, fields.raw()?) {
        (SOURCE | TARGET, address) => address.and_then(|raw| Reader::new(raw).text().ok()),
        (other, _) => return Err(DecodeError::Descriptor(other.into())),
    };
    skip(&mut fields, 6)?;
    Ok((address, fields.raw()?))
}
