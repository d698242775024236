//! A trace goes on: what producers call `traceparent`, Azure's clients and Application Insights look for under another name.

use crate::record::Header;
use crate::trace::TraceContext;

/// The header of W3C Trace Context.
const TRACEPARENT: &[u8] = b"traceparent";
/// The application property that the readers of Event Hubs follow.
pub(super) const DIAGNOSTIC_ID: &[u8] = b"Diagnostic-Id";

/// Where the hexadecimal parts of a `traceparent` begin and end: version, trace, span, flags.
const PARTS: [(usize, usize); 4] = [(0, 2), (3, 35), (36, 52), (53, 55)];
const LENGTH: usize = 55;

/// What is said again as `Diagnostic-Id`: the last `traceparent`, if it is one, unless the record has a `Diagnostic-Id` itself.
pub(super) fn diagnostic_id<'a>(headers: &[Header<'a>]) -> Option<&'a [u8]> {
    let has_own = || headers.iter().any(|header| header.name == DIAGNOSTIC_ID);
    traceparent(headers).filter(|_| !has_own())
}

/// The last `traceparent`, if it is one.
fn traceparent<'a>(headers: &[Header<'a>]) -> Option<&'a [u8]> {
    let last = headers.iter().rfind(|header| header.name == TRACEPARENT)?;
    last.value.filter(|value| is_traceparent(value))
}

/// The span that a record comes from, as its `traceparent` says.
pub fn context(headers: &[Header<'_>]) -> Option<TraceContext> {
    let value = traceparent(headers)?;
    let digit = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'a' + 10 };
    let read = |from: usize, out: &mut [u8]| {
        for (at, byte) in out.iter_mut().enumerate() {
            *byte = digit(value[from + 2 * at]) << 4 | digit(value[from + 2 * at + 1]);
        }
    };
    let (mut trace, mut span, mut flags) = ([0; 16], [0; 8], [0; 1]);
    read(PARTS[1].0, &mut trace);
    read(PARTS[2].0, &mut span);
    read(PARTS[3].0, &mut flags);
    Some(TraceContext { trace, span, flags: flags[0] })
}

/// As Trace Context writes it: lower case, no id of zeros; what a later version adds is not looked at here, and so is none.
fn is_traceparent(value: &[u8]) -> bool {
    let hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let part = |(from, to): (usize, usize)| &value[from..to];
    value.len() == LENGTH
        && PARTS.into_iter().all(|at| part(at).iter().all(hex))
        && [2, 35, 52].into_iter().all(|at| value[at] == b'-')
        && part(PARTS[0]) != b"ff"
        && [PARTS[1], PARTS[2]].into_iter().all(|at| part(at).iter().any(|byte| *byte != b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn id(headers: &[(&str, &str)]) -> Option<String> {
        let header = |(name, value): &(&'_ str, &'_ str)| {
            (name.as_bytes().to_vec(), value.as_bytes().to_vec())
        };
        let owned: Vec<_> = headers.iter().map(header).collect();
        let headers: Vec<_> =
            owned.iter().map(|(name, value)| Header { name, value: Some(value) }).collect();
        diagnostic_id(&headers).map(|it| String::from_utf8(it.to_vec()).unwrap())
    }

    #[test]
    fn a_traceparent_is_told_from_what_is_none() {
        assert_eq!(id(&[("traceparent", GOOD)]).as_deref(), Some(GOOD));
        let zeros = |from: usize, to: usize| {
            let mut text = GOOD.to_owned();
            text.replace_range(from..to, &"0".repeat(to - from));
            text
        };
        for wrong in [
            String::new(),
            GOOD.to_uppercase(),
            format!("{GOOD}-00"),
            GOOD[..54].to_owned(),
            GOOD.replace('-', "_"),
            format!("ff{}", &GOOD[2..]),
            zeros(3, 35),
            zeros(36, 52),
            "é".repeat(27) + "x",
        ] {
            assert_eq!(id(&[("traceparent", &wrong)]), None, "{wrong}");
        }
    }

    #[test]
    fn a_context_is_what_the_header_says() {
        let of = |value: &'static str| {
            context(&[Header { name: b"traceparent", value: Some(value.as_bytes()) }])
        };
        let found = of(GOOD).unwrap();
        assert_eq!(u128::from_be_bytes(found.trace), 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(u64::from_be_bytes(found.span), 0xb7ad_6b71_6920_3331);
        assert_eq!(found.flags, 1);
        assert_eq!(of("00-"), None);
    }

    #[test]
    fn the_last_one_counts_and_an_own_id_stays() {
        let other = GOOD.replace("0af7", "ffff");
        assert_eq!(id(&[("traceparent", GOOD), ("traceparent", &other)]), Some(other.clone()));
        assert_eq!(id(&[("traceparent", GOOD), ("Diagnostic-Id", "mine")]), None);
        assert_eq!(id(&[("Traceparent", GOOD)]), None, "names of headers have a case");
        assert_eq!(id(&[]), None);
    }
}
