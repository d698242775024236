//! How the performatives are written.
//!
//! Every list is written in full, trailing nulls included: one official client indexes fields without looking at the
//! length.

use super::outcome::{ACCEPTED, ERROR, MODIFIED, REJECTED, RELEASED};
use super::{
    ATTACH, Attach, BEGIN, Begin, CLOSE, DETACH, DISPOSITION, Detach, END, FLOW, Flow, OPEN, Open,
    Outcome, Reason, Role, SOURCE, TARGET, TRANSFER, Transfer,
};
use crate::frame::{self, Kind};
use crate::value::Value;
use crate::write;

/// Bytes of a transfer frame that are not payload, at most.
pub const TRANSFER_OVERHEAD: usize = 64;
/// A source without fields.
pub const EMPTY_SOURCE: [u8; 12] = [0, 0x53, SOURCE, 0xd0, 0, 0, 0, 4, 0, 0, 0, 0];
/// A target without fields.
pub const EMPTY_TARGET: [u8; 12] = [0, 0x53, TARGET, 0xd0, 0, 0, 0, 4, 0, 0, 0, 0];

/// The outcomes that a message can have.
const OUTCOMES: [&str; 4] =
    ["amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"];

/// The filter that is an expression, by name and by number.
const SELECTOR: &str = "apache.org:selector-filter:string";
const SELECTOR_CODE: u64 = 0x0000_468C_0000_0004;

/// Writes one frame holding a performative of `count` fields.
pub(super) fn performative(
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

fn optional<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => write(out, value),
        None => write::null(out),
    }
}

fn raw(out: &mut Vec<u8>, value: Option<&[u8]>) {
    optional(out, value, Vec::extend_from_slice);
}

fn reason(out: &mut Vec<u8>, reason: Option<Reason<'_>>) {
    optional(out, reason, |out, reason| {
        list(out, ERROR, 3, |out| {
            write::symbol(out, reason.condition);
            write::string(out, reason.description);
            write::null(out);
        });
    });
}

/// A source (`receiver` side of a link) or target that is a node of that name.
pub fn terminus(role: Role, address: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(address.len() + 24);
    // A sender names the target it sends to.
    let code = if role.is_receiver() { SOURCE } else { TARGET };
    list(&mut out, code, 1, |out| write::string(out, address));
    out
}

/// The source that a link receives from: a node of that name, and which of its messages are wanted.
pub fn far_source(address: &str, selector: Option<&str>) -> Vec<u8> {
    let Some(selector) = selector else { return terminus(Role::Receiver, address) };
    let mut out = Vec::with_capacity(address.len() + selector.len() + 120);
    list(&mut out, SOURCE, 8, |out| {
        write::string(out, address);
        nulls(out, 6);
        let map = write::open_map(out);
        write::symbol(out, SELECTOR);
        out.push(0x00);
        write::ulong(out, SELECTOR_CODE);
        write::string(out, selector);
        write::close(out, &map, 2);
    });
    out
}

