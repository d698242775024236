//! From the service's words for a refusal to what somebody has to do: an ended token, a wrong key and a missing right are
//! mended in different places.

/// Why the service does not let us in, as far as its words tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The token had ended when it came.
    Expired,
    /// It begins later than the service's clock says.
    NotYet,
    /// It was signed with another key.
    Signature,
    /// It was issued by somebody the namespace does not know.
    Issuer,
    /// It is for something else.
    Audience,
    /// It is no token.
    Malformed,
    /// It is good, and does not let us send.
    Claim,
    /// The namespace takes no keys.
    KeysOff,
    /// This place may not connect.
    Network,
    /// Anything else.
    Unknown,
}

/// Who was refused.
#[derive(Debug, Clone, Copy)]
pub(super) enum Who<'a> {
    /// A shared access key, by name.
    Key(&'a str),
    /// A signature that somebody else made.
    Signature,
    /// What stands in a file: a connection string.
    File(&'a std::path::Path),
    /// An identity of Entra ID, in words.
    Identity(&'a str),
}

/// What is needed of a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// To send events to it.
    Send,
    /// To read its events.
    Listen,
}

impl Right {
    /// What is needed for a link, by what it leads to.
    pub(super) fn to(path: &str) -> Self {
        if path.contains("/ConsumerGroups/") { Self::Listen } else { Self::Send }
    }

    /// As a shared access policy has it.
    fn claim(self) -> &'static str {
        match self {
            Self::Send => "Send",
            Self::Listen => "Listen",
        }
    }

    /// As a role of Entra ID has it.
    fn role(self) -> &'static str {
        match self {
            Self::Send => "Azure Event Hubs Data Sender",
            Self::Listen => "Azure Event Hubs Data Receiver",
        }
    }
}

/// What the texts of the service hold, in lower case; the first that is there tells.
const WORDS: [(&str, Reason); 14] = [
    ("expiredtoken", Reason::Expired),
    ("token is expired", Reason::Expired),
    ("code: renewtoken", Reason::Expired),
    ("not valid yet", Reason::NotYet),
    ("localauthdisabled", Reason::KeysOff),
    ("sas authentication has been disabled", Reason::KeysOff),
    ("invalidsignature", Reason::Signature),
    ("invalidissuer", Reason::Issuer),
    ("invalidaudience", Reason::Audience),
    ("malformedtoken", Reason::Malformed),
    ("ip has been prevented", Reason::Network),
    ("public network access", Reason::Network),
    ("claim(s) are required", Reason::Claim),
    ("claim is empty", Reason::Claim),
];

impl Reason {
    /// What `said`, the words of the service, mean.
    pub(super) fn of(said: &str) -> Self {
        let said = said.to_ascii_lowercase();
        let found = WORDS.iter().find(|(words, _)| said.contains(words));
        found.map_or(Self::Unknown, |(_, reason)| *reason)
    }

    /// What to do so that `who` has a right on `hub`, `host/hub`. `also` follows the name of a key.
    pub(super) fn hint(self, who: Who<'_>, right: Right, hub: &str, also: &str) -> String {
        match self {
            Self::Network => {
                "allow this address in the firewall of the namespace, or use its private endpoint (`address`)"
                    .to_owned()
            }
            Self::KeysOff => {
                "the namespace accepts no keys (`disableLocalAuth`): set `namespace`, and an identity under `[eventhubs.credential]`"
                    .to_owned()
            }
            Self::NotYet => {
                "the token is not valid yet by the clock of the service: correct the clock of this machine, or of the issuer of the token"
                    .to_owned()
            }
            Self::Expired => expired(who, also),
            Self::Signature | Self::Malformed => unsigned(who, also),
            Self::Issuer => format!(
                "the namespace belongs to another tenant than {}: set `tenant_id` to the tenant of its subscription",
                named(who)
            ),
            Self::Audience => format!(
                "the token of {}{also} is not for `{hub}`: {}",
                named(who),
                match who {
                    Who::Identity(_) => "check `scope` under `[eventhubs.credential]`",
                    _ => "create one for this hub or for the whole namespace",
                }
            ),
            Self::Claim => granted(who, right, hub, also),
            Self::Unknown => match who {
                Who::Identity(_) => granted(who, right, hub, also),
                _ => format!(
                    "check the name and the value of {}{also}, and that it has the `{}` right on `{hub}`",
                    named(who),
                    right.claim()
                ),
            },
        }
    }
}

fn named(who: Who<'_>) -> String {
    match who {
        Who::Key(name) => format!("the key `{name}`"),
        Who::Signature => "the signature".to_owned(),
        Who::File(path) => format!("the key or signature in `{}`", path.display()),
        Who::Identity(who) => who.to_owned(),
    }
}

