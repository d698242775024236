//! SASL: who is there, before AMQP begins.

use super::{described_list, needed};
use crate::frame::Kind;
use crate::performative::write::performative;
use crate::read::Reader;
use crate::value::Value;
use crate::{DecodeError, Decoded, write};

const MECHANISMS: u8 = 0x40;
const INIT: u8 = 0x41;
const OUTCOME: u8 = 0x44;

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sasl {
    /// The ways in that it offers.
    Mechanisms(Vec<String>),
    /// The end: 0 is in, all else is not.
    Outcome(u8),
}

/// Mechanism and initial response of a sasl-init.
pub fn decode_init(body: &[u8]) -> Decoded<(&str, &[u8])> {
    let (code, mut fields) = described_list(&mut Reader::new(body))?;
    if code != INIT {
        return Err(DecodeError::Descriptor(code.into()));
    }
    let mechanism = needed(fields.text()?, "mechanism")?;
    let response = fields.raw()?.map(|raw| Reader::new(raw).binary()).transpose()?;
    Ok((mechanism, response.unwrap_or_default()))
}

/// What a server says.
pub fn decode(body: &[u8]) -> Decoded<Sasl> {
    let (code, mut fields) = described_list(&mut Reader::new(body))?;
    match code {
        MECHANISMS => {
            let offered = needed(fields.raw()?, "sasl-server-mechanisms")?;
            // One may stand there without its array.
            let offered = match Reader::new(offered).value()? {
                Value::Array(items) => items,
                one => vec![one],
            };
            let names = offered.iter().filter_map(Value::as_str).map(str::to_owned);
            Ok(Sasl::Mechanisms(names.collect()))
        }
        OUTCOME => Ok(Sasl::Outcome(needed(fields.u32()?, "code")? as u8)),
        other => Err(DecodeError::Descriptor(other.into())),
    }
}

/// The ways in that a server offers.
pub fn write_mechanisms(out: &mut Vec<u8>, mechanisms: &[&str]) {
    performative(out, (Kind::Sasl, 0), (MECHANISMS, 1), |out| {
        write::text_array(out, mechanisms.iter().copied(), true);
    });
}

/// The way in that a client takes.
pub fn write_init(out: &mut Vec<u8>, mechanism: &str, response: &[u8], host: &str) {
    performative(out, (Kind::Sasl, 0), (INIT, 3), |out| {
        write::symbol(out, mechanism);
        write::binary(out, response);
        write::string(out, host);
    });
}

/// The end: 0 is in.
pub fn write_outcome(out: &mut Vec<u8>, code: u8) {
    performative(out, (Kind::Sasl, 0), (OUTCOME, 2), |out| {
        write::ubyte(out, code);
        write::null(out);
    });
}

pub(super) fn symbolic(name: &str) -> Option<u8> {
    Some(match name {
        "amqp:sasl-mechanisms:list" => MECHANISMS,
        "amqp:sasl-init:list" => INIT,
        "amqp:sasl-outcome:list" => OUTCOME,
        _ => return None,
    })
}
