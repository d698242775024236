{{/*
Values that are each right and together wrong, which a schema cannot say. Every text names the key and what to do. The TOML is not read;
only that it leaves alone what the chart must know is looked for, line by line.
*/}}
{{- define "bridge.refuse" -}}
{{- $v := .Values -}}
{{- if not $v.image.repository -}}
{{- fail "\n`image.repository` is empty: set it to where your cluster pulls from, such as `myregistry.azurecr.io/kafka-eventhubs-bridge`" -}}
{{- end -}}
{{- if and (not $v.config) (not $v.existingConfigMap) -}}
{{- fail "\n`config` is empty: put the bridge's TOML there, or name a ConfigMap that has it in `existingConfigMap`" -}}
{{- end -}}
{{- if and $v.config $v.existingConfigMap -}}
{{- fail "\n`config` and `existingConfigMap` are both set: the bridge reads one file, so leave one of them out" -}}
{{- end -}}
{{- if regexMatch `(?m)^\s*(limits\.)?drain_timeout\s*=` $v.config -}}
{{- fail "\n`config` sets `drain_timeout`: set `drainSeconds` instead, which the pod's grace period follows" -}}
{{- end -}}
{{- if regexMatch `(?m)^\s*(kafka\.)?instance_id\s*=` $v.config -}}
{{- fail "\n`config` sets `instance_id`, which all pods would share: set `kind: StatefulSet` and `staticMembership: true` instead" -}}
{{- end -}}
{{- if and $v.staticMembership (ne $v.kind "StatefulSet") -}}
{{- fail "\n`staticMembership` needs pods that keep their name: set `kind: StatefulSet`" -}}
{{- end -}}
{{- if and $v.keda.enabled $v.hpa.enabled -}}
{{- fail "\n`keda.enabled` and `hpa.enabled` are both true: KEDA makes a HorizontalPodAutoscaler of its own, so choose one" -}}
{{- end -}}
{{- if $v.keda.enabled -}}
{{- range $key := list "brokers" "group" "topics" -}}
{{- if not (get $v.keda $key) -}}
{{- fail (printf "\n`keda.%s` is empty: KEDA asks Kafka itself and needs what the TOML says" $key) -}}
{{- end -}}
{{- end -}}
{{- range regexFindAll `(?m)^\s*(kafka\.)?group_id\s*=\s*["'][^"']+["']` $v.config -1 -}}
{{- $group := regexReplaceAll `["']$` (regexReplaceAll `^[^=]*=\s*["']` . "") "" -}}
{{- if ne $group $v.keda.group -}}
{{- fail (printf "\n`keda.group` is `%s`, but `config` sets `group_id` to `%s`: KEDA would wait for the lag of a group that never reads" $v.keda.group $group) -}}
{{- end -}}
{{- end -}}
{{- if gt (int $v.keda.minReplicas) (int $v.keda.maxReplicas) -}}
{{- fail "\n`keda.minReplicas` is above `keda.maxReplicas`" -}}
{{- end -}}
{{- if and $v.keda.authentication.existing $v.keda.authentication.secretTargetRef -}}
{{- fail "\n`keda.authentication.existing` and `keda.authentication.secretTargetRef` are both set: leave one of them out" -}}
{{- end -}}
{{- end -}}
{{- if and $v.hpa.enabled (gt (int $v.hpa.minReplicas) (int $v.hpa.maxReplicas)) -}}
{{- fail "\n`hpa.minReplicas` is above `hpa.maxReplicas`" -}}
{{- end -}}
{{- if and $v.workloadIdentity.enabled $v.serviceAccount.create (not $v.workloadIdentity.clientId) -}}
{{- fail "\n`workloadIdentity.clientId` is empty: set the client id of the user-assigned identity (`az identity show --query clientId`)" -}}
{{- end -}}
{{- if and $v.secretStore.enabled (not $v.secretStore.existing) (not $v.secretStore.parameters) -}}
{{- fail "\n`secretStore.parameters` is empty: say which vault and objects, or name a SecretProviderClass in `secretStore.existing`" -}}
{{- end -}}
{{- range $name, $_ := $v.secrets.env -}}
{{- if not (hasPrefix "BRIDGE_" $name) -}}
{{- if not (hasPrefix "AZURE_" $name) -}}
{{- fail (printf "\n`secrets.env.%s` is no variable of the bridge: they begin with `BRIDGE_`, those of Azure with `AZURE_`" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $alert := $v.rules.disabled -}}
{{- if not (contains (printf "alert: %s\n" $alert) ($.Files.Get "files/alerts.yaml")) -}}
{{- fail (printf "\n`rules.disabled` names `%s`, and there is no such alert" $alert) -}}
{{- end -}}
{{- end -}}
{{- end -}}
