"""What the chart reads in the TOML: it fills KEDA, and what contradicts it is refused at the key of the values."""

import pytest

from chart import LEAST, one, refusal, render
from schemas import validate

ORDERS = LEAST["config"]
PATTERN = '[kafka]\nbrokers = "kafka:9092"\ngroup_id = "g"\n[[mappings]]\ntopic_pattern = "orders\\\\..+"\nhub = "{topic}"\n[[mappings]]\ntopic = "audit"\n'
POLICY = {"enabled": True}


def scaled(**values):
    """The triggers KEDA is given."""
    objects = render({"keda": {"enabled": True}, **values})
    for document in objects:
        validate(document)
    return [trigger["metadata"] for trigger in one(objects, "ScaledObject")["spec"]["triggers"]]


def test_keda_asks_for_what_the_toml_says():
    [trigger] = scaled()
    assert trigger["bootstrapServers"] == "kafka.shop.svc:9092", "KEDA is in another namespace"
    assert trigger["consumerGroup"] == "orders-bridge"
    assert trigger["topic"] == "orders"
    assert trigger["offsetResetPolicy"] == "earliest"


@pytest.mark.parametrize(
    "brokers, asked",
    [
        ("kafka.kafka:9092", "kafka.kafka:9092"),
        ("a.example.com, b.example.com:9093", "a.example.com:9092,b.example.com:9093"),
        ("SASL_SSL://a.example.com:9093", "a.example.com:9093"),
        ("10.1.2.3,[fd00::1]:9093,[fd00::2]", "10.1.2.3:9092,[fd00::1]:9093,[fd00::2]:9092"),
        ("kafka-0,kafka-1:9094", "kafka-0.shop.svc:9092,kafka-1.shop.svc:9094"),
        ("localhost:9092", "localhost:9092"),
    ],
)
def test_brokers_are_written_as_keda_reads_them(brokers, asked):
    [trigger] = scaled(config=ORDERS.replace("kafka:9092", brokers))
    assert trigger["bootstrapServers"] == asked


def test_topics_of_all_mappings_are_a_trigger_each():
    config = ORDERS + '[[mappings]]\ntopics = ["payments", "orders", "refunds"]\nhub = "b"\n'
    assert [trigger["topic"] for trigger in scaled(config=config)] == ["orders", "payments", "refunds"]


def test_a_pattern_scales_on_all_topics_of_the_group():
    [trigger] = scaled(config=PATTERN)
    assert "topic" not in trigger and trigger["consumerGroup"] == "g"


def test_a_start_at_the_end_is_one_for_keda():
    for start, policy in (("latest", "latest"), ("earliest", "earliest"), ("2026-01-31T08:00:00Z", "earliest")):
        config = ORDERS.replace("[kafka]\n", f'[kafka]\nstart = "{start}"\n')
        assert scaled(config=config)[0]["offsetResetPolicy"] == policy
    assert scaled(config=config, keda={"enabled": True, "offsetResetPolicy": "latest"})[0]["offsetResetPolicy"] == "latest"


def test_what_keda_is_told_wins():
    keda = {"enabled": True, "brokers": "kafka-internal.kafka:9094", "topics": ["orders.eu"]}
    [trigger] = scaled(config=PATTERN, keda=keda)
    assert (trigger["bootstrapServers"], trigger["topic"], trigger["consumerGroup"]) == ("kafka-internal.kafka:9094", "orders.eu", "g")


def test_variables_win_over_the_toml_as_they_do_in_the_bridge():
    secret = {"env": {"BRIDGE_KAFKA__GROUP_ID": "by-secret", "BRIDGE_KAFKA__BROKERS": "by.secret:1"}}
    [trigger] = scaled(secrets=secret, extraEnv=[{"name": "BRIDGE_KAFKA__GROUP_ID", "value": "by-variable"}])
    assert (trigger["consumerGroup"], trigger["bootstrapServers"]) == ("by-variable", "by.secret:1")
    hidden = {"name": "BRIDGE_KAFKA__GROUP_ID", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}
    assert "`keda.group`" in refusal({"keda": {"enabled": True}, "extraEnv": [hidden]})
    assert scaled(extraEnv=[hidden], keda={"enabled": True, "group": "g"})[0]["consumerGroup"] == "g"


def test_a_config_map_of_ones_own_is_not_seen():
    unseen = {"config": "", "existingConfigMap": "mine"}
    assert "`keda.brokers`" in refusal({**unseen, "keda": {"enabled": True}})
    keda = {"enabled": True, "brokers": "kafka:9092", "group": "g"}
    [trigger] = scaled(**unseen, keda=keda)
    assert trigger["bootstrapServers"] == "kafka:9092" and "topic" not in trigger


