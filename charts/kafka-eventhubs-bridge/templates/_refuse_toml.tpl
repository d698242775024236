{{/* The TOML and the values beside it, where they contradict each other. Every text names the key of the values and what to do. */}}

{{- define "bridge.refuseToml" -}}
{{- $v := .Values -}}
{{- $read := include "bridge.toml" . | fromJson -}}
{{- $settings := include "bridge.settings" . | fromJson -}}
{{- /* A Helm that reads no TOML looks for the two that would do harm line by line. */ -}}
{{- if or $settings.limits.drain_timeout (and (not $read) (regexMatch `(?m)^\s*(limits\.)?drain_timeout\s*=` $v.config)) -}}
{{- fail "\n`config` sets `drain_timeout`: set `drainSeconds` instead; it also sets the grace period of the pod" -}}
{{- end -}}
{{- if or $settings.kafka.instance_id (and (not $read) (regexMatch `(?m)^\s*(kafka\.)?instance_id\s*=` $v.config)) -}}
{{- fail "\n`config` sets `instance_id`, which all pods would share: set `kind: StatefulSet` and `staticMembership: true` instead" -}}
{{- end -}}
{{- if and $v.staticMembership (kindIs "map" $settings.kafka.client) -}}
{{- if eq (get $settings.kafka.client "group.protocol" | toString) "consumer" -}}
{{- fail "\n`staticMembership` cannot be used with `\"group.protocol\" = \"consumer\"` in `config`: after a crash the brokers refuse a static member until its old session has timed out. Remove one of the two" -}}
{{- end -}}
{{- end -}}
{{- $port := regexFind `[0-9]+$` (get $settings.admin "listen" | toString) -}}
{{- if and $port (ne (int $port) (int $v.admin.port)) -}}
{{- fail (printf "\n`admin.port` is %d, but `config` sets `[admin] listen` to port %s: probes and scrapers go to `admin.port`, so write it there and leave `listen` out" (int $v.admin.port) $port) -}}
{{- end -}}
{{- $memory := get $settings.limits "memory" | toString -}}
{{- $limit := get (default dict $v.resources.limits) "memory" | toString -}}
{{- if and (regexMatch `^[0-9]+[KMG]iB$` $memory) (regexMatch `^[0-9]+[KMG]i$` $limit) -}}
{{- if le (include "bridge.kibibytes" $limit | int64) (include "bridge.kibibytes" $memory | int64) -}}
{{- fail (printf "\n`resources.limits.memory` is %s, and `config` lets records alone take %s (`limits.memory`): set it to that and 80 MiB more" $limit $memory) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "bridge.kibibytes" -}}
{{- $factor := dict "K" 1 "M" 1024 "G" 1048576 -}}
{{- mul (regexFind `^[0-9]+` . | int64) (get $factor (regexFind `[KMG]` .)) -}}
{{- end -}}

{{- define "bridge.refuseKeda" -}}
{{- $keda := .Values.keda -}}
{{- $settings := include "bridge.settings" . | fromJson -}}
{{- $asked := include "bridge.keda" . | fromJson -}}
{{- range $key, $toml := dict "brokers" "brokers" "group" "group_id" -}}
{{- if not (get $asked $key) -}}
{{- fail (printf "\n`keda.%s` is empty, and the chart finds no `%s` under `[kafka]` in `config`: KEDA asks Kafka itself, and needs the same setting as the bridge" $key $toml) -}}
{{- end -}}
{{- end -}}
{{- $group := get $settings.kafka "group_id" -}}
{{- if and $group (ne (toString $group) $asked.group) -}}
{{- fail (printf "\n`keda.group` is `%s`, but `config` sets `group_id` to `%s`: KEDA would wait for the lag of a group that never reads. Leave `keda.group` out" $asked.group $group) -}}
{{- end -}}
{{- $read := include "bridge.topics" $settings | fromJson -}}
{{- if or $read.topics $read.patterns -}}
{{- range $topic := $keda.topics -}}
{{- $mapped := has $topic $read.topics -}}
{{- range $read.patterns -}}
{{- /* An expression that Helm cannot read as the bridge does, sets of characters in sets above all, may match any topic. */ -}}
{{- $foreign := or (regexMatch `\[[^\]]*(\[|&&|--|~~)|\(\?[a-z]*x|\\b\{` .) (not (regexMatch (printf "(?:%s)|" .) "")) -}}
{{- $mapped = or $mapped $foreign (regexMatch (printf "^(?:%s)$" .) $topic) -}}
{{- end -}}
{{- if not $mapped -}}
{{- fail (printf "\n`keda.topics` names `%s`, which no mapping of `config` reads: its lag would never go. Leave it out" $topic) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $asked.topics -}}
{{- range $key, $value := $keda.metadata -}}
{{- if or (and (has $key (list "limitToPartitionsWithLag" "ensureEvenDistributionOfPartitions")) (eq $value "true")) (and (eq $key "fullMetadata") (eq $value "false")) -}}
{{- fail (printf "\n`keda.metadata.%s` needs a topic, and KEDA asks for all of the group here: name the topics in `keda.topics`, or leave it out" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A port a policy keeps shut is a bridge that waits without end. Where the rules lead to is not looked at, and neither is what brokers advertise. */}}
{{- define "bridge.refuseNetwork" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $settings := include "bridge.settings" . | fromJson -}}
{{- range include "bridge.brokers" $settings.kafka | fromJsonArray -}}
{{- $port := regexFind `[0-9]+$` . -}}
{{- if not (include "bridge.letsOut" (dict "policy" $policy "ports" $policy.kafka.ports "port" $port)) -}}
{{- fail (printf "\n`networkPolicy.kafka.ports` lacks %s, the port of the broker `%s`: add it, and the ports that the brokers advertise" $port .) -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range .Values.extraEnv -}}
{{- $names = append $names (upper .name) -}}
{{- end -}}
{{- range include "bridge.namespaces" $settings | fromJsonArray -}}
{{- $proxied := and .web (has "HTTPS_PROXY" $names) -}}
{{- if not (or $proxied (include "bridge.letsOut" (dict "policy" $policy "ports" $policy.eventHubs.ports "port" .port))) -}}
{{- fail (printf "\n`networkPolicy.eventHubs.ports` lacks %s, where `[%s]` of `config` is reached: add it" .port .key) -}}
{{- end -}}
{{- end -}}
{{- if and (has "managed_identity" (include "bridge.identities" $settings | fromJsonArray)) (not $policy.imds) -}}
{{- if not (include "bridge.letsOut" (dict "policy" $policy "ports" list "port" "80")) -}}
{{- fail "\n`networkPolicy.imds` is false, but `config` uses a managed identity, which gets its tokens from the metadata service: set it to true" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Not empty when `port` is among `ports`, or let out by `extraEgress`. */}}
{{- define "bridge.letsOut" -}}
{{- $port := int .port -}}
{{- range .ports -}}
{{- if eq (int .) $port -}}yes{{- end -}}
{{- end -}}
{{- range .policy.extraEgress -}}
{{- if not .ports -}}yes{{- end -}}
{{- range .ports -}}
{{- $from := int (get . "port") -}}
{{- if not (hasKey . "port") -}}yes
{{- else if and (eq (default "TCP" .protocol) "TCP") (ge $port $from) (le $port (int (default $from .endPort))) -}}yes{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
