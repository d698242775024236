//! The performatives the server writes.
//!
//! Every list is written in full, trailing nulls included: one official client indexes fields without looking at the
//! length.

use super::{
    ATTACH, Attach, BEGIN, CLOSE, DETACH, DISPOSITION, END, FLOW, Flow, OPEN, Role, TRANSFER,
};
use crate::codec::frame::{self, Kind};
use crate::codec::write;
use crate::condition::{Condition, Outcome};

const ERROR: u8 = 0x1d;
const SASL_MECHANISMS: u8 = 0x40;
const SASL_OUTCOME: u8 = 0x44;

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
pub(crate) struct Open<'a> {
    pub(crate) container_id: &'a str,
    pub(crate) max_frame_size: u32,
    pub(crate) channel_max: u16,
    pub(crate) idle_time_out: u32,
}

pub(crate) fn open(out: &mut Vec<u8>, open: Open<'_>) {
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
pub(crate) struct Begin {
    pub(crate) next_outgoing_id: u32,
    pub(crate) incoming_window: u32,
    pub(crate) outgoing_window: u32,
    pub(crate) handle_max: u32,
}

pub(crate) fn begin(out: &mut Vec<u8>, channel: u16, begin: Begin) {
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
pub(crate) fn attach(
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

pub(crate) fn flow(out: &mut Vec<u8>, channel: u16, flow: &Flow) {
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
pub(crate) struct Transfer {
    pub(crate) handle: u32,
    pub(crate) delivery_id: u32,
    pub(crate) settled: bool,
    pub(crate) more: bool,
}

/// Bytes of a transfer frame that are not payload, at most.
pub(crate) const TRANSFER_OVERHEAD: usize = 64;

pub(crate) fn transfer(out: &mut Vec<u8>, channel: u16, transfer: Transfer, part: &[u8]) {
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

pub(crate) fn disposition(
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

pub(crate) fn detach(
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

/// A frame of the right size whose body is nothing: a disposition with a list that claims more than there is.
pub(crate) fn garbage(out: &mut Vec<u8>, channel: u16) {
    frame::write(out, Kind::Amqp, channel, |out| {
        write::descriptor(out, DISPOSITION);
        out.extend_from_slice(&[0xc0, 0xff, 0xff, 0x00, 0x3f]);
    });
}

pub(crate) fn end(out: &mut Vec<u8>, channel: u16, reason: Option<&Condition>) {
    performative(out, (Kind::Amqp, channel), (END, 1), |out| error(out, reason));
}

pub(crate) fn close(out: &mut Vec<u8>, reason: Option<&Condition>) {
    performative(out, (Kind::Amqp, 0), (CLOSE, 1), |out| error(out, reason));
}

pub(crate) fn sasl_mechanisms(out: &mut Vec<u8>, mechanisms: &[&str]) {
    performative(out, (Kind::Sasl, 0), (SASL_MECHANISMS, 1), |out| {
        write::text_array(out, mechanisms.iter().copied(), true);
    });
}

pub(crate) fn sasl_outcome(out: &mut Vec<u8>, code: u8) {
    performative(out, (Kind::Sasl, 0), (SASL_OUTCOME, 2), |out| {
        write::ubyte(out, code);
        write::null(out);
    });
}
