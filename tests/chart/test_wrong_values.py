"""Values that are wrong: each is refused, by a text that names the key."""

import pytest

from chart import refusal, template

KEDA = {"enabled": True, "brokers": "kafka:9092", "group": "orders-bridge", "topics": ["orders"]}

# What is written, and the key the refusal must name.
BY_THE_SCHEMA = [
    ({"kafkaa": {}}, "kafkaa"),
    ({"image": {"tagg": "1"}}, "tagg"),
    ({"image": {"tag": 1.0}}, "/image/tag"),
    ({"image": {"digest": "sha256:abc"}}, "/image/digest"),
    ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
    ({"kind": "DaemonSet"}, "/kind"),
    ({"replicas": "two"}, "/replicas"),
    ({"config": {"kafka": {"brokers": "kafka:9092"}}}, "/config"),
    ({"drainSeconds": 0}, "/drainSeconds"),
    ({"drainSeconds": "20s"}, "/drainSeconds"),
    ({"admin": {"port": 80}}, "/admin/port"),
    ({"secrets": {"env": {"bridge_eventhubs": "x"}}}, "bridge_eventhubs"),
    ({"secrets": {"env": {"BRIDGE_LIMITS__SHARDS": 2}}}, "/secrets/env/BRIDGE_LIMITS__SHARDS"),
    ({"secrets": {"existing": "eventhubs"}}, "/secrets/existing"),
    ({"secrets": {"files": [{"secretName": "ca"}]}}, "mountPath"),
    ({"workloadIdentity": {"clientId": "my-identity"}}, "/workloadIdentity/clientId"),
    ({"resources": {"memory": "1Gi"}}, "memory"),
    ({"probes": {"liveness": {"httpGet": {}}}}, "httpGet"),
    ({"podDisruptionBudget": {"maxUnavailable": "half"}}, "/podDisruptionBudget/maxUnavailable"),
    ({"topologySpreadConstraints": [{"maxSkew": 1}]}, "topologyKey"),
    ({"keda": {"offsetResetPolicy": "none"}}, "/keda/offsetResetPolicy"),
    ({"keda": {"metadata": {"allowIdleConsumers": True}}}, "/keda/metadata/allowIdleConsumers"),
    ({"keda": {"authentication": {"secretTargetRef": [{"parameter": "passwort", "name": "a", "key": "b"}]}}}, "parameter"),
    ({"hpa": {"minReplicas": 0}}, "/hpa/minReplicas"),
    ({"networkPolicy": {"kafka": {"ports": []}}}, "/networkPolicy/kafka/ports"),
    ({"metrics": {"azureMonitor": {"interval": "half a minute"}}}, "/metrics/azureMonitor/interval"),
    ({"metrics": {"azureMonitor": True}}, "/metrics/azureMonitor"),
    ({"rules": {"runbookUrl": "docs/runbooks.md"}}, "/rules/runbookUrl"),
    ({"podLabels": {"a b": "c"}}, "a b"),
    ({"podLabels": {"team": "x" * 64}}, "/podLabels/team"),
    ({"podLabels": {"team": "orders and payments"}}, "/podLabels/team"),
    ({"commonLabels": {"x" * 64: "a"}}, "x" * 64),
    ({"commonAnnotations": {"a/b/c": "a"}}, "a/b/c"),
    ({"nodeSelector": {"pool": "-"}}, "/nodeSelector/pool"),
    ({"nameOverride": "Orders"}, "/nameOverride"),
    ({"fullnameOverride": "a..b"}, "/fullnameOverride"),
    ({"fullnameOverride": "a.-b"}, "/fullnameOverride"),
    ({"serviceAccount": {"name": "orders_bridge"}}, "/serviceAccount/name"),
    ({"serviceAccount": {"name": "x" * 254}}, "/serviceAccount/name"),
    ({"imagePullSecrets": [{"name": "My_Secret"}]}, "/imagePullSecrets/0/name"),
]