REFUSED = [
    ({"keda": {"group": "g"}}, "`keda.group` is `g`, but `config` sets `group_id` to `orders-bridge`"),
    ({"keda": {}, "config": "[[mappings]]\ntopic = 'a'\n"}, "`keda.brokers`"),
    ({"keda": {}, "config": "[kafka]\nbrokers = 'a:1'\n"}, "`keda.group`"),
    ({"keda": {"topics": ["order"]}}, "`keda.topics` names `order`"),
    ({"keda": {"topics": ["orders.eu", "orders"]}, "config": PATTERN}, "`keda.topics` names `orders`"),
    ({"keda": {"metadata": {"limitToPartitionsWithLag": "true"}}, "config": PATTERN}, "`keda.metadata.limitToPartitionsWithLag`"),
    ({"keda": {"metadata": {"fullMetadata": "false"}}, "config": PATTERN}, "`keda.metadata.fullMetadata`"),
]


@pytest.mark.parametrize("values, said", REFUSED, ids=[said for _, said in REFUSED])
def test_what_contradicts_the_toml_is_refused(values, said):
    assert said in refusal({**values, "keda": {"enabled": True, **values["keda"]}})


@pytest.mark.parametrize("expression", ["[a-z&&[^x]]+", "(?x) what ever", "(?<n>what)\\\\b{start-half}.*", "[\\\\w--w]+"])
def test_an_expression_helm_cannot_read_refuses_nothing(expression):
    config = PATTERN.replace("orders\\\\..+", expression)
    assert scaled(config=config, keda={"enabled": True, "topics": ["whatever"]})


