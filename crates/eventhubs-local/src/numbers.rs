//! How a sender and the server speak of numbered events: properties of an attach, annotations of an event.

use amqp::performative::Attach;
use amqp::performative::write::symbols;
use amqp::read::Reader;
use amqp::sections::{self, Sections, lookup};
use amqp::value::Value;
use amqp::write;

use crate::condition::Condition;
use crate::envelope::Arrival;
use crate::producers::{Asked, Numbers, Told, next};

/// The capability.
const IDEMPOTENT: &str = "com.microsoft:idempotent-producer";
const EPOCH: &str = "com.microsoft:producer-epoch";
const ID: &str = "com.microsoft:producer-id";
const NUMBER: &str = "com.microsoft:producer-sequence-number";

/// Whether an annotation is for the server only.
pub(crate) fn is_ours(name: &str) -> bool {
    matches!(name, EPOCH | ID | NUMBER)
}

/// Whether an attach wants that capability: one symbol, or one of an array.
pub(crate) fn wants(attach: &Attach<'_>, capability: &str) -> bool {
    let desired = attach.desired_capabilities.and_then(|raw| Reader::new(raw).value().ok());
    match desired {
        Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(capability)),
        Some(one) => one.as_str() == Some(capability),
        None => false,
    }
}

/// What a sender asks for, if it wants to number its events.
pub(crate) fn asked(attach: &Attach<'_>) -> Result<Option<Asked>, Condition> {
    if !wants(attach, IDEMPOTENT) {
        return Ok(None);
    }
    let Some(map) = attach.properties else { return Ok(Some(Asked::default())) };
    let given = [EPOCH, ID, NUMBER].map(|name| lookup_any(map, name));
    if given.iter().any(Option::is_some) && given.iter().any(Option::is_none) {
        let text = format!("'{EPOCH}', '{ID}' and '{NUMBER}' come together, or not at all.");
        return Err(Condition::new("amqp:invalid-field", text));
    }
    let [epoch, id, last] = given.map(|value| value.filter(|value| *value != Value::Null));
    let asked = Asked {
        epoch: epoch.map(|value| whole(EPOCH, &value)).transpose()?,
        id: id.map(|value| whole(ID, &value)).transpose()?,
        last: last.map(|value| whole(NUMBER, &value)).transpose()?,
    };
    Ok(Some(asked))
}

/// The value under a name, null among them.
fn lookup_any(map: &[u8], name: &str) -> Option<Value> {
    let Ok(Value::Map(pairs)) = Reader::new(map).value() else { return None };
    pairs.into_iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
}

/// A number that is not negative and fits.
fn whole<T: TryFrom<i64>>(name: &str, value: &Value) -> Result<T, Condition> {
    let number = value.as_i64().filter(|number| *number >= 0);
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
        Condition::new("amqp:invalid-field", format!("'{name}' is not a number that can be."))
    })
}

/// What an attach is answered with: the capability, and the properties.
pub(crate) fn answer(told: &Told) -> (Vec<u8>, Vec<u8>) {
    let mut properties = Vec::new();
    let pairs = [
        (EPOCH, Value::Short(told.epoch)),
        (ID, Value::Long(told.id)),
        (NUMBER, Value::Int(told.last)),
    ];
    let pairs = pairs.map(|(name, value)| (Value::Symbol(name.into()), value));
    write::value(&mut properties, &Value::Map(pairs.into()));
    (symbols(&[IDEMPOTENT]), properties)
}

/// The numbers of a delivery on a link of that producer.
pub(crate) fn of(arrival: &Arrival, told: &Told) -> Result<Option<Numbers>, Condition> {
    let mut numbers: Option<Numbers> = None;
    for span in arrival.spans.iter() {
        let (id, epoch, number) = of_event(&arrival.payload[span.range()])?;
        if (id, epoch) != (told.id, told.epoch) {
            let text = "An event is not of the producer that the link was attached for.";
            return Err(Condition::new("amqp:not-allowed", text));
        }
        match &mut numbers {
            None => numbers = Some(Numbers { id, epoch, first: number, last: number }),
            Some(numbers) if number == next(numbers.last) => numbers.last = number,
            Some(numbers) => {
                return Err(Condition::new(
                    "com.microsoft:out-of-order-sequence",
                    format!("The number '{number}' does not follow '{}'.", numbers.last),
                ));
            }
        }
    }
    Ok(numbers)
}

fn of_event(event: &[u8]) -> Result<(i64, i16, i32), Condition> {
    let annotations = Sections::find(event, sections::MESSAGE_ANNOTATIONS);
    let value = |name| {
        let found = annotations.and_then(|map| lookup(map, name)?.value().ok());
        found.ok_or_else(|| {
            Condition::new("amqp:not-allowed", format!("An event has no annotation '{name}'."))
        })
    };
    let (id, epoch, number) = (value(ID)?, value(EPOCH)?, value(NUMBER)?);
    Ok((whole(ID, &id)?, whole(EPOCH, &epoch)?, whole(NUMBER, &number)?))
}
