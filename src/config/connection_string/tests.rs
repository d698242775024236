use super::*;

#[test]
fn what_editors_put_around_it_is_nothing() {
    let bare =
        "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=a+b/c==";
    let expected = read(bare).unwrap();
    assert_eq!(read(&format!("\u{feff}{bare}\r\n")).unwrap(), expected);
    assert_eq!(read(&format!(" \u{feff} {bare} ")).unwrap(), expected);
    for quoted in [format!("\"{bare}\""), format!("'{bare}'\n"), format!("\u{feff}\"{bare}\"")] {
        assert_eq!(read(&quoted).unwrap_err().why, "it is in quotes");
    }
}

#[test]
fn takes_what_azure_and_the_emulator_hand_out() {
    let ConnectionString { address: cloud, access, .. } =
        read("Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=a+b/c==;EntityPath=orders").unwrap();
    assert_eq!(
        (cloud.host.as_str(), cloud.port, cloud.tls),
        ("ns.servicebus.windows.net", 5671, true)
    );
    let key = Given::Inline(Secret::new("a+b/c=="));
    assert_eq!(access, SharedAccess::Key { name: "send".to_owned(), key });
    assert_eq!(cloud.hub.as_deref(), Some("orders"));

    let local = read("endpoint=sb://localhost;sharedaccesskeyname=k;SHAREDACCESSKEY=s;UseDevelopmentEmulator=true;").unwrap();
    let local = local.address;
    assert_eq!((local.host.as_str(), local.port, local.tls), ("localhost", 5672, false));
    assert_eq!(local.hub, None);

    let port = read("Endpoint=sb://[::1]:6000;SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true").unwrap();
    assert_eq!((port.address.host.as_str(), port.address.port), ("[::1]", 6000));
}

#[test]
fn says_which_part_is_wrong_and_never_what_it_holds() {
    let cases = [
        ("verysecret", "part 1 has no `=`"),
        ("verysecret=1;other", "part 2 has no `=`"),
        ("SharedAccessKeyName=a;SharedAccessKey=verysecret", "no `Endpoint`"),
        ("Endpoint=sb://h;SharedAccessKey=verysecret", "no `SharedAccessKeyName`"),
        ("Endpoint=sb://h;SharedAccessKeyName=verysecret", "no `SharedAccessKey`"),
        ("Endpoint=sb://h;SharedAccessKeyName=a;SharedAcessKey=verysecret", "part 3 may be"),
        ("Endpoint=sb://h;SharedAccessKeyName=a;SharedAccessKey=", "`SharedAccessKey` is empty"),
        ("Endpoint=sb://h;SharedAccessKeyName=a;SharedAccessKey=very;secret", "part 4 has no `=`"),
        ("Endpoint=sb://<ns>;SharedAccessKeyName=a;SharedAccessKey=verysecret", "placeholder"),
        ("Endpoint=https://h;SharedAccessKeyName=a;SharedAccessKey=verysecret", "`sb://`"),
        ("Endpoint=h;SharedAccessKeyName=a;SharedAccessKey=verysecret", "`sb://`"),
        ("Endpoint=sb:///;SharedAccessKeyName=a;SharedAccessKey=verysecret", "host name"),
        (
            "Endpoint=sb://h;SharedAccessKeyName=a;SharedAccessKey=verysecret;UseDevelopmentEmulator=yes",
            "neither true nor false",
        ),
        ("Endpoint=sb://h:99999;SharedAccessKeyName=a;SharedAccessKey=verysecret", "port"),
        ("Endpoint=sb://h;Endpoint=sb://h;SharedAccessKey=verysecret", "repeats"),
        (
            "Endpoint=sb://h;SharedAccessSignature=SharedAccessSignature sr=verysecret&se=1",
            "not of the form",
        ),
        ("Endpoint=sb://h;SharedAccessKey=a;SharedAccessSignature=verysecret", "has both"),
        ("HostName=h;SharedAccessKeyName=a;SharedAccessKey=verysecret", "another Azure service"),
        (
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=verysecret",
            "another Azure service",
        ),
    ];
    for (text, expected) in cases {
        let Flaw { why, hint } = read(text).unwrap_err();
        assert!(why.contains(expected), "{text}: {why}");
        assert!(!format!("{why}{hint}").contains("secret"), "{text}: {why}");
    }
}

#[test]
fn takes_a_signature_for_a_key() {
    let text = "SharedAccessSignature sr=sb%3a%2f%2fh&sig=a%3d&se=1&skn=send";
    let read = read(&format!("Endpoint=sb://h/;SharedAccessSignature={text}")).unwrap();
    assert_eq!(read.access, SharedAccess::Signature(Given::Inline(Secret::new(text))));
    assert!(!format!("{read:?}").contains("sig="));
}

#[test]
fn a_key_broken_by_a_mail_is_told_with_its_place() {
    let with = |part: &str| {
        let text =
            format!("Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=verysecret;{part}");
        read(&text).map_err(|Flaw { why, .. }| why)
    };
    for (broken, expected) in [
        (
            "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=very\nsecret",
            "`SharedAccessKey` holds a line break at its character 5",
        ),
        (
            "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=very secret",
            "`SharedAccessKey` holds a space at its character 5",
        ),
        (
            "Endpoint=sb://h/;SharedAccessKeyName=n n;SharedAccessKey=verysecret",
            "`SharedAccessKeyName` holds a space at its character 2",
        ),
        (
            "Endpoint=sb://h\u{200b}/;SharedAccessKeyName=n;SharedAccessKey=verysecret",
            "`Endpoint` holds an invisible character at its character 7",
        ),
        (
            "Endpoint=sb://h/;Shared\nAccessKeyName=n;SharedAccessKey=verysecret",
            "the name of its part 2 holds a line break",
        ),
        (
            "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=verysecret%3D",
            "it is URL-encoded",
        ),
        (
            "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=\"verysecret\"",
            "`SharedAccessKey` is in quotes",
        ),
        (
            "Endpoint=sb://h/;SharedAccessSignature=SharedAccessSignature sr=a&sig=very\nsecret&se=1&skn=n",
            "its signature holds a line break",
        ),
        ("Endpoint=sb://h/;Authentication=Managed Identity", "asks for an identity"),
    ] {
        let Flaw { why, hint } = read(broken).unwrap_err();
        assert!(why.contains(expected), "{broken}: {why}");
        assert!(!format!("{why}{hint}").contains("secret"), "{broken}: {why}");
    }
    for (part, expected) in [
        ("EntityPath=orders/Partitions/0", "names more than a hub"),
        ("EntityPath=_orders", "is not a valid name of a hub"),
        ("EntityPath=or ders", "`EntityPath` holds a space"),
        ("TransportType=Carrier", "neither `Amqp` nor `AmqpWebSockets`"),
    ] {
        let why = with(part).unwrap_err();
        assert!(why.contains(expected), "{part}: {why}");
    }
}

#[test]
fn what_means_something_is_heeded_and_the_rest_is_told() {
    let with = |part: &str| {
        read(&format!("Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=k;{part}")).unwrap()
    };
    assert_eq!(with("TransportType=AmqpWebSockets").protocol, Some(Protocol::WebSocket));
    assert_eq!(with("transporttype=Amqp").protocol, Some(Protocol::Amqp));
    assert_eq!(with("EntityPath=es_1-a").address.hub.as_deref(), Some("es_1-a"));
    let told = with("OperationTimeout=00:01:00;verysecret=1").unheeded;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("`send_timeout`") && told[1].contains("its part 5"), "{told:?}");
}