fn expired(who: Who<'_>, also: &str) -> String {
    const CLOCK: &str =
        "correct the clock of this machine: for the service, a new token had already expired";
    match who {
        Who::Key(_) => CLOCK.to_owned(),
        Who::Signature => format!("the signature has expired{also}: create a new one"),
        Who::File(path) => format!(
            "if `{}` holds a signature, it has expired: create a new one; if it holds a key, {CLOCK}",
            path.display()
        ),
        Who::Identity(_) => format!("{CLOCK}, or it was renewed too late"),
    }
}

fn unsigned(who: Who<'_>, also: &str) -> String {
    match who {
        Who::Key(name) => format!(
            "check the name and the value of the key `{name}` (in a connection string `SharedAccessKeyName` and \
             `SharedAccessKey`){also}. Event Hubs has another value under that name, or none; was it regenerated?"
        ),
        Who::Signature => format!(
            "the signature was made with another key than Event Hubs has, or for another resource{also}: create a new one"
        ),
        Who::File(path) => format!(
            "check `SharedAccessKeyName` and `SharedAccessKey` in `{}`{also}. Event Hubs has another value under that \
             name, or none; was it regenerated?",
            path.display()
        ),
        Who::Identity(who) => {
            format!(
                "Event Hubs does not accept the token of {who} as one of Entra ID: check `authority_host`"
            )
        }
    }
}

fn granted(who: Who<'_>, right: Right, hub: &str, also: &str) -> String {
    match who {
        Who::Identity(who) => format!(
            "give {who} the role `{}` on `{hub}`; a new role takes some minutes to apply",
            right.role()
        ),
        _ => format!(
            "give {}{also} the `{}` right on `{hub}`, or use a key that has it",
            named(who),
            right.claim()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_mend_and_no_two_alike() {
        let said = [
            "401: ExpiredToken: The token is expired. Expiration time: '2033-05-18 03:33:20Z'",
            "401: InvalidToken: The token is not valid yet.",
            "401: InvalidSignature: The token has an invalid signature.",
            "401: InvalidIssuer: The token has an invalid issuer.",
            "401: InvalidAudience: The authorization header contains a token with a wrong audience.",
            "amqp:unauthorized-access: Unauthorized access. 'Send' claim(s) are required to perform this operation. Resource: 'sb://h/hub'.",
            "LocalAuthDisabled: Authorization failed because SAS authentication has been disabled for the namespace.",
            "Ip has been prevented to connect to the endpoint.",
            "amqp:unauthorized-access: no",
        ];
        let path = std::path::PathBuf::from("/run/secrets/eventhubs");
        let everybody =
            [Who::Key("send"), Who::Signature, Who::File(&path), Who::Identity("client `c`")];
        for who in everybody {
            let mut hints =
                said.map(|said| Reason::of(said).hint(who, Right::Send, "h/hub", "")).to_vec();
            assert!(hints.iter().all(|hint| !hint.is_empty()));
            hints.sort();
            hints.dedup();
            // To an identity, an unknown reason is most often its role.
            let alike = usize::from(matches!(who, Who::Identity(_)));
            assert_eq!(hints.len(), said.len() - alike, "{who:?}: {hints:#?}");
        }
    }

    #[test]
    fn the_reason_is_read_from_the_words_of_the_service() {
        for (said, expected) in [
            ("ExpiredToken: The token is expired.", Reason::Expired),
            (
                "The link 'l' is force detached. Code: RenewToken. Details: Unauthorized access. 'Send' claim(s) are required",
                Reason::Expired,
            ),
            ("InvalidToken: The token is not valid yet.", Reason::NotYet),
            ("MalformedToken: The token is malformed.", Reason::Malformed),
            ("'Send' claim(s) are required to perform this operation", Reason::Claim),
            ("never heard of", Reason::Unknown),
        ] {
            assert_eq!(Reason::of(said), expected, "{said}");
        }
        let key = |said| {
            Reason::of(said).hint(Who::Key("send"), Right::Send, "h/hub", "; so too `spare`")
        };
        assert!(key("ExpiredToken").contains("the clock of this machine"));
        assert!(key("InvalidSignature").contains("was it regenerated?"));
        assert!(key("InvalidSignature").contains("`spare`"));
        assert!(key("'Send' claim(s) are required").contains("the `Send` right on `h/hub`"));
        let reads = Right::to("hub/ConsumerGroups/$Default/Partitions/0");
        let hint = |who| Reason::Claim.hint(who, reads, "h/hub", "");
        assert!(hint(Who::Signature).contains("the `Listen` right on `h/hub`"));
        assert!(hint(Who::Identity("c")).contains("the role `Azure Event Hubs Data Receiver`"));
    }
}
