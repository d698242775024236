{{/* What objects are called, and the labels they carry. Pods carry only the selector's: a new chart version restarts nothing. */}}

{{- define "bridge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The pod of `helm test` is not one of the bridge's: no selector of the workload may take it for one. */}}
{{- define "bridge.checkName" -}}
{{- printf "%s-check" (include "bridge.name" . | trunc 57 | trimSuffix "-") -}}
{{- end -}}

{{- define "bridge.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
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
app.kubernetes.io/name: {{ include "bridge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* `metadata` of an object beside the pods, from (dict "root" $ "suffix" "" "labels" {} "annotations" {}). */}}
{{- define "bridge.metadata" -}}
{{- $root := .root -}}
name: {{ include "bridge.fullname" $root }}{{ .suffix }}
namespace: {{ $root.Release.Namespace }}
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
