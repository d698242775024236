//! The nine AMQP performatives and the SASL frames: what the server reads of them and how it writes its own.
//!
//! Every list is written in full, trailing nulls included: one official client indexes fields without looking at the
//! length. What must be echoed (source, target) is kept as it stood on the wire.

use super::frame::{self, Kind};
use super::read::{Fields, Reader};
use super::write;
use super::{DecodeError, Decoded};
use crate::condition::{Condition, Outcome};

const OPEN: u8 = 0x10;
const BEGIN: u8 = 0x11;
const ATTACH: u8 = 0x12;
const FLOW: u8 = 0x13;
const TRANSFER: u8 = 0x14;
const DISPOSITION: u8 = 0x15;
const DETACH: u8 = 0x16;
const END: u8 = 0x17;
const CLOSE: u8 = 0x18;
const ERROR: u8 = 0x1d;
const SASL_MECHANISMS: u8 = 0x40;
const SASL_INIT: u8 = 0x41;
const SASL_OUTCOME: u8 = 0x44;

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

/// Writes one frame holding a performative of `count` fields.
fn performative(
    out: &mut Vec<u8>,
    (kind, channel): (Kind, u16),
    (code, count): (u8, u32),
    fields: impl FnOnce(&mut Vec<u8>),
) {
    frame::write(out, kind, channel, |out| list(out, code, count, fields));
}

fn list(out: &mut Vec<u8>, code: u8, count: u32, fields: impl FnOnce(&mut Vec<u8>)) {
    write::descriptor(out, code);
    let opened = write::open_list(out);
    fields(out);
    write::close(out, &opened, count);
}

fn nulls(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, 0x40);
}

fn optional_uint(out: &mut Vec<u8>, value: Option<u32>) {
    match value {
        Some(value) => write::uint(out, value),
        None => write::null(out),
    }
}

fn error(out: &mut Vec<u8>, condition: Option<&Condition>) {
    let Some(condition) = condition else { return write::null(out) };
    list(out, ERROR, 3, |out| {
        write::symbol(out, condition.name());
        write::string(out, condition.description());
        write::null(out);
    });
}

/// What the server's open says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenReply<'a> {
    pub(crate) container_id: &'a str,
    pub(crate) max_frame_size: u32,
    pub(crate) channel_max: u16,
    pub(crate) idle_time_out: u32,
}

pub(crate) fn write_open(out: &mut Vec<u8>, open: OpenReply<'_>) {
    performative(out, (Kind::Amqp, 0), (OPEN, 10), |out| {
        write::string(out, open.container_id);
        write::null(out);
        write::uint(out, open.max_frame_size);
        write::ushort(out, open.channel_max);
        write::uint(out, open.idle_time_out);
        nulls(out, 5);
    });
}

/// What the server's begin says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BeginReply {
    pub(crate) next_outgoing_id: u32,
    pub(crate) incoming_window: u32,
    pub(crate) outgoing_window: u32,
    pub(crate) handle_max: u32,
}

pub(crate) fn write_begin(out: &mut Vec<u8>, channel: u16, begin: BeginReply) {
    performative(out, (Kind::Amqp, channel), (BEGIN, 8), |out| {
        write::ushort(out, channel);
        write::uint(out, begin.next_outgoing_id);
        write::uint(out, begin.incoming_window);
        write::uint(out, begin.outgoing_window);
        write::uint(out, begin.handle_max);
        nulls(out, 3);
    });
}

/// Answers `attach`: the same link seen from the other end. A refused link has neither source nor target.
pub(crate) fn write_attach(
    out: &mut Vec<u8>,
    channel: u16,
    attach: &Attach<'_>,
    accepted: bool,
    max_message_size: u64,
) {
    performative(out, (Kind::Amqp, channel), (ATTACH, 14), |out| {
        let mode = |out: &mut Vec<u8>, mode: Option<u8>, default| {
            write::ubyte(out, mode.unwrap_or(default));
        };
        let terminus = |out: &mut Vec<u8>, raw: Option<&[u8]>, code| match raw {
            _ if !accepted => write::null(out),
            Some(raw) => out.extend_from_slice(raw),
            None => list(out, code, 0, |_| {}),
        };
        write::string(out, attach.name);
        write::uint(out, attach.handle);
        write::bool(out, !attach.role.is_receiver());
        mode(out, attach.snd_settle_mode, 2);
        mode(out, attach.rcv_settle_mode, 0);
        terminus(out, attach.source, 0x28);
        terminus(out, attach.target, 0x29);
        nulls(out, 2);
        optional_uint(out, attach.role.is_receiver().then_some(0));
        write::ulong(out, max_message_size);
        nulls(out, 3);
    });
}

