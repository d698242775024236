//! The nine AMQP performatives and the SASL frames: what the server reads of them. How it writes its own is in `reply`.
//!
//! What must be echoed (source, target) is kept as it stood on the wire.

pub(crate) mod reply;

use super::read::{Fields, Reader};
use super::{DecodeError, Decoded};

const OPEN: u8 = 0x10;
const BEGIN: u8 = 0x11;
const ATTACH: u8 = 0x12;
const FLOW: u8 = 0x13;
const TRANSFER: u8 = 0x14;
const DISPOSITION: u8 = 0x15;
const DETACH: u8 = 0x16;
const END: u8 = 0x17;
const CLOSE: u8 = 0x18;
const SASL_INIT: u8 = 0x41;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Performative<'a> {
    Open(Open<'a>),
    Begin(Begin),
    Attach(Attach<'a>),
    Flow(Flow),
    Transfer(Transfer),
    Disposition(Disposition),
    Detach(Detach),
    End,
    Close,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Open<'a> {
    pub(crate) container_id: &'a str,
    pub(crate) hostname: Option<&'a str>,
    pub(crate) max_frame_size: u32,
    pub(crate) idle_time_out: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    pub(crate) next_outgoing_id: u32,
    pub(crate) incoming_window: u32,
}

/// Which end of a link the sender of an attach is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Sender,
    Receiver,
}

impl Role {
    fn is_receiver(self) -> bool {
        self == Self::Receiver
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Attach<'a> {
    pub(crate) name: &'a str,
    pub(crate) handle: u32,
    /// The role of the peer.
    pub(crate) role: Role,
    pub(crate) snd_settle_mode: Option<u8>,
    pub(crate) rcv_settle_mode: Option<u8>,
    pub(crate) source: Option<&'a [u8]>,
    pub(crate) target: Option<&'a [u8]>,
    pub(crate) initial_delivery_count: Option<u32>,
    pub(crate) desired_capabilities: Option<&'a [u8]>,
    pub(crate) properties: Option<&'a [u8]>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flow {
    pub(crate) next_incoming_id: Option<u32>,
    pub(crate) incoming_window: u32,
    pub(crate) next_outgoing_id: u32,
    pub(crate) outgoing_window: u32,
    pub(crate) handle: Option<u32>,
    pub(crate) delivery_count: Option<u32>,
    pub(crate) link_credit: Option<u32>,
    pub(crate) drain: bool,
    pub(crate) echo: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Transfer {
    pub(crate) handle: u32,
    pub(crate) delivery_id: Option<u32>,
    pub(crate) message_format: Option<u32>,
    pub(crate) settled: bool,
    pub(crate) more: bool,
    pub(crate) aborted: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Disposition {
    pub(crate) role: Role,
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) settled: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Detach {
    pub(crate) handle: u32,
    pub(crate) closed: bool,
}

/// Splits the body of an AMQP frame into its performative and the payload behind it.
pub(crate) fn decode(body: &[u8]) -> Decoded<(Performative<'_>, &[u8])> {
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
        }),
        END => Performative::End,
        CLOSE => Performative::Close,
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
        "amqp:source:list" => 0x28,
        "amqp:target:list" => 0x29,
        "amqp:sasl-init:list" => SASL_INIT,
        _ => return Err(DecodeError::Descriptor(0)),
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
    let container_id = needed(fields.text()?, "container-id")?;
    let hostname = fields.text()?;
    let max_frame_size = fields.u32()?.unwrap_or(u32::MAX);
    fields.skip()?;
    Ok(Open { container_id, hostname, max_frame_size, idle_time_out: fields.u32()? })
}

fn begin(fields: &mut Fields<'_>) -> Decoded<Begin> {
    fields.skip()?;
    Ok(Begin {
        next_outgoing_id: needed(fields.u32()?, "next-outgoing-id")?,
        incoming_window: needed(fields.u32()?, "incoming-window")?,
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
    skip(fields, 2)?;
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

fn transfer(fields: &mut Fields<'_>) -> Decoded<Transfer> {
    let handle = needed(fields.u32()?, "handle")?;
    let delivery_id = fields.u32()?;
    fields.skip()?;
    let message_format = fields.u32()?;
    let settled = fields.bool()?;
    let more = fields.bool()?;
    skip(fields, 3)?;
    Ok(Transfer { handle, delivery_id, message_format, settled, more, aborted: fields.bool()? })
}

fn disposition(fields: &mut Fields<'_>) -> Decoded<Disposition> {
    let role = role(fields)?;
    let first = needed(fields.u32()?, "first")?;
    let last = fields.u32()?.unwrap_or(first);
    Ok(Disposition { role, first, last, settled: fields.bool()? })
}

/// Mechanism and initial response of a sasl-init.
pub(crate) fn decode_sasl_init(body: &[u8]) -> Decoded<(&str, &[u8])> {
    let (code, mut fields) = described_list(&mut Reader::new(body))?;
    if code != SASL_INIT {
        return Err(DecodeError::Descriptor(code.into()));
    }
    let mechanism = needed(fields.text()?, "mechanism")?;
    let response = fields.raw()?.map(|raw| Reader::new(raw).binary()).transpose()?;
    Ok((mechanism, response.unwrap_or_default()))
}

/// What a source or target says of its node: the address, and the encoded filter map of a source.
pub(crate) fn decode_terminus(raw: &[u8]) -> Decoded<(Option<&str>, Option<&[u8]>)> {
    let (code, mut fields) = described_list(&mut Reader::new(raw))?;
    let address = match (code, fields.raw()?) {
        (0x28 | 0x29, address) => address.and_then(|raw| Reader::new(raw).text().ok()),
        (other, _) => return Err(DecodeError::Descriptor(other.into())),
    };
    skip(&mut fields, 6)?;
    Ok((address, fields.raw()?))
}