BY_THE_CHART = [
    ({"image": {"repository": ""}}, "`image.repository`"),
    ({"config": ""}, "`config`"),
    ({"existingConfigMap": "mine"}, "`existingConfigMap`"),
    ({"config": "[limits]\ndrain_timeout = '30s'\n"}, "`drainSeconds`"),
    ({"config": "[kafka]\n  instance_id = 'a'\n"}, "`staticMembership: true`"),
    ({"staticMembership": True}, "`staticMembership`"),
    ({"keda": KEDA, "hpa": {"enabled": True}}, "`hpa.enabled`"),
    ({"config": "[kafka]\nbrokers = \n"}, "`config` is not TOML: line 2"),
    ({"config": "[kafka]\n[kafka]\n"}, "`config` is not TOML"),
    ({"config": "[admin]\nlisten = '0.0.0.0:9500'\n"}, "`admin.port` is 9400"),
    ({"config": "[limits]\nmemory = '1GiB'\n"}, "`resources.limits.memory` is 192Mi"),
    ({"config": "limits.memory = '192MiB'\n"}, "`resources.limits.memory`"),
    ({"kind": "StatefulSet", "staticMembership": True, "config": "kafka.client.'group.protocol' = 'consumer'"}, "`staticMembership` cannot"),
    ({"admin": {"address": "127.0.0.1"}}, "`admin.address`"),
    ({"admin": {"address": "[::1]"}}, "`admin.address`"),
    ({"extraEnv": [{"name": "A"}, {"name": "BRIDGE_ADMIN__LISTEN", "value": "0.0.0.0:1"}]}, "`extraEnv[1]`"),
    ({"secrets": {"env": {"BRIDGE_LIMITS__DRAIN_TIMEOUT": "5s"}}}, "`drainSeconds`"),
    ({"extraEnv": [{"name": "BRIDGE_KAFKA__INSTANCE_ID", "value": "a"}]}, "`staticMembership`"),
    ({"commonLabels": {"app.kubernetes.io/instance": "a"}}, "`commonLabels` sets `app.kubernetes.io/instance`"),
    ({"podLabels": {"app.kubernetes.io/name": "a"}}, "`podLabels` sets `app.kubernetes.io/name`"),
    ({"podAnnotations": {"kafka-eventhubs-bridge/checksum": "a"}}, "`podAnnotations`"),
    ({"metrics": {"prometheusOperator": {"labels": {"helm.sh/chart": "a"}}}}, "`metrics.prometheusOperator.labels`"),
    ({"keda": {**KEDA, "minReplicas": 9}}, "`keda.minReplicas`"),
    (
        {"keda": {**KEDA, "authentication": {"existing": "a", "secretTargetRef": [{"parameter": "tls", "name": "a", "key": "b"}]}}},
        "`keda.authentication.existing`",
    ),
    ({"hpa": {"enabled": True, "minReplicas": 9}}, "`hpa.minReplicas`"),
    ({"workloadIdentity": {"enabled": True}}, "`workloadIdentity.clientId`"),
    ({"secretStore": {"enabled": True}}, "`secretStore.parameters`"),
    ({"secrets": {"env": {"KAFKA_PASSWORD": "x"}}}, "`secrets.env.KAFKA_PASSWORD`"),
    ({"rules": {"disabled": ["EventHubsBridgeHalted"]}}, "`rules.disabled`"),
]


@pytest.mark.parametrize("values, key", BY_THE_SCHEMA, ids=lambda it: it if isinstance(it, str) else "")
def test_the_schema_refuses(values, key):
    code, _, error = template(values)
    assert code != 0
    assert "values don't meet the specifications of the schema" in error
    assert key in error, error


@pytest.mark.parametrize("values, key", BY_THE_CHART, ids=lambda it: it if isinstance(it, str) else "")
def test_the_chart_refuses(values, key):
    assert key in refusal(values)


def test_there_are_twenty_and_more():
    assert len(BY_THE_SCHEMA) + len(BY_THE_CHART) >= 20
    assert template({})[0] == 0, "the least is right"
