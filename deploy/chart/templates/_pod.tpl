{{/* The pod. root, name, track, image as of the DaemonSet. */}}
{{- define "palisade.pod" -}}
{{- $track := .track -}}
{{- $name := .name -}}
{{- $image := .image -}}
{{- with .root -}}
serviceAccountName: {{ include "palisade.serviceAccount" . }}
automountServiceAccountToken: true
enableServiceLinks: false
hostNetwork: true
dnsPolicy: {{ .Values.dnsPolicy }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "palisade.affinity" (dict "root" . "track" $track) | fromYaml }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: agent
    image: {{ include "palisade.image" (dict "root" . "image" $image) | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args:
      {{- include "palisade.args" . | nindent 6 }}
    env:
      - name: NODE_NAME
        valueFrom:
          fieldRef:
            fieldPath: spec.nodeName
      {{- if .Values.lease.enabled }}
      - name: POD_NAME
        valueFrom:
          fieldRef:
            fieldPath: metadata.name
      - name: POD_UID
        valueFrom:
          fieldRef:
            fieldPath: metadata.uid
      {{- end }}
      {{- with .Values.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    ports:
      - name: metrics
        containerPort: {{ .Values.listen.port }}
        hostPort: {{ .Values.listen.port }}
        protocol: TCP
    startupProbe:
      {{- include "palisade.probe" (dict "root" . "path" "/live" "times" .Values.probes.startup) | nindent 6 }}
    livenessProbe:
      {{- include "palisade.probe" (dict "root" . "path" "/live" "times" .Values.probes.liveness) | nindent 6 }}
    readinessProbe:
      {{- include "palisade.probe" (dict "root" . "path" "/ready" "times" .Values.probes.readiness) | nindent 6 }}
    {{- with .Values.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    # Kubernetes gives capabilities to uid 0 only, and NET_ADMIN is what nftables and conntrack take.
    securityContext:
      runAsUser: 0
      runAsGroup: 0
      privileged: false
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
        add: [NET_ADMIN]
      {{- with .Values.seLinuxOptions }}
      seLinuxOptions:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    volumeMounts:
      - name: run
        mountPath: /run/palisade
      - name: state
        mountPath: /var/lib/palisade
      - name: config
        mountPath: /etc/palisade-agent
        readOnly: true
      {{- with .Values.hostRules.file }}
      - name: host-rules
        mountPath: {{ dir . }}
        readOnly: true
      {{- end }}
      {{- with .Values.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  # The lock and the socket, shared with commands that are run on the node itself.
  - name: run
    hostPath:
      path: /run/palisade
      type: DirectoryOrCreate
  # What was in force last, for a start at which the API server does not answer.
  - name: state
    hostPath:
      path: /var/lib/palisade
      type: DirectoryOrCreate
  - name: config
    configMap:
      name: {{ $name }}
  {{- with .Values.hostRules.file }}
  - name: host-rules
    hostPath:
      path: {{ dir . }}
      type: Directory
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- define "palisade.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "palisade.args" -}}
- agent
- --source=cluster
- --node=$(NODE_NAME)
- --config=/etc/palisade-agent/palisade.yaml
- --listen={{ .Values.listen.address }}:{{ .Values.listen.port }}
- --log={{ .Values.log.format }}
- --log-level={{ .Values.log.level }}
- --table-owner={{ .Values.tableOwner }}
{{- with .Values.apiServer.url }}
- --api-server={{ . }}
{{- end }}
{{- with .Values.hostRules.file }}
- --host={{ . }}
{{- end }}
{{- with .Values.hostRules.configMap }}
- --host-configmap={{ . }}
{{- end }}
{{- if .Values.lease.enabled }}
- --lease={{ .Release.Namespace }}
- --lease-owner=$(POD_NAME)/$(POD_UID)
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A probe of this path with these times. */}}
{{- define "palisade.probe" -}}
{{- $address := .root.Values.listen.address -}}
httpGet:
  host: {{ ternary "127.0.0.1" (trimAll "[]" $address) (has $address (list "0.0.0.0" "[::]")) | quote }}
  path: {{ .path }}
  port: {{ .root.Values.listen.port }}
periodSeconds: {{ .times.periodSeconds }}
timeoutSeconds: {{ .times.timeoutSeconds }}
failureThreshold: {{ .times.failureThreshold }}
{{- end -}}

{{/* The affinity of the values; with a canary, each DaemonSet keeps to its own nodes too. */}}
{{- define "palisade.affinity" -}}
{{- $affinity := deepCopy .root.Values.affinity -}}
{{- with .root.Values.canary -}}
{{- if .enabled -}}
{{- $own := dict "key" .nodeLabel.key "operator" (ternary "In" "NotIn" (eq $.track "canary")) "values" (list .nodeLabel.value) -}}
{{- $node := default dict $affinity.nodeAffinity -}}
{{- $required := default dict $node.requiredDuringSchedulingIgnoredDuringExecution -}}
{{- $terms := list -}}
{{- range default (list dict) $required.nodeSelectorTerms -}}
{{- $terms = append $terms (set . "matchExpressions" (append (default list .matchExpressions) $own)) -}}
{{- end -}}
{{- $_ := set $node "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" $terms) -}}
{{- $_ := set $affinity "nodeAffinity" $node -}}
{{- end -}}
{{- end -}}
{{- toYaml $affinity -}}
{{- end -}}
