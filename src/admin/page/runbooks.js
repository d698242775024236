// What docs/runbooks.md says of each alert: a test holds it equal, and writes it.

export const RUNBOOKS = {
  "EventHubsBridgeAbsent": {
    "means": "No bridge is scraped at all. Either none runs, or nobody looks.",
    "steps": [
      "`kubectl get pods`: none: who scaled it to zero, and what does `kubectl describe` say of the Deployment?",
      "Pods run: does the PodMonitor select them, does Prometheus select the PodMonitor (`metrics.prometheusOperator.labels`), may it reach port 9400?",
      "No bridge is meant to run here, or KEDA scales to zero: leave the alert out with `rules.disabled`."
    ]
  },
  "EventHubsBridgeConfigurationRefused": {
    "means": "The configuration was changed, and for ten minutes a bridge that runs has not taken what it says now. The one of before runs on: nothing is lost or held.",
    "steps": [
      "The log line at `error`, `the configuration was not reloaded`, says why. A restart is needed for a key it names: restart the pods (`kubectl rollout restart`), which drains them first.",
      "Otherwise it is wrong, and the lines behind it say where and what to do. Correct it; `check` finds the same before it is deployed. A restart would not help: the new pod ends with 78."
    ]
  },
  "EventHubsBridgeDisconnected": {
    "means": "A pod has not been connected to one of its namespaces for five minutes. It tries again for ever, at most five seconds apart.",
    "steps": [
      "`/readyz` says which namespace and why.",
      "A name that is not found or times out: DNS of the private endpoint (`privatelink.servicebus.windows.net`), firewall, network policy: port 5671.",
      "Only some pods: their node or zone."
    ]
  },
  "EventHubsBridgeDoesNotCommit": {
    "means": "Events are accepted, and no commit has succeeded for a quarter of an hour. Nothing is lost; after a crash all of it would come again.",
    "steps": [
      "`bridge_commits_total{outcome=\"failed\"}` and the log: the group's coordinator is away, or the principal may read the topic and not the group (it needs `READ` on both).",
      "`rate(bridge_rebalances_total[10m])` above zero: the group does not come to rest. Pods that are killed for memory do that, and an autoscaler that goes up and down.",
      "Do not restart before it commits: a clean stop commits, and would fail too."
    ]
  },
  "EventHubsBridgeFallsBehind": {
    "means": "More than five minutes of work waits, at the speed it goes, and it becomes more.",
    "steps": [
      "Throttled at the same time? Then Event Hubs is the limit: EventHubsBridgeThrottled.",
      "CPU at its request or limit? More pods, up to the number of Kafka partitions; or `limits.shards` with more CPU.",
      "`bridge_send_duration_seconds` of seconds? The way to the region is long or full: one hub partition takes one batch a round trip, so more partitions or a nearer bridge help, and more pods do not.",
      "`bridge_buffered_bytes` at `bridge_buffer_limit_bytes`, while sends are quick? Raise `limits.memory`, and the container's with it.",
      "One topic or partition alone? Most of it has one key; only its producer can change that."
    ]
  },
  "EventHubsBridgeHubPartitionStuck": {
    "means": "One partition of a hub has stored nothing for more than five minutes: it does not answer (`waiting`), or what is sent has to be sent again (`retrying`). Other partitions go on.",
    "steps": [
      "The log says it when it begins, each minute, and when it ends, with the number of tries, the time of the next one, and Event Hubs' own words; `/readyz` says the same.",
      "`bridge_send_retries_total` by `cause`: `not_found` and `unauthorized` as in EventHubsBridgeHubUnavailable; `service`, `timeout`, `released`: the service's own trouble. Look at Service Health in the portal, and open a request with the name of hub and partition."
    ]
  },
  "EventHubsBridgeHubUnavailable": {
    "means": "One hub accepts no events, for five minutes, while the process lives. What waits for it is not read; the rest flows. It goes on by itself.",
    "steps": [
      "`bridge_send_retries_total` of this namespace and hub, by `cause`: `not_found`: somebody deleted or renamed the hub; `unauthorized`: the role or the key is for other hubs; `service`, `timeout`, `connection`: the namespace's own health, see Service Health in the portal.",
      "A hub disabled by hand (\"Disabled\" or \"SendDisabled\" in the portal) looks the same."
    ]
  },
  "EventHubsBridgeHubUnreachable": {
    "means": "A hub cannot be reached or refuses the bridge, for five minutes. Its mappings wait and lose nothing; the others run. It is tried again every few seconds, and goes on by itself.",
    "steps": [
      "`/readyz` lists it under `held`, with the reason and for how long; the log says the same when it begins, each minute, and when it ends.",
      "`no such hub`: create it, or correct the `hub` of the mapping. `not authorized`: the role or the key is missing for this hub, see EventHubsBridgeTokenRefused.",
      "No answer, a refused connection, a name that is not found: the network or the namespace, see EventHubsBridgeDisconnected."
    ]
  },
  "EventHubsBridgeMembershipLost": {
    "means": "The group gave up a member because it was silent for longer than `session.timeout.ms`. What it had in flight was dropped and is sent again by the next: duplicates, each recognisable (delivery.md).",
    "steps": [
      "Was the node paused, throttled (a CPU limit) or cut off? That is nearly always it.",
      "Often, over a bad line: raise `\"session.timeout.ms\"` under `[kafka.client]`; with `\"group.protocol\" = \"consumer\"`, `group.consumer.session.timeout.ms` of the brokers, and write it there as well."
    ]
  },
  "EventHubsBridgeNeedsThroughputUnits": {
    "means": "Its value is the number of units that what comes in takes: what is sent and what the lag grows by, at 1 MB and 1000 events a second a unit. It counts this bridge alone, and all its namespaces together. Buy that many and a quarter more, or turn on auto-inflate, as above.",
    "steps": []
  },
  "EventHubsBridgeNoBroker": {
    "means": "A pod reaches no Kafka broker. What it holds is still sent, and committed when Kafka is back.",
    "steps": [
      "Is Kafka itself up, and do other clients reach it from this namespace?",
      "The log of the client: a refused login (`_AUTHENTICATION`) and an unknown certificate look like an absent broker.",
      "Advertised listeners: the bootstrap address answers, the brokers it names do not."
    ]
  },
  "EventHubsBridgePartitionBehind": {
    "means": "The oldest record of one Kafka partition that is not settled was written more than a quarter of an hour ago, and the distance grows. Nothing is lost.",
    "steps": [
      "`bridge_partition_held` of the partition says what it waits for, if it waits; `/readyz` says it in words.",
      "Nothing holds it? Its hub partition may be in trouble: the panel \"Hub partitions in trouble\", or `/readyz`.",
      "Nothing there either, and `bridge_consumer_lag_records` grows: more comes than one hub partition takes (EventHubsBridgeFallsBehind). Old records that are copied for the first time are behind from the start; there the distance shrinks."
    ]
  },
  "EventHubsBridgePartitionHalted": {
    "means": "A record came that Event Hubs can never store, and the policy is `halt`. Nothing behind it is sent; other partitions go on.",
    "steps": [
      "`dead_letter_failed`: the line says what to change. Too large for the dead-letter topic: raise its `max.message.bytes` to the figure in the line, better to that of the topic the record comes from; `check --connect` compares the two. Then restart the pod that holds the partition.",
      "Too large: raise what the tier allows, or make the producer send less. No such partition (`mirror`): give the hub as many partitions as the topic. Then restart the pod that holds the partition.",
      "`committed position is no longer in the log`: the line says what is committed and what the log holds. Below the log, retention was quicker: raise it, then choose where to go on. Beyond the log, it was cut, or the topic was made again on brokers without topic ids. Stop all members, set the position with `offsets set` (operate.md), and start them; or choose `earliest` or `latest`.",
      "The record is not worth it: choose `[failure] policy = \"dead_letter\"` (kept, in Kafka) or `\"drop\"` for that mapping. Running bridges take it and try the record again.",
      "It must be settled before retention reaches it."
    ]
  },
  "EventHubsBridgeRecordHeldLong": {
    "means": "A record waits for its acknowledgement for more than two minutes, and everything behind it waits to be committed.",
    "steps": [
      "`bridge_send_retries_total` by `cause` for its hub; throttling is the usual one.",
      "No retries at all: restart the pod that holds the partition, keep its log, report a defect."
    ]
  },
  "EventHubsBridgeRecordsExpired": {
    "means": "Kafka deleted committed records before they were read: these are gone. The number also counts holes in the offsets, so it is the most there can be.",
    "steps": [
      "Raise the topic's retention now, before more is lost.",
      "Then find out why the bridge was behind: EventHubsBridgeFallsBehind, EventHubsBridgePartitionHalted.",
      "`check --connect` compares each position with its log, so run it before a bridge that stood for long. Would you rather be asked than go on? `out_of_range = \"halt\"` under `[kafka]`."
    ]
  },
  "EventHubsBridgeRecordsRefused": {
    "means": "Records could never be stored, and went where `policy` says: `dead_letter` to the topic, `drop` nowhere, `halt` stopped its partition.",
    "steps": [
      "`reason` says what: `too_large` (the value can go to a blob instead), `refused` for its content, `wrong_type` (a key or header that has not the length of its type), or `no_such_partition`.",
      "`dead-letters list` counts dead letters by source, reason and hub; `list --each` and `show` name each, with the words of Event Hubs and what can be done: operate.md.",
      "Mend the cause, then send them where they were to go with `dead-letters replay` (operate.md). What is wrong in the record itself is for its producer. Then `dead-letters purge` deletes the oldest.",
      "Expected, and not worth waking anyone? Leave it out: `rules.disabled`."
    ]
  },
  "EventHubsBridgeRestarts": {
    "means": "The process was started more than twice within half an hour.",
    "steps": [
      "`kubectl describe pod`: `OOMKilled`: give the container `limits.memory` of the TOML and 80 MB more. Did the log say `larger than limits.memory allows`? That topic's batches need more.",
      "The exit code otherwise: 78 wrong configuration, 69 refused for good, 70 a defect: the table in the README.",
      "137 without `OOMKilled`: the liveness probe. While a thread is silent, `/livez` names it."
    ]
  },
  "EventHubsBridgeSchemaMissing": {
    "means": "A Kafka partition waits for a schema that it needs to decode its next record. Its registry is away, refuses the bridge, or does not know the schema. Nothing is lost; other partitions go on.",
    "steps": [
      "`/readyz` names the schema, the registry and the registry's own words. `bridge_registry_requests_total` by `outcome` says how it answers.",
      "`failed`: the registry does not answer. `check --connect` asks each of its addresses; a network policy needs `networkPolicy.registries`.",
      "`unauthorized`: correct the password, the token or the headers of `[registries.NAME]`, or grant the right to read schemas and subjects.",
      "`unknown`: the record was written with a schema of another registry, or the registry was restored from before that schema. Register it there under the same id, or correct the `addresses`.",
      "Nobody has the schema any more: take `decode` out of the mapping to send the bytes as they are, or set the position behind the record with `offsets set` (operate.md)."
    ]
  },
  "EventHubsBridgeStandsStill": {
    "means": "Records arrive in Kafka, and none is sent: for at least ten minutes, all partitions together.",
    "steps": [
      "`/readyz`: not a member of its group → Kafka (EventHubsBridgeNoBroker); a namespace not connected → EventHubsBridgeDisconnected or EventHubsBridgeTokenRefused.",
      "`bridge_partition_held` at 1: halted, or its hub accepts no events.",
      "`bridge_send_retries_total` by `cause` says why sends are repeated: the table \"When something fails\" in delivery.md.",
      "None of these: restart one pod. It loses nothing. Keep its log and its `/metrics` from before, and report a defect."
    ]
  },
  "EventHubsBridgeThrottled": {
    "means": "Event Hubs said `server-busy` for five minutes: more comes in than the throughput units (or processing units) take. A batch that is refused waits four seconds, and the lanes take turns at the rate the namespace takes (delivery.md): `bridge_throttled_bytes_per_second` says what that is.",
    "steps": [
      "EventHubsBridgeNeedsThroughputUnits says how many are needed, when it lasts.",
      "Other senders and readers of the namespace count too: \"Throttled Requests\" and \"Incoming Bytes\" in the portal.",
      "After an outage it is the backlog, and ends by itself. More pods make it no better."
    ]
  },
  "EventHubsBridgeTokenNotRenewed": {
    "means": "The token in use ends within a minute, or has ended, and there is no new one. What follows is a refusal and EventHubsBridgeTokenRefused.",
    "steps": [
      "The log says what the last renewal met. With Entra: may the pod reach `login.microsoftonline.com:443`? A network policy forgets it easily.",
      "`bridge_token_renewals_total{outcome=\"failed\"}` stands still as well: restart the pod, keep its log, report a defect."
    ]
  },
  "EventHubsBridgeTokenRefused": {
    "means": "Event Hubs does not accept who the bridge says it is. It asks again for ever; what is in flight is kept.",
    "steps": [
      "A connection string: was the key rolled? Then the Secret must follow, and where it comes as a variable the pods be restarted; a mounted file is read again by itself.",
      "Workload identity: the federated credential names issuer, subject (`system:serviceaccount:NAMESPACE:NAME`) and audience exactly; the identity has the role \"Azure Event Hubs Data Sender\" (a new assignment takes minutes); the pod has the label `azure.workload.identity/use`.",
      "Both: the clock of the node. Public access disabled, and the pod does not use the private endpoint."
    ]
  },
  "EventHubsBridgeTopicUnavailable": {
    "means": "A topic that the configuration names is missing, for five minutes, or some of its partitions have no place on their hub. Everything else is read.",
    "steps": [
      "`/readyz` lists it under `held`: a `topic`, or a `dead_letter_topic`, which waits with the dead letters for it.",
      "Missing: create it, or grant the bridge's principal `Describe` and `Read` on it.",
      "With `hub` beside it: `mirror` or `fixed:N` wants more partitions than the hub has. Give the hub more, or the mapping another `partitioning`."
    ]
  }
};
