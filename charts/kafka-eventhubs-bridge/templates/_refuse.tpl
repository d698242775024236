{{/* Values that are each right and together wrong, which a schema cannot say. Every text names the key and what to do. */}}
{{- define "bridge.refuse" -}}
{{- $v := .Values -}}
{{- if not $v.image.repository -}}
{{- fail "\n`image.repository` is empty: set it to the image in your registry, such as `myregistry.azurecr.io/kafka-eventhubs-bridge`" -}}
{{- end -}}
{{- if and (not $v.config) (not $v.existingConfigMap) -}}
{{- fail "\n`config` is empty: put the bridge's TOML there, or name a ConfigMap that has it in `existingConfigMap`" -}}
{{- end -}}
{{- if and $v.config $v.existingConfigMap -}}
{{- fail "\n`config` and `existingConfigMap` are both set: the bridge reads one file, so remove one of them" -}}
{{- end -}}
{{- if regexMatch `^(127\.|\[::1\])` $v.admin.address -}}
{{- fail (printf "\n`admin.address` is `%s`, where only the pod itself comes: probes and scrapers come from outside, so set `0.0.0.0` or `[::]`" $v.admin.address) -}}
{{- end -}}
{{- include "bridge.refuseNames" . -}}
{{- include "bridge.refuseVariables" . -}}
{{- include "bridge.refuseToml" . -}}
{{- if and $v.staticMembership (ne $v.kind "StatefulSet") -}}
{{- fail "\n`staticMembership` needs pods that keep their name: set `kind: StatefulSet`" -}}
{{- end -}}
{{- if and $v.keda.enabled $v.hpa.enabled -}}
{{- fail "\n`keda.enabled` and `hpa.enabled` are both true: KEDA creates a HorizontalPodAutoscaler of its own, so choose one" -}}
{{- end -}}
{{- if $v.keda.enabled -}}
{{- include "bridge.refuseKeda" . -}}
{{- if gt (int $v.keda.minReplicas) (int $v.keda.maxReplicas) -}}
{{- fail "\n`keda.minReplicas` is above `keda.maxReplicas`" -}}
{{- end -}}
{{- if and $v.keda.authentication.existing $v.keda.authentication.secretTargetRef -}}
{{- fail "\n`keda.authentication.existing` and `keda.authentication.secretTargetRef` are both set: remove one of them" -}}
{{- end -}}
{{- end -}}
{{- if and $v.hpa.enabled (gt (int $v.hpa.minReplicas) (int $v.hpa.maxReplicas)) -}}
{{- fail "\n`hpa.minReplicas` is above `hpa.maxReplicas`" -}}
{{- end -}}
{{- if and $v.workloadIdentity.enabled $v.serviceAccount.create (not $v.workloadIdentity.clientId) -}}
{{- fail "\n`workloadIdentity.clientId` is empty: set the client id of the user-assigned identity (`az identity show --query clientId`)" -}}
{{- end -}}
{{- if and $v.secretStore.enabled (not $v.secretStore.existing) (not $v.secretStore.parameters) -}}
{{- fail "\n`secretStore.parameters` is empty: set the vault and the objects, or name a SecretProviderClass in `secretStore.existing`" -}}
{{- end -}}
{{- if $v.networkPolicy.enabled -}}
{{- include "bridge.refuseNetwork" . -}}
{{- end -}}
{{- range $alert := $v.rules.disabled -}}
{{- if not (contains (printf "alert: %s\n" $alert) ($.Files.Get "files/alerts.yaml")) -}}
{{- fail (printf "\n`rules.disabled` names `%s`, and there is no such alert" $alert) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What the API would refuse of a name or a label, or would give to another object than was meant. */}}
{{- define "bridge.refuseNames" -}}
{{- $v := .Values -}}
{{- $name := include "bridge.fullname" . -}}
{{- if and (eq $v.kind "StatefulSet") (not (regexMatch `^[a-z]([-a-z0-9]*[a-z0-9])?$` $name)) -}}
{{- $near := regexReplaceAll `^[^a-z]+` (replace "." "-" $name) "" | default .Chart.Name -}}
{{- fail (printf "\n`fullnameOverride` is needed: a StatefulSet has a Service and hosts of its name, which begins with a letter and has no dot, and `%s` is no such name. Set it to one, such as `%s`" $name $near) -}}
{{- end -}}
{{- $own := list "app.kubernetes.io/name" "app.kubernetes.io/instance" -}}
{{- $further := concat $own (list "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart") -}}
{{- $pod := $own -}}
{{- if $v.workloadIdentity.enabled -}}
{{- $pod = append $own "azure.workload.identity/use" -}}
{{- end -}}
{{- $annotations := list "kafka-eventhubs-bridge/checksum" "kubectl.kubernetes.io/default-container" -}}
{{- if $v.metrics.annotations -}}
{{- $annotations = concat $annotations (list "prometheus.io/scrape" "prometheus.io/port" "prometheus.io/path") -}}
{{- end -}}
{{- range $it := list
    (dict "key" "commonLabels" "map" $v.commonLabels "own" $further) (dict "key" "podLabels" "map" $v.podLabels "own" $pod)
    (dict "key" "rules.labels" "map" $v.rules.labels "own" $further) (dict "key" "dashboards.labels" "map" $v.dashboards.labels "own" $further)
    (dict "key" "metrics.azureMonitor.labels" "map" $v.metrics.azureMonitor.labels "own" $further)
    (dict "key" "metrics.prometheusOperator.labels" "map" $v.metrics.prometheusOperator.labels "own" $further)
    (dict "key" "podAnnotations" "map" $v.podAnnotations "own" $annotations) -}}
{{- range $name, $_ := $it.map -}}
{{- if has $name $it.own -}}
{{- fail (printf "\n`%s` sets `%s`, which the chart sets itself: leave it out" $it.key $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Variables that the chart sets, or that the bridge does not know. */}}
{{- define "bridge.refuseVariables" -}}
{{- $instead := dict "BRIDGE_ADMIN__LISTEN" "admin" "BRIDGE_LIMITS__DRAIN_TIMEOUT" "drainSeconds" "BRIDGE_KAFKA__INSTANCE_ID" "staticMembership" -}}
{{- range $name, $_ := .Values.secrets.env -}}
{{- if not (or (hasPrefix "BRIDGE_" $name) (hasPrefix "AZURE_" $name)) -}}
{{- fail (printf "\n`secrets.env.%s` is no variable of the bridge: they begin with `BRIDGE_`, those of Azure with `AZURE_`" $name) -}}
{{- end -}}
{{- with get $instead $name -}}
{{- fail (printf "\n`secrets.env.%s` is set by the chart: set `%s` instead" $name .) -}}
{{- end -}}
{{- end -}}
{{- range $index, $it := .Values.extraEnv -}}
{{- /* By the pod, as `staticMembership` does it, or by whatever else a person finds: each pod its own. */ -}}
{{- if not (and (eq $it.name "BRIDGE_KAFKA__INSTANCE_ID") (not $.Values.staticMembership) $it.valueFrom) -}}
{{- with get $instead $it.name -}}
{{- fail (printf "\n`extraEnv[%d]` sets `%s`, which is set by the chart: set `%s` instead" $index $it.name .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
