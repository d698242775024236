{{/*
The pod of the bridge. Its annotations change when, and only when, something does that the process reads at its start alone: the TOML, less what it
reloads; the Secret made here; the identity.
*/}}
{{- define "bridge.checksum" -}}
{{- $config := .Values.config -}}
{{- $toml := include "bridge.toml" . | fromJson -}}
{{- if and .Values.reload $toml -}}
{{- $config = omit $toml "mappings" "batch" "events" "failure" -}}
{{- if kindIs "map" (get $config "log") -}}
{{- $config = set $config "log" (omit $config.log "level") -}}
{{- end -}}
{{- end -}}
{{- $read := list $config .Values.secrets.env -}}
{{- if .Values.workloadIdentity.enabled -}}
{{- $read = append $read .Values.workloadIdentity -}}
{{- end -}}
{{- toJson $read | sha256sum -}}
{{- end -}}

{{- define "bridge.podTemplate" -}}
{{- $v := .Values -}}
metadata:
  labels:
    {{- include "bridge.selector" . | nindent 4 }}
    {{- if $v.workloadIdentity.enabled }}
    azure.workload.identity/use: "true"
    {{- end }}
    {{- with $v.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kafka-eventhubs-bridge/checksum: {{ include "bridge.checksum" . }}
    kubectl.kubernetes.io/default-container: bridge
    {{- if $v.metrics.annotations }}
    prometheus.io/scrape: "true"
    prometheus.io/port: {{ $v.admin.port | quote }}
    prometheus.io/path: /metrics
    {{- end }}
    {{- with $v.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "bridge.podBasics" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ add $v.drainSeconds 15 }}
  {{- with $v.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{ toYaml . | nindent 6 | trim }}
      {{- if not .labelSelector }}
      labelSelector:
        matchLabels:
          {{- include "bridge.selector" $ | nindent 10 }}
      {{- end }}
    {{- end }}
  {{- end }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with $v.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: bridge
      {{- include "bridge.container" . | nindent 6 }}
      args: [run, --config, /etc/bridge/bridge.toml{{ if $v.strict }}, --strict{{ end }}{{ if $v.reload }}, --watch-config{{ end }}]
      ports:
        - name: metrics
          containerPort: {{ $v.admin.port }}
      startupProbe:
        httpGet: { path: /livez, port: metrics }
        {{- toYaml $v.probes.startup | nindent 8 }}
      livenessProbe:
        httpGet: { path: /livez, port: metrics }
        {{- toYaml $v.probes.liveness | nindent 8 }}
      readinessProbe:
        httpGet: { path: /readyz, port: metrics }
        {{- toYaml $v.probes.readiness | nindent 8 }}
    {{- with $v.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* What the pod of the bridge and that of `helm test` have in common. */}}
{{- define "bridge.podBasics" -}}
{{- $v := .Values -}}
serviceAccountName: {{ include "bridge.serviceAccount" . | quote }}
automountServiceAccountToken: false
{{- /* A Service called `bridge` would otherwise become variables that look like the bridge's own. */}}
enableServiceLinks: false
securityContext:
  {{- toYaml $v.podSecurityContext | nindent 2 }}
{{- with $v.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: config
    configMap:
      name: {{ include "bridge.configMap" . | quote }}
  {{- range $index, $file := $v.secrets.files }}
  - name: secret-{{ $index }}
    secret:
      secretName: {{ $file.secretName | quote }}
      defaultMode: 0440
      {{- with $file.items }}
      items:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- end }}
  {{- if $v.secretStore.enabled }}
  - name: secret-store
    csi:
      driver: secrets-store.csi.k8s.io
      readOnly: true
      volumeAttributes:
        secretProviderClass: {{ include "bridge.secretProviderClass" . | quote }}
  {{- end }}
  {{- with $v.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "bridge.container" -}}
{{- $v := .Values -}}
image: {{ include "bridge.image" . | quote }}
imagePullPolicy: {{ $v.image.pullPolicy }}
securityContext:
  {{- toYaml $v.securityContext | nindent 2 }}
resources:
  {{- toYaml $v.resources | nindent 2 }}
{{- if or $v.secrets.env $v.secrets.existing }}
envFrom:
  {{- if $v.secrets.env }}
  - secretRef:
      name: {{ include "bridge.fullname" . | quote }}
  {{- end }}
  {{- range $v.secrets.existing }}
  - secretRef:
      name: {{ . | quote }}
  {{- end }}
{{- end }}
env:
  - name: BRIDGE_ADMIN__LISTEN
    value: {{ printf "%s:%d" $v.admin.address (int $v.admin.port) | quote }}
  - name: BRIDGE_LIMITS__DRAIN_TIMEOUT
    value: {{ printf "%ds" (int $v.drainSeconds) | quote }}
  {{- if $v.staticMembership }}
  - name: BRIDGE_KAFKA__INSTANCE_ID
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  {{- end }}
  {{- with $v.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - name: config
    mountPath: /etc/bridge
    readOnly: true
  {{- range $index, $file := $v.secrets.files }}
  - name: secret-{{ $index }}
    mountPath: {{ $file.mountPath }}
    readOnly: true
  {{- end }}
  {{- if $v.secretStore.enabled }}
  - name: secret-store
    mountPath: {{ $v.secretStore.mountPath }}
    readOnly: true
  {{- end }}
  {{- with $v.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
