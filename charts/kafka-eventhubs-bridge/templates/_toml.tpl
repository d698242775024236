{{/*
What the bridge's configuration says, as far as the chart can read it. The TOML is read so that nothing has to be written twice, and so that what contradicts
it is refused. A ConfigMap of one's own is not seen, and a Helm before 3.17 reads no TOML: then there is nothing here, and nothing is refused for it.
*/}}

{{/* The TOML as JSON. `tpl`, since the other templates of a chart do not even parse where a function is unknown. */}}
{{- define "bridge.toml" -}}
{{- $read := dict -}}
{{- if and .Values.config (semverCompare ">=3.17.0-0" .Capabilities.HelmVersion.Version) -}}
{{- $read = tpl "{{ .text | fromToml | toJson }}" (dict "text" .Values.config "Template" .Template) | fromJson -}}
{{- end -}}
{{- /* This is how Helm says that it could not; the bridge has no key of that name. */ -}}
{{- with get $read "Error" -}}
{{- fail (printf "\n`config` is not TOML: %s" (trimPrefix "toml: " (toString .))) -}}
{{- end -}}
{{- $read | toJson -}}
{{- end -}}

{{/* The TOML with variables laid over it as the bridge does; one whose value the chart cannot see is as if it were not said. */}}
{{- define "bridge.settings" -}}
{{- $settings := include "bridge.toml" . | fromJson -}}
{{- range $name, $value := .Values.secrets.env -}}
{{- include "bridge.overlay" (dict "settings" $settings "name" $name "value" $value) -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- include "bridge.overlay" (dict "settings" $settings "name" .name "value" (default "" .value)) -}}
{{- end -}}
{{- range $table := list "kafka" "eventhubs" "admin" "limits" -}}
{{- if not (kindIs "map" (get $settings $table)) -}}
{{- $_ := set $settings $table dict -}}
{{- end -}}
{{- end -}}
{{- $mappings := list -}}
{{- if kindIs "slice" (get $settings "mappings") -}}
{{- range $settings.mappings -}}
{{- if kindIs "map" . -}}
{{- $mappings = append $mappings . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- set $settings "mappings" $mappings | toJson -}}
{{- end -}}

{{- define "bridge.overlay" -}}
{{- if hasPrefix "BRIDGE_" .name -}}
{{- $path := splitList "__" (trimPrefix "BRIDGE_" .name | lower) -}}
{{- $table := .settings -}}
{{- range initial $path -}}
{{- if not (kindIs "map" (get $table .)) -}}
{{- $_ := set $table . dict -}}
{{- end -}}
{{- $table = get $table . -}}
{{- end -}}
{{- $_ := set $table (last $path) .value -}}
{{- end -}}
{{- end -}}

{{/* The port of a URL over HTTP, nothing for anything else. */}}
{{- define "bridge.urlPort" -}}
{{- $place := regexFind `^https?://[^/]+` (toString .) -}}
{{- if $place -}}
{{- $own := regexFind `:[0-9]+$` $place | trimPrefix ":" -}}
{{- $own | default (ternary "443" "80" (hasPrefix "https" $place)) -}}
{{- end -}}
{{- end -}}

{{/* The port of the collector that spans and metrics are exported to, if there is one. */}}
{{- define "bridge.otlpPort" -}}
{{- if kindIs "map" (get . "otlp") -}}
{{- include "bridge.urlPort" (get .otlp "endpoint") -}}
{{- end -}}
{{- end -}}

{{/* The port of the storage that takes values which are too large, if there is one. */}}
{{- define "bridge.storagePort" -}}
{{- if kindIs "map" (get . "claim_check") -}}
{{- include "bridge.urlPort" (get .claim_check "container") -}}
{{- end -}}
{{- end -}}

