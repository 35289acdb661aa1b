{{/* One DaemonSet. root: the chart's context; name; track: stable or canary; image; config: what its ConfigMap holds. */}}
{{- define "palisade.daemonset" }}
{{- $track := .track }}
{{- $config := .config }}
{{- $name := .name }}
{{- $image := .image }}
{{- with .root }}
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: {{ $name }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "palisade.labels" . | nindent 4 }}
    palisade.dev/track: {{ $track }}
  {{- with .Values.daemonSetAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "palisade.selector" . | nindent 6 }}
      palisade.dev/track: {{ $track }}
  minReadySeconds: {{ .Values.minReadySeconds }}
  revisionHistoryLimit: {{ .Values.revisionHistoryLimit }}
  updateStrategy:
    type: {{ .Values.updateStrategy.type }}
    {{- if eq .Values.updateStrategy.type "RollingUpdate" }}
    rollingUpdate:
      maxUnavailable: {{ .Values.updateStrategy.maxUnavailable }}
      # Two agents on one node would wait for each other: one table, one port, one lock.
      maxSurge: 0
    {{- end }}
  template:
    metadata:
      labels:
        {{- include "palisade.selector" . | nindent 8 }}
        palisade.dev/track: {{ $track }}
        {{- with merge dict .Values.podLabels .Values.commonLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        # The agent reads its configuration when it starts, so a change of it replaces the pods.
        palisade.dev/config: {{ toJson $config | sha256sum }}
        {{- with .Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "palisade.pod" (dict "root" . "name" $name "track" $track "image" $image) | nindent 6 }}
{{- end }}
{{- end }}
