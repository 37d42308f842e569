{{- define "tierflow.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels by which a role's pods are found: they never change. Takes dict root, role. */}}
{{- define "tierflow.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end -}}

{{- define "tierflow.labels" -}}
{{ include "tierflow.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "tierflow.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The consumer group of a role, as topology.group_of has it. Takes dict root, role. */}}
{{- define "tierflow.group" -}}
{{ regexReplaceAll "\\.+$" .root.Values.kafka.prefix "" }}-{{ .role }}
{{- end -}}

{{- define "tierflow.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "tierflow.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Variables of every container. */}}
{{- define "tierflow.env" -}}
- name: TIERFLOW_CONFIG
  value: /etc/tierflow/tierflow.toml
- name: TIERFLOW_LOG
  value: json
- name: TIERFLOW_LOGGING__LEVEL
  value: {{ .Values.worker.logLevel }}
- name: TIERFLOW_KAFKA__BOOTSTRAP
  value: {{ .Values.kafka.bootstrap | quote }}
- name: TIERFLOW_KAFKA__PREFIX
  value: {{ .Values.kafka.prefix | quote }}
- name: TIERFLOW_KAFKA__PARTITIONS
  value: {{ .Values.kafka.partitions | quote }}
- name: TIERFLOW_KAFKA__REPLICATION
  value: {{ .Values.kafka.replication | quote }}
- name: TIERFLOW_KAFKA__FETCH_WAIT_MS
  value: {{ .Values.kafka.fetchWaitMs | quote }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Variables of what writes into ClickHouse. */}}
{{- define "tierflow.clickhouseEnv" -}}
{{- with .Values.clickhouse -}}
- name: TIERFLOW_CLICKHOUSE__URL
  value: {{ .url | quote }}
- name: TIERFLOW_CLICKHOUSE__DATABASE
  value: {{ .database | quote }}
- name: TIERFLOW_CLICKHOUSE__USER
  value: {{ .user | quote }}
{{- if .password.secretName }}
- name: TIERFLOW_CLICKHOUSE__PASSWORD_FILE
  value: /run/secrets/clickhouse/{{ .password.key }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Mounts and volumes. Takes dict root, config (the ConfigMap), salt and books (whether wanted). */}}
{{- define "tierflow.mounts" -}}
- name: config
  mountPath: /etc/tierflow
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- if .root.Values.kafka.secretName }}
- name: kafka
  mountPath: /run/secrets/kafka
  readOnly: true
{{- end }}
{{- if .salt }}
- name: salt
  mountPath: /run/secrets/salt
  readOnly: true
{{- end }}
{{- if and .books .root.Values.clickhouse.password.secretName }}
- name: clickhouse
  mountPath: /run/secrets/clickhouse
  readOnly: true
{{- end }}
{{- if and .books .root.Values.clickhouse.tlsSecretName }}
- name: clickhouse-tls
  mountPath: /run/secrets/clickhouse-tls
  readOnly: true
{{- end }}
{{- end -}}

{{- define "tierflow.volumes" -}}
- name: config
  configMap:
    name: {{ .config }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- if .root.Values.kafka.secretName }}
- name: kafka
  secret:
    secretName: {{ .root.Values.kafka.secretName }}
    defaultMode: 0440
{{- end }}
{{- if .salt }}
- name: salt
  secret:
    secretName: {{ .root.Values.salt.secretName }}
    defaultMode: 0440
{{- end }}
{{- if and .books .root.Values.clickhouse.password.secretName }}
- name: clickhouse
  secret:
    secretName: {{ .root.Values.clickhouse.password.secretName }}
    defaultMode: 0440
{{- end }}
{{- if and .books .root.Values.clickhouse.tlsSecretName }}
- name: clickhouse-tls
  secret:
    secretName: {{ .root.Values.clickhouse.tlsSecretName }}
    defaultMode: 0440
{{- end }}
{{- end -}}
