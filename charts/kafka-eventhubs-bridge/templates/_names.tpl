{{/*
What objects are called, and the labels they carry. Pods carry only the selector's: a new chart version restarts nothing. Names and labels stand in
quotes: a release may be called `2024` or `1e3`, which YAML takes for numbers.
*/}}

{{/* The beginning of `name`, at most `length` long, that ends as a name must: from (dict "name" "" "length" 63). */}}
{{- define "bridge.cut" -}}
{{- regexReplaceAll `[^a-z0-9]+$` (trunc .length .name) "" -}}
{{- end -}}

{{- define "bridge.name" -}}
{{- include "bridge.cut" (dict "name" (default .Chart.Name .Values.nameOverride) "length" 63) -}}
{{- end -}}

{{/* The pod of `helm test` is not one of the bridge's: no selector of the workload may take it for one. */}}
{{- define "bridge.checkName" -}}
{{- printf "%s-check" (include "bridge.cut" (dict "name" (include "bridge.name" .) "length" 57)) -}}
{{- end -}}

{{/* 52, since a StatefulSet's pods carry a label of its name, a hyphen and a hash of ten. */}}
{{- define "bridge.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- $name = .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- $name = .Release.Name -}}
{{- else -}}
{{- $name = printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- include "bridge.cut" (dict "name" $name "length" 52) -}}
{{- end -}}

{{- define "bridge.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "bridge.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "bridge.configMap" -}}
{{- default (include "bridge.fullname" .) .Values.existingConfigMap -}}
{{- end -}}

{{- define "bridge.secretProviderClass" -}}
{{- default (include "bridge.fullname" .) .Values.secretStore.existing -}}
{{- end -}}

{{- define "bridge.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "bridge.selector" -}}
app.kubernetes.io/name: {{ include "bridge.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* `metadata` of an object beside the pods, from (dict "root" $ "suffix" "" "labels" {} "annotations" {}). */}}
{{- define "bridge.metadata" -}}
{{- $root := .root -}}
name: {{ printf "%s%s" (include "bridge.fullname" $root) (default "" .suffix) | quote }}
namespace: {{ $root.Release.Namespace | quote }}
labels:
  {{- include "bridge.selector" $root | nindent 2 }}
  app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ $root.Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
  {{- with merge (dict) (default dict .labels) $root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default dict .annotations) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
