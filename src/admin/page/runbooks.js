// What docs/runbooks.md says of each alert: a test holds it equal, and writes it.

export const RUNBOOKS = {
  "EventHubsBridgeAbsent": {
    "means": "Prometheus scrapes no bridge at all. Either none runs, or Prometheus does not find it. If none runs, the records wait in Kafka until retention reaches them.",
    "steps": [
      "Run `kubectl get pods`. If there are none, find out who scaled the Deployment to zero, and what `kubectl describe` says about it.",
      "If pods run: does the PodMonitor select them? Does Prometheus select the PodMonitor (`metrics.prometheusOperator.labels`)? May it reach port 9400?",
      "If no bridge should run here, or KEDA scales to zero, disable the alert with `rules.disabled`."
    ]
  },
  "EventHubsBridgeConfigurationRefused": {
    "means": "The configuration has changed, and for ten minutes a running bridge has refused the new one. The previous configuration runs on: nothing is lost or held.",
    "steps": [
      "Look for the log line at `error`, `the configuration was not reloaded`: it says why. If it names a key that needs a restart, restart the pods (`kubectl rollout restart`). They drain first.",
      "Otherwise the file is wrong, and the next lines say where and what to do. Correct it; `check` finds the same before you deploy. Do not restart: the new pod would end with 78."
    ]
  },
  "EventHubsBridgeDisconnected": {
    "means": "A pod has not been connected to one of its namespaces for five minutes. It tries again for as long as it takes, at most five seconds apart. Nothing is lost.",
    "steps": [
      "Look at `/readyz`: it says which namespace, and why.",
      "A host name that is not found, or a timeout: check the DNS of the private endpoint (`privatelink.servicebus.windows.net`), the firewall, and the network policy for port 5671.",
      "If only some pods are disconnected, check their node or zone."
    ]
  },
  "EventHubsBridgeDoesNotCommit": {
    "means": "Event Hubs accepts events, but no commit has succeeded for a quarter of an hour. Nothing is lost. After a crash, the bridge would send all of these events again.",
    "steps": [
      "Look at `bridge_commits_total{outcome=\"failed\"}` and the log. Either the coordinator of the group is unreachable, or the principal may read the topic but not the group. It needs `READ` on both.",
      "Look at `rate(bridge_rebalances_total[10m])`. If it is above zero, the group rebalances again and again. Pods that are killed for lack of memory cause this, and an autoscaler that scales up and down.",
      "Do not restart before it commits. A clean stop has to commit too, and would fail."
    ]
  },
  "EventHubsBridgeFallsBehind": {
    "means": "The backlog is more than five minutes of work at the current rate, and it is growing. Nothing is lost before retention reaches the oldest record.",
    "steps": [
      "If EventHubsBridgeThrottled fires too, Event Hubs is the limit. Follow that runbook.",
      "Look at the CPU of the pods. If it is at its request or limit, add pods, up to the number of Kafka partitions. You can also raise `limits.shards` (consumers in one process) and give the pod more CPU.",
      "Look at `bridge_send_duration_seconds`. If a send takes seconds, the network to the region is slow or full. One hub partition accepts one batch per round trip, so more hub partitions help, and a bridge that is nearer helps. More pods do not.",
      "If sends are quick, compare `bridge_buffered_bytes` with `bridge_buffer_limit_bytes`. If they are equal, raise `limits.memory`, and the memory limit of the container with it.",
      "If one topic or partition alone is behind, most of its records have one key. Only their producer can change that."
    ]
  },
  "EventHubsBridgeHubPartitionStuck": {
    "means": "One partition of a hub has stored nothing for more than five minutes. Either it does not answer (`waiting`), or the bridge has to repeat each send (`retrying`). Other partitions continue, and nothing is lost.",
    "steps": [
      "Look at the log, or at `/readyz`, which says the same. The log has a line at the start, each minute, and at the end. It gives the number of attempts, the time of the next one, and the answer of Event Hubs.",
      "Look at `bridge_send_retries_total` by `cause`. `not_found` and `unauthorized`: see EventHubsBridgeHubUnavailable. `service`, `timeout`, `released`: the service has a problem. Look at Service Health in the portal, and open a support request with the name of the hub and the partition."
    ]
  },
  "EventHubsBridgeHubUnavailable": {
    "means": "A hub has accepted no events for five minutes, although the bridge runs. The Kafka partitions that wait for this hub are not read; the others continue. Nothing is lost.",
    "steps": [
      "Look at `bridge_send_retries_total` of this namespace and hub, by `cause`. `not_found`: the hub was deleted or renamed. `unauthorized`: the role or the key is for other hubs. `service`, `timeout`, `connection`: the namespace has a problem; look at Service Health in the portal.",
      "Look at the hub in the portal. If its status is \"Disabled\" or \"SendDisabled\", somebody disabled it: enable it."
    ]
  },
  "EventHubsBridgeHubUnreachable": {
    "means": "The bridge has not reached a hub for five minutes, or the hub refuses it. The mappings to this hub wait and lose nothing; the others run. The bridge tries again every few seconds.",
    "steps": [
      "Look at `/readyz`: `held` lists the hub, with the reason and the duration. The log says the same at the start, each minute, and at the end.",
      "`no such hub`: create the hub, or correct `hub` in the mapping. `not authorized`: the role or the key is missing for this hub; see EventHubsBridgeTokenRefused.",
      "No answer, a refused connection, or an unknown host name: the cause is the network or the namespace; see EventHubsBridgeDisconnected."
    ]
  },
  "EventHubsBridgeMembershipLost": {
    "means": "The group removed a member, because Kafka heard nothing from it for longer than `session.timeout.ms`. The next owner of its partitions sends again what was in flight. These are duplicates that a reader can recognise (delivery.md); nothing is lost.",
    "steps": [
      "Look at the node: was it paused, cut off, or short of CPU (a CPU limit)? This is nearly always the cause.",
      "If it happens often, over an unreliable network, raise `\"session.timeout.ms\"` under `[kafka.client]`. With `\"group.protocol\" = \"consumer\"`, raise `group.consumer.session.timeout.ms` of the brokers, and write the same value there."
    ]
  },
  "EventHubsBridgeNeedsThroughputUnits": {
    "means": "The namespace throttles, and the value of this alert is the number of throughput units that the traffic needs. It counts what is sent and what the lag grows by, at 1 MB or 1000 events a second for each unit. It counts this bridge alone, and all its namespaces together. Buy this many and a quarter more, or enable auto-inflate, as above.",
    "steps": []
  },
  "EventHubsBridgeNoBroker": {
    "means": "A pod reaches no Kafka broker. It still sends what it has read, and commits that when Kafka is back. Nothing is lost.",
    "steps": [
      "Check Kafka itself: is it up, and do other clients reach it from this namespace?",
      "Look at the log of the client. A failed authentication (`_AUTHENTICATION`) and an unknown certificate look like a missing broker.",
      "Check the advertised listeners: the bootstrap address may answer, while the brokers that it names do not."
    ]
  },
  "EventHubsBridgePartitionBehind": {
    "means": "One Kafka partition is more than a quarter of an hour behind: its oldest undelivered record was written before that. The delay is growing. Nothing is lost.",
    "steps": [
      "Look at `bridge_partition_held` of the partition: it says what the partition waits for, if it waits. `/readyz` says the same in words.",
      "If nothing holds the partition, its hub partition may have a problem. Look at the panel \"Hub partitions in trouble\", or at `/readyz`.",
      "If there is no problem either, and `bridge_consumer_lag_records` grows, more arrives than one hub partition accepts: see EventHubsBridgeFallsBehind. Old records that are copied for the first time are behind from the start; in that case the delay shrinks."
    ]
  },
  "EventHubsBridgePartitionHalted": {
    "means": "A Kafka partition has stopped at a record that Event Hubs can never store, and its policy is `halt`. The bridge sends nothing behind that record; other partitions continue.",
    "steps": [
      "Read the log line at `error`: it names the topic, the partition, the offset and the reason. Act before retention reaches the record.",
      "`dead_letter_failed`: the line says what to change. If the record is too large for the dead-letter topic, raise the topic's `max.message.bytes` to the number in the line. Better, raise it to the value of the source topic; `check --connect` compares the two. Then restart the pod that reads the partition.",
      "The record is too large: raise the limit, where the tier allows it, or make the producer send less. There is no such partition (`mirror`): give the hub as many partitions as the topic has. Then restart the pod that reads the partition.",
      "`committed position is no longer in the log`: the line says which position is committed and what the log holds. If the position is below the log, retention was faster than the bridge: raise the retention. If it is beyond the log, the log was cut, or the topic was created again on brokers without topic ids. Then stop all members, set the position with `offsets set` (operate.md), and start them. Or set `out_of_range` to `earliest` or `latest`.",
      "You do not need the record: set `[failure] policy` of that mapping to `\"dead_letter\"` (Kafka keeps the record) or to `\"drop\"`. Running bridges reload the file and try the record again."
    ]
  },
  "EventHubsBridgeRecordHeldLong": {
    "means": "A record has waited for its acknowledgement for more than two minutes. Everything behind it in its Kafka partition waits to be committed. Nothing is lost.",
    "steps": [
      "Look at `bridge_send_retries_total` of its hub, by `cause`. The usual cause is throttling.",
      "If there are no retries at all, save the log of the pod that reads the partition, and restart the pod. Then report a bug."
    ]
  },
  "EventHubsBridgeRecordsExpired": {
    "means": "Kafka deleted records before the bridge read them: they are lost. The number is an upper bound, because it also counts gaps in the offsets.",
    "steps": [
      "Raise the retention of the topic now, before more is lost.",
      "Then find out why the bridge was behind: see EventHubsBridgeFallsBehind and EventHubsBridgePartitionHalted.",
      "Before you start a bridge that was stopped for a long time, run `check --connect`: it compares each position with its log. If the bridge should stop and wait for you instead of going on, set `out_of_range = \"halt\"` under `[kafka]`."
    ]
  },
  "EventHubsBridgeRecordsRefused": {
    "means": "Event Hubs can never store some records, and the bridge applied the mapping's `policy` to them. `dead_letter` wrote them to the dead-letter topic, `drop` discarded them, `halt` stopped their partition.",
    "steps": [
      "Look at the label `reason`. `too_large`: the value is over the limit of the hub; it can go to a blob instead. `refused`: Event Hubs refuses the content. `wrong_type`: a key or header does not have the length of its type. `no_such_partition`: the hub has no such partition.",
      "Look at the dead letters. `dead-letters list` counts them by source, reason and hub. `list --each` and `show` print each of them, with the answer of Event Hubs and what to do: operate.md.",
      "Fix the cause. Then send them to their hub with `dead-letters replay` (operate.md). If the record itself is wrong, its producer has to change. `dead-letters purge` deletes the oldest letters.",
      "If you expect such records, and they should not wake anyone, disable the alert with `rules.disabled`."
    ]
  },
  "EventHubsBridgeRestarts": {
    "means": "The process has started more than twice within half an hour. Nothing is lost; what was in flight at a crash may come twice.",
    "steps": [
      "Run `kubectl describe pod`. `OOMKilled`: give the container `limits.memory` of the TOML plus 80 MB. If the log says `larger than limits.memory allows`, the batches of that topic need more.",
      "Otherwise look at the exit code. 78: the configuration is wrong. 69: a service refused the bridge for good. 70: a bug. The table of exit codes has the others.",
      "137 without `OOMKilled`: the liveness probe failed. While a thread does not respond, `/livez` names it."
    ]
  },
  "EventHubsBridgeSchemaMissing": {
    "means": "A Kafka partition waits for a schema that the bridge needs to decode the next record. The registry is unreachable, refuses the bridge, or does not know the schema. Nothing is lost; other partitions continue.",
    "steps": [
      "Look at `/readyz`: it names the schema and the registry, and quotes the registry's answer. `bridge_registry_requests_total` counts the answers by `outcome`.",
      "`failed`: the registry does not answer. `check --connect` asks each of its addresses. A network policy needs `networkPolicy.registries`.",
      "`unauthorized`: correct the password, the token or the headers in `[registries.NAME]`. Or grant the right to read schemas and subjects.",
      "`unknown`: the record was written with a schema of another registry, or the registry was restored from an older backup. Register the schema there under the same id, or correct the `addresses`.",
      "If nobody has the schema any more, remove `decode` from the mapping: the bridge then sends the bytes as they are. Or set the position behind the record with `offsets set` (operate.md)."
    ]
  },
  "EventHubsBridgeStandsStill": {
    "means": "Records arrive in Kafka, but the bridge has sent no event for at least ten minutes, on any partition. The records wait in Kafka, so nothing is lost before retention reaches them.",
    "steps": [
      "Look at `/readyz`. If the bridge is not a member of its group, the cause is Kafka: see EventHubsBridgeNoBroker. If a namespace is not connected, see EventHubsBridgeDisconnected or EventHubsBridgeTokenRefused.",
      "Look at `bridge_partition_held`. Where it is 1, the partition is halted, or its hub accepts no events.",
      "Look at `bridge_send_retries_total`. Its label `cause` says why sends are repeated: see \"When something fails\" in delivery.md.",
      "If none of these explains it, save the log and `/metrics` of one pod, and restart that pod. This loses nothing. Then report a bug."
    ]
  },
  "EventHubsBridgeThrottled": {
    "means": "Event Hubs has answered `server-busy` for five minutes: more arrives than the throughput units (or processing units) allow. A refused batch waits four seconds and is sent again. Nothing is lost, but the lag may grow.",
    "steps": [
      "If it lasts, EventHubsBridgeNeedsThroughputUnits says how many units you need.",
      "Look at \"Throttled Requests\" and \"Incoming Bytes\" in the portal. Other senders and readers of the namespace count too.",
      "After an outage, the backlog causes it, and it ends by itself. More pods do not help."
    ]
  },
  "EventHubsBridgeTokenNotRenewed": {
    "means": "The token in use expires within a minute, or has expired, and there is no new one. Event Hubs then refuses the bridge: see EventHubsBridgeTokenRefused. Nothing is lost.",
    "steps": [
      "Look at the log: it says why the last renewal failed. With Entra ID: can the pod reach `login.microsoftonline.com:443`? A network policy often forgets it.",
      "Look at `bridge_token_renewals_total{outcome=\"failed\"}`. If it does not grow, nobody tries: save the log of the pod, restart it, and report a bug."
    ]
  },
  "EventHubsBridgeTokenRefused": {
    "means": "Event Hubs refuses the identity or key of the bridge. The bridge keeps what is in flight and tries again, for as long as it takes. Nothing is lost.",
    "steps": [
      "With a connection string: was the key rotated? Then update the Secret. Restart the pods if the string comes as a variable; the bridge reads a mounted file again by itself.",
      "With workload identity: the federated credential has to match the issuer, the subject (`system:serviceaccount:NAMESPACE:NAME`) and the audience exactly. The identity needs the role \"Azure Event Hubs Data Sender\"; a new assignment takes minutes. The pod needs the label `azure.workload.identity/use`.",
      "With either: check the clock of the node. If public access is disabled, check that the pod uses the private endpoint."
    ]
  },
  "EventHubsBridgeTopicUnavailable": {
    "means": "A topic that the configuration names has been missing for five minutes. Or some of its partitions have no matching partition on their hub. The bridge reads everything else, and nothing is lost.",
    "steps": [
      "Look at `/readyz`: `held` lists a `topic`, or a `dead_letter_topic`. With a missing dead-letter topic, the dead letters wait.",
      "If the topic is missing, create it, or grant the bridge's principal `Describe` and `Read` on it.",
      "If the entry also has a `hub`, then `mirror` or `fixed:N` needs more partitions than the hub has. Give the hub more partitions, or the mapping another `partitioning`."
    ]
  }
};