/// A map whose keys are symbols.
pub fn symbol_map(pairs: &[(&str, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    let map = write::open_map(&mut out);
    for (name, value) in pairs {
        write::symbol(&mut out, name);
        write::value(&mut out, value);
    }
    write::close(&mut out, &map, pairs.len() as u32 * 2);
    out
}

/// An array of symbols.
pub fn symbols(names: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    write::text_array(&mut out, names.iter().copied(), true);
    out
}

/// The source of a link that sends. It understands every outcome: one that does not say so is only ever told of messages
/// that were accepted, and a peer that wants to reject one ends the link instead.
pub fn own_source(address: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(address.len() + 120);
    list(&mut out, SOURCE, 10, |out| {
        write::string(out, address);
        nulls(out, 8);
        write::text_array(out, OUTCOMES, true);
    });
    out
}

/// An open.
pub fn open(out: &mut Vec<u8>, open: &Open<'_>) {
    performative(out, (Kind::Amqp, 0), (OPEN, 10), |out| {
        write::string(out, open.container_id);
        optional(out, open.hostname, write::string);
        write::uint(out, open.max_frame_size);
        write::ushort(out, open.channel_max);
        optional(out, open.idle_time_out, write::uint);
        nulls(out, 5);
    });
}

/// A begin.
pub fn begin(out: &mut Vec<u8>, channel: u16, begin: &Begin) {
    performative(out, (Kind::Amqp, channel), (BEGIN, 8), |out| {
        optional(out, begin.remote_channel, write::ushort);
        write::uint(out, begin.next_outgoing_id);
        write::uint(out, begin.incoming_window);
        write::uint(out, begin.outgoing_window);
        write::uint(out, begin.handle_max);
        nulls(out, 3);
    });
}

/// An attach.
pub fn attach(out: &mut Vec<u8>, channel: u16, attach: &Attach<'_>) {
    performative(out, (Kind::Amqp, channel), (ATTACH, 14), |out| {
        write::string(out, attach.name);
        write::uint(out, attach.handle);
        write::bool(out, attach.role.is_receiver());
        optional(out, attach.snd_settle_mode, write::ubyte);
        optional(out, attach.rcv_settle_mode, write::ubyte);
        raw(out, attach.source);
        raw(out, attach.target);
        nulls(out, 2);
        optional(out, attach.initial_delivery_count, write::uint);
        optional(out, attach.max_message_size, write::ulong);
        raw(out, attach.offered_capabilities);
        raw(out, attach.desired_capabilities);
        raw(out, attach.properties);
    });
}

/// A flow.
pub fn flow(out: &mut Vec<u8>, channel: u16, flow: &Flow) {
    performative(out, (Kind::Amqp, channel), (FLOW, 11), |out| {
        optional(out, flow.next_incoming_id, write::uint);
        write::uint(out, flow.incoming_window);
        write::uint(out, flow.next_outgoing_id);
        write::uint(out, flow.outgoing_window);
        optional(out, flow.handle, write::uint);
        optional(out, flow.delivery_count, write::uint);
        optional(out, flow.link_credit, write::uint);
        write::null(out);
        write::bool(out, flow.drain);
        write::bool(out, flow.echo);
        write::null(out);
    });
}

/// A transfer, with its payload.
pub fn transfer(out: &mut Vec<u8>, channel: u16, transfer: &Transfer<'_>, payload: &[u8]) {
    frame::write(out, Kind::Amqp, channel, |out| {
        transfer_list(out, transfer);
        out.extend_from_slice(payload);
    });
}

/// A transfer whose payload of `length` bytes is written behind it by somebody else.
pub fn transfer_head(out: &mut Vec<u8>, channel: u16, transfer: &Transfer<'_>, length: usize) {
    let at = out.len();
    frame::write(out, Kind::Amqp, channel, |out| transfer_list(out, transfer));
    let size = (out.len() - at + length) as u32;
    out[at..at + 4].copy_from_slice(&size.to_be_bytes());
}

fn transfer_list(out: &mut Vec<u8>, transfer: &Transfer<'_>) {
    list(out, TRANSFER, 11, |out| {
        write::uint(out, transfer.handle);
        optional(out, transfer.delivery_id, write::uint);
        optional(out, transfer.delivery_tag, write::binary);
        optional(out, transfer.message_format, write::uint);
        write::bool(out, transfer.settled);
        write::bool(out, transfer.more);
        nulls(out, 3);
        if transfer.aborted {
            write::bool(out, true);
        } else {
            write::null(out);
        }
        write::null(out);
    });
}

/// A disposition that settles a range.
pub fn disposition(
    out: &mut Vec<u8>,
    channel: u16,
    role: Role,
    (first, last): (u32, u32),
    outcome: Outcome<'_>,
) {
    performative(out, (Kind::Amqp, channel), (DISPOSITION, 6), |out| {
        write::bool(out, role.is_receiver());
        write::uint(out, first);
        write::uint(out, last);
        write::bool(out, true);
        state(out, outcome);
        write::null(out);
    });
}

fn state(out: &mut Vec<u8>, outcome: Outcome<'_>) {
    match outcome {
        Outcome::Accepted => list(out, ACCEPTED, 0, |_| {}),
        Outcome::Rejected(why) => list(out, REJECTED, 1, |out| reason(out, why)),
        Outcome::Released => list(out, RELEASED, 0, |_| {}),
        Outcome::Modified { delivery_failed } => list(out, MODIFIED, 3, |out| {
            write::bool(out, delivery_failed);
            nulls(out, 2);
        }),
    }
}

/// A detach.
pub fn detach(out: &mut Vec<u8>, channel: u16, detach: &Detach<'_>) {
    performative(out, (Kind::Amqp, channel), (DETACH, 3), |out| {
        write::uint(out, detach.handle);
        write::bool(out, detach.closed);
        reason(out, detach.error);
    });
}

/// An end.
pub fn end(out: &mut Vec<u8>, channel: u16, why: Option<Reason<'_>>) {
    performative(out, (Kind::Amqp, channel), (END, 1), |out| reason(out, why));
}

/// A close.
pub fn close(out: &mut Vec<u8>, why: Option<Reason<'_>>) {
    performative(out, (Kind::Amqp, 0), (CLOSE, 1), |out| reason(out, why));
}