pub(crate) fn write_flow(out: &mut Vec<u8>, channel: u16, flow: &Flow) {
    performative(out, (Kind::Amqp, channel), (FLOW, 11), |out| {
        optional_uint(out, flow.next_incoming_id);
        write::uint(out, flow.incoming_window);
        write::uint(out, flow.next_outgoing_id);
        write::uint(out, flow.outgoing_window);
        optional_uint(out, flow.handle);
        optional_uint(out, flow.delivery_count);
        optional_uint(out, flow.link_credit);
        write::null(out);
        write::bool(out, flow.drain);
        write::bool(out, flow.echo);
        write::null(out);
    });
}

/// A transfer of the server's own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutTransfer {
    pub(crate) handle: u32,
    pub(crate) delivery_id: u32,
    pub(crate) settled: bool,
    pub(crate) more: bool,
}

/// Bytes of a transfer frame that are not payload, at most.
pub(crate) const TRANSFER_OVERHEAD: usize = 64;

pub(crate) fn write_transfer(out: &mut Vec<u8>, channel: u16, transfer: OutTransfer, part: &[u8]) {
    frame::write(out, Kind::Amqp, channel, |out| {
        list(out, TRANSFER, 11, |out| {
            write::uint(out, transfer.handle);
            write::uint(out, transfer.delivery_id);
            write::binary(out, &transfer.delivery_id.to_be_bytes());
            write::uint(out, 0);
            write::bool(out, transfer.settled);
            write::bool(out, transfer.more);
            nulls(out, 5);
        });
        out.extend_from_slice(part);
    });
}

pub(crate) fn write_disposition(
    out: &mut Vec<u8>,
    channel: u16,
    role: Role,
    (first, last): (u32, u32),
    outcome: &Outcome,
) {
    performative(out, (Kind::Amqp, channel), (DISPOSITION, 6), |out| {
        write::bool(out, role.is_receiver());
        write::uint(out, first);
        write::uint(out, last);
        write::bool(out, true);
        match outcome {
            Outcome::Accepted => list(out, 0x24, 0, |_| {}),
            Outcome::Rejected(reason) => {
                list(out, 0x25, 1, |out| error(out, reason.as_ref()));
            }
            Outcome::Released => list(out, 0x26, 0, |_| {}),
            Outcome::Modified => list(out, 0x27, 3, |out| {
                write::bool(out, true);
                nulls(out, 2);
            }),
        }
        write::null(out);
    });
}

pub(crate) fn write_detach(
    out: &mut Vec<u8>,
    channel: u16,
    handle: u32,
    closed: bool,
    reason: Option<&Condition>,
) {
    performative(out, (Kind::Amqp, channel), (DETACH, 3), |out| {
        write::uint(out, handle);
        write::bool(out, closed);
        error(out, reason);
    });
}

pub(crate) fn write_end(out: &mut Vec<u8>, channel: u16, reason: Option<&Condition>) {
    performative(out, (Kind::Amqp, channel), (END, 1), |out| error(out, reason));
}

pub(crate) fn write_close(out: &mut Vec<u8>, reason: Option<&Condition>) {
    performative(out, (Kind::Amqp, 0), (CLOSE, 1), |out| error(out, reason));
}

pub(crate) fn write_sasl_mechanisms(out: &mut Vec<u8>, mechanisms: &[&str]) {
    performative(out, (Kind::Sasl, 0), (SASL_MECHANISMS, 1), |out| {
        write::text_array(out, mechanisms.iter().copied(), true);
    });
}

pub(crate) fn write_sasl_outcome(out: &mut Vec<u8>, code: u8) {
    performative(out, (Kind::Sasl, 0), (SASL_OUTCOME, 2), |out| {
        write::ubyte(out, code);
        write::null(out);
    });
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
