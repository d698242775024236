//! Which node a link is for: `hub`, `hub/Partitions/N` and the rest, in every form the official clients write them.

use percent_encoding::percent_decode_str;

/// A node of the namespace. Names are as the client wrote them; whether they exist is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Cbs,
    Management,
    Hub { hub: String },
    Partition { hub: String, partition: String },
    Publisher { hub: String, publisher: String },
    Reader { hub: String, group: String, partition: String },
    Unknown(String),
}

impl Address {
    pub(crate) fn parse(text: &str) -> Self {
        let path = path(text);
        let parts: Vec<&str> = path.split('/').collect();
        let is = |part: &str, word: &str| part.eq_ignore_ascii_case(word);
        match parts.as_slice() {
            [node] if is(node, "$cbs") => Self::Cbs,
            [.., node] if is(node, "$management") => Self::Management,
            [""] => Self::Unknown(path),
            [hub] => Self::Hub { hub: (*hub).into() },
            [hub, word, n] if is(word, "Partitions") => {
                Self::Partition { hub: (*hub).into(), partition: (*n).into() }
            }
            [hub, word, name] if is(word, "Publishers") => {
                Self::Publisher { hub: (*hub).into(), publisher: (*name).into() }
            }
            [hub, groups, group, partitions, n]
                if is(groups, "ConsumerGroups") && is(partitions, "Partitions") =>
            {
                Self::Reader { hub: (*hub).into(), group: (*group).into(), partition: (*n).into() }
            }
            _ => Self::Unknown(path),
        }
    }
}

/// The path of an address or audience: no scheme, no authority, no slashes at the ends, percent-decoded.
pub(crate) fn path(text: &str) -> String {
    let path = match text.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => text,
    };
    percent_decode_str(path.trim_matches('/')).decode_utf8_lossy().trim_matches('/').to_owned()
}

/// The partition a path names, of whatever kind of link.
pub(crate) fn partition(path: &str) -> Option<u32> {
    let mut parts = path.rsplit('/');
    let id = parts.next()?.parse().ok()?;
    parts.next()?.eq_ignore_ascii_case("Partitions").then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_reader_means_the_same() {
        let reader =
            Address::Reader { hub: "eh1".into(), group: "$Default".into(), partition: "3".into() };
        for text in [
            "eh1/ConsumerGroups/$Default/Partitions/3",
            "/eh1/ConsumerGroups/$Default/Partitions/3",
            "amqps://ns.servicebus.windows.net/eh1/ConsumerGroups/$Default/Partitions/3",
            "amqp://127.0.0.1:5672/eh1/consumergroups/$Default/partitions/3/",
            "sb://host/eh1/ConsumerGroups/%24Default/Partitions/3",
        ] {
            assert_eq!(Address::parse(text), reader, "{text}");
        }
    }

    #[test]
    fn nodes_and_hubs_are_told_apart() {
        let hub = |hub: &str| Address::Hub { hub: hub.into() };
        assert_eq!(Address::parse("$cbs"), Address::Cbs);
        assert_eq!(Address::parse("$management"), Address::Management);
        assert_eq!(Address::parse("amqps://host/eh1/$management"), Address::Management);
        assert_eq!(Address::parse("amqps://host/eh1"), hub("eh1"));
        assert_eq!(Address::parse("/orders%2Eeu"), hub("orders.eu"));
        assert_eq!(
            Address::parse("eh1/Publishers/device-1"),
            Address::Publisher { hub: "eh1".into(), publisher: "device-1".into() }
        );
        assert_eq!(Address::parse("amqps://host"), Address::Unknown(String::new()));
        assert_eq!(
            Address::parse("eh1/ConsumerGroups/g"),
            Address::Unknown("eh1/ConsumerGroups/g".into())
        );
    }
}