# What stands in the TOML, the policy, and what is said of it, if anything.
NAMESPACE = 'namespace = "a.servicebus.windows.net"\n'
PORTS = [
    ("", {}, ""),
    ('[kafka]\nbrokers = "a:9092,b"\n', {"kafka": {"ports": [9092]}}, ""),
    ('[kafka]\nbrokers = "a:9092,b:9094"\n', {}, "`networkPolicy.kafka.ports` lacks 9094, the port of the broker `b:9094`"),
    ('[kafka]\nbrokers = "a"\n', {"kafka": {"ports": [9093]}}, "`networkPolicy.kafka.ports` lacks 9092"),
    ('[kafka]\nbrokers = "a:9094"\n', {"extraEgress": [{"ports": [{"port": 9000, "endPort": 9100}]}]}, ""),
    ('[kafka]\nbrokers = "a:9094"\n', {"extraEgress": [{"ports": [{"port": 9094, "protocol": "UDP"}]}]}, "`networkPolicy.kafka.ports`"),
    ('[kafka]\nbrokers = "a:9094"\n', {"extraEgress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}, ""),
    (f"[eventhubs]\n{NAMESPACE}", {"eventHubs": {"ports": [443]}}, "`networkPolicy.eventHubs.ports` lacks 5671, where `[eventhubs]`"),
    (f"[eventhubs]\n{NAMESPACE}", {"eventHubs": {"ports": [5671]}}, ""),
    (f'[eventhubs]\n{NAMESPACE}connection.transport = "websocket"\n', {"eventHubs": {"ports": [443]}}, ""),
    (f'[eventhubs]\n{NAMESPACE}connection.transport = "websocket"\n', {"eventHubs": {"ports": [5671]}}, "lacks 443"),
    (f'[eventhubs.west]\n{NAMESPACE}[eventhubs.connection]\ntransport = "websocket"\n', {"eventHubs": {"ports": [5671]}}, "lacks 443, where `[eventhubs.west]`"),
    (f'[eventhubs]\n{NAMESPACE}connection.address = "10.1.2.3:15671"\n', {}, "lacks 15671"),
    (f'[eventhubs]\n{NAMESPACE}connection.address = "10.1.2.3"\n', {"eventHubs": {"ports": [5671]}}, ""),
    (f'[eventhubs]\n{NAMESPACE}connection.proxy = "http://u:p@proxy.example.com:3128"\n', {}, "lacks 3128"),
    (f'[eventhubs]\n{NAMESPACE}connection.proxy = "none"\n', {}, ""),
    ('[eventhubs]\nconnection_string = "Endpoint=sb://a:5672;UseDevelopmentEmulator=true;"\n', {}, "lacks 5672"),
    ('[eventhubs]\nconnection_string = "Endpoint=sb://a/;UseDevelopmentEmulator=true;"\n', {}, "lacks 5672"),
    ('[eventhubs]\nconnection_string_file = "/run/x"\n', {"eventHubs": {"ports": [15671]}}, ""),
    (f'[eventhubs]\n{NAMESPACE}credential.kind = "managed_identity"\n', {}, "`networkPolicy.imds`"),
    (f'[eventhubs]\n{NAMESPACE}credential.kind = "managed_identity"\n', {"imds": True}, ""),
    ('[kafka.security.token]\nkind = "managed_identity"\n', {}, "`networkPolicy.imds`"),
]


@pytest.mark.parametrize("config, policy, said", PORTS)
def test_ports_of_the_policy_are_held_against_the_toml(config, policy, said):
    values = {"config": config or ORDERS, "networkPolicy": {**POLICY, **policy}}
    if said:
        assert said in refusal(values)
    else:
        validate(one(render(values), "NetworkPolicy"))
    # Without a policy nothing is kept shut.
    render({**values, "networkPolicy": {"enabled": False}})


def test_a_proxy_by_variable_is_where_a_web_socket_goes():
    config = f'[eventhubs]\n{NAMESPACE}connection.transport = "websocket"\n'
    policy = {**POLICY, "eventHubs": {"ports": [3128]}}
    assert "lacks 443" in refusal({"config": config, "networkPolicy": policy})
    assert render({"config": config, "networkPolicy": policy, "extraEnv": [{"name": "https_proxy", "value": "http://p:3128"}]})


@pytest.mark.parametrize("kind, reached", [("client_secret", True), ("federated", True), ("sas", False), ("managed_identity", False)])
def test_who_needs_a_token_reaches_its_issuer(kind, reached):
    config = f'[eventhubs]\n{NAMESPACE}[eventhubs.credential]\nkind = "{kind}"\n'
    policy = {**POLICY, "imds": True, "entra": {"to": [{"ipBlock": {"cidr": "20.190.128.0/18"}}]}}
    egress = one(render({"config": config, "networkPolicy": policy}), "NetworkPolicy")["spec"]["egress"]
    assert reached == any(rule.get("to") == policy["entra"]["to"] for rule in egress)


def test_what_is_decoded_reaches_its_registries():
    registries = """[registries.main]
addresses = ["http://one:8081", "http://two:8081", "https://three.example.com/apis/ccompat/v7", "four"]
[registries.other]
addresses = ["http://five"]
[registries.other.credential]
kind = "client_secret"
"""
    peers = {"to": [{"namespaceSelector": {"matchLabels": {"name": "schemas"}}}]}
    policy = {**POLICY, "registries": peers, "entra": {"to": [{"ipBlock": {"cidr": "20.190.128.0/18"}}]}}
    egress = one(render({"config": f"{ORDERS}{registries}", "networkPolicy": policy}), "NetworkPolicy")["spec"]["egress"]
    ports = [rule["ports"] for rule in egress if rule.get("to") == peers["to"]]
    assert ports == [[{"protocol": "TCP", "port": port} for port in (443, 80, 8081)]]
    assert any(rule.get("to") == policy["entra"]["to"] for rule in egress), "its token has an issuer"
    egress = one(render({"config": ORDERS, "networkPolicy": policy}), "NetworkPolicy")["spec"]["egress"]
    assert not any(rule.get("to") == peers["to"] for rule in egress), "no registry, no rule"


def test_what_is_too_large_reaches_its_storage():
    storage = """[claim_check]
container = "https://account.blob.core.windows.net/large"
credential = { kind = "client_secret" }
"""
    peers = {"to": [{"ipBlock": {"cidr": "10.20.1.0/24"}}]}
    policy = {**POLICY, "storage": peers, "entra": {"to": [{"ipBlock": {"cidr": "20.190.128.0/18"}}]}}
    egress = one(render({"config": f"{ORDERS}{storage}", "networkPolicy": policy}), "NetworkPolicy")["spec"]["egress"]
    assert [rule["ports"] for rule in egress if rule.get("to") == peers["to"]] == [[{"protocol": "TCP", "port": 443}]]
    assert any(rule.get("to") == policy["entra"]["to"] for rule in egress), "its token has an issuer"


@pytest.mark.parametrize(
    "endpoint, port",
    [("http://collector:4318", 4318), ("https://otlp.example.com/otlp", 443), ("http://collector/", 80), ("https://[fd00::1]:4318", 4318), ("collector", None)],
)
def test_what_is_exported_reaches_its_collector(endpoint, port):
    policy = {**POLICY, "otlp": {"to": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]}}
    egress = one(render({"config": f'{ORDERS}[otlp]\nendpoint = "{endpoint}"\n', "networkPolicy": policy}), "NetworkPolicy")["spec"]["egress"]
    assert [rule["ports"] for rule in egress if rule.get("to") == policy["otlp"]["to"]] == ([[{"protocol": "TCP", "port": port}]] if port else [])
    variable = [{"name": "BRIDGE_OTLP__ENDPOINT", "value": endpoint}]
    assert one(render({"config": ORDERS, "networkPolicy": policy, "extraEnv": variable}), "NetworkPolicy")["spec"]["egress"] == egress


def test_the_port_of_the_toml_may_be_that_of_the_pod():
    """One file here and in the cluster: the chart sets the address anyway."""
    render({"config": '[admin]\nlisten = "127.0.0.1:9400"\n'})
    render({"config": '[admin]\nlisten = "127.0.0.1:9500"\n', "admin": {"port": 9500}})


def test_odd_toml_reaches_the_bridge_which_says_what_is_wrong():
    """The chart reads what it knows; what a key may hold is the bridge's to say."""
    for config in ("kafka = 1\n", "mappings = 3\n", "mappings = [1]\n", "eventhubs = []\n", "[[kafka]]\n", "[kafka]\nbrokers = 5\n", "[eventhubs]\ncredential = 1\nconnection = 2\n"):
        render({"config": config, "networkPolicy": {**POLICY, "kafka": {"ports": [9092]}}})