{{/* The ports of the registries of schemas. */}}
{{- define "bridge.registryPorts" -}}
{{- $ports := list -}}
{{- range .registries -}}
{{- if kindIs "map" . -}}
{{- range .addresses -}}
{{- $ports = append $ports (include "bridge.urlPort" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- without $ports "" | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* The brokers as a list of `host:port`. */}}
{{- define "bridge.brokers" -}}
{{- $brokers := list -}}
{{- range splitList "," (get . "brokers" | toString) -}}
{{- with regexReplaceAll `^\s*([A-Za-z_]+://)?|\s+$` . "" -}}
{{- $brokers = append $brokers (regexMatch `:[0-9]+$` . | ternary . (printf "%s:9092" .)) -}}
{{- end -}}
{{- end -}}
{{- $brokers | toJson -}}
{{- end -}}

{{/* The topics of the mappings: `topics` by name, `patterns` by expression. */}}
{{- define "bridge.topics" -}}
{{- $topics := list -}}
{{- $patterns := list -}}
{{- range .mappings -}}
{{- with .topic -}}
{{- $topics = append $topics (toString .) -}}
{{- end -}}
{{- if kindIs "slice" .topics -}}
{{- range .topics -}}
{{- $topics = append $topics (toString .) -}}
{{- end -}}
{{- end -}}
{{- with .topic_pattern -}}
{{- $patterns = append $patterns (toString .) -}}
{{- end -}}
{{- end -}}
{{- dict "topics" (uniq $topics) "patterns" $patterns | toJson -}}
{{- end -}}

{{/*
What KEDA asks for: `brokers`, `group`, `topics` and `start`, as `keda` says them, or the TOML. Without topics it asks for all topics of the group, which is
what a pattern needs.
*/}}
{{- define "bridge.keda" -}}
{{- $settings := include "bridge.settings" . | fromJson -}}
{{- $keda := .Values.keda -}}
{{- $brokers := list -}}
{{- range include "bridge.brokers" $settings.kafka | fromJsonArray -}}
{{- /* KEDA is in a namespace of its own, where a host of one word is another. */ -}}
{{- if regexMatch `^[A-Za-z][A-Za-z0-9-]*:` . | and (not (hasPrefix "localhost:" .)) -}}
{{- $brokers = append $brokers (regexReplaceAll `:` . (printf ".%s.svc:" $.Release.Namespace)) -}}
{{- else -}}
{{- $brokers = append $brokers . -}}
{{- end -}}
{{- end -}}
{{- $topics := $keda.topics -}}
{{- if not $topics -}}
{{- $read := include "bridge.topics" $settings | fromJson -}}
{{- $topics = ternary list $read.topics (gt (len $read.patterns) 0) -}}
{{- end -}}
{{- $start := eq (get $settings.kafka "start" | toString) "latest" | ternary "latest" "earliest" -}}
{{- dict "brokers" (default (join "," $brokers) $keda.brokers) "group" (default (get $settings.kafka "group_id") $keda.group) "topics" $topics
    "start" (default $start $keda.offsetResetPolicy) | toJson -}}
{{- end -}}

{{/* The tables of the namespaces, `[eventhubs]` with the address of its own among them: each as `port` where it is known, and `key`. */}}
{{- define "bridge.namespaces" -}}
{{- $found := list -}}
{{- $base := .eventhubs -}}
{{- $tables := dict "eventhubs" $base -}}
{{- range $name, $table := $base -}}
{{- if and (kindIs "map" $table) (not (has $name (list "credential" "connection"))) -}}
{{- $_ := set $tables (printf "eventhubs.%s" $name) $table -}}
{{- end -}}
{{- end -}}
{{- range $key, $table := $tables -}}
{{- $way := dict -}}
{{- range list $base $table -}}
{{- if kindIs "map" (get . "connection") -}}
{{- $way = merge dict .connection $way -}}
{{- end -}}
{{- end -}}
{{- $own := kindIs "map" (get $table "connection") | ternary (get $table "connection") dict -}}
{{- $text := get $table "connection_string" | toString -}}
{{- $endpoint := regexFind `Endpoint=sb://[^;/]+` $text -}}
{{- $host := default $endpoint (get $table "namespace") | toString -}}
{{- $address := get $own "address" | toString -}}
{{- if $host -}}
{{- $web := or (eq (get $way "transport" | toString) "websocket") (regexMatch `(?i)TransportType=AmqpWebSocket` $text) -}}
{{- $port := regexFind `:[0-9]+$` $host -}}
{{- if and $web (eq $port ":5671") -}}
{{- $port = ":443" -}}
{{- end -}}
{{- $port = regexFind `:[0-9]+$` $address | default $port | trimPrefix ":" -}}
{{- if not $port -}}
{{- $port = regexMatch `(?i)UseDevelopmentEmulator=true` $text | ternary "5672" (ternary "443" "5671" $web) -}}
{{- end -}}
{{- $proxy := get $way "proxy" | toString -}}
{{- if and $proxy (ne $proxy "none") -}}
{{- $port = regexFind `:[0-9]+/?$` $proxy | trimPrefix ":" | trimSuffix "/" | default "80" -}}
{{- end -}}
{{- $found = append $found (dict "key" $key "port" $port "web" $web) -}}
{{- end -}}
{{- end -}}
{{- $found | toJson -}}
{{- end -}}

{{/* The kinds of identity that log in to Event Hubs, to Kafka, to a registry or to storage. */}}
{{- define "bridge.identities" -}}
{{- $kinds := list -}}
{{- $places := list .eventhubs .claim_check -}}
{{- range list .eventhubs .registries -}}
{{- range . -}}
{{- if kindIs "map" . -}}
{{- $places = append $places . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $places -}}
{{- if kindIs "map" . -}}
{{- if kindIs "map" (get . "credential") -}}
{{- $kinds = append $kinds (get .credential "kind" | toString) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if kindIs "map" (get .kafka "security") -}}
{{- if kindIs "map" (get .kafka.security "token") -}}
{{- $kinds = append $kinds (get .kafka.security.token "kind" | toString) -}}
{{- end -}}
{{- end -}}
{{- $kinds | toJson -}}
{{- end -}}
