{{/* The name that everything of a release begins with. */}}
{{- define "mailcall.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 48 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The stages that run, in the order of a mail's way, as a YAML list. */}}
{{- define "mailcall.stages" -}}
[ingest, resolver, logger, outbound{{ if .Values.console.enabled }}, console{{ end }}]
{{- end -}}

{{/* What a Deployment, Service, policy or monitor of one stage selects by. Takes (dict "root" $ "stage" "ingest"). */}}
{{- define "mailcall.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .stage }}
{{- end -}}

{{/* The labels of every object. Takes (dict "root" $ "stage" "ingest"). */}}
{{- define "mailcall.labels" -}}
{{ include "mailcall.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The image, by digest where one is given. */}}
{{- define "mailcall.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* What every pod has: nothing of Kubernetes' API, no right beyond its own files, and the volumes of its stage.
     Takes (dict "root" $ "stage" "ingest"). */}}
{{- define "mailcall.pod" -}}
{{- $values := .root.Values -}}
{{- $own := get $values .stage | default dict -}}
automountServiceAccountToken: false
enableServiceLinks: false # the Service of another release may be called mailcall-..., and give MAILCALL_... variables
securityContext:
  runAsNonRoot: true
  {{- with $values.uid }}
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  fsGroup: {{ . }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 1Gi
  {{- range $name, $files := include "mailcall.files" . | fromYaml }}
  - name: {{ $name }}
    secret:
      secretName: {{ $files.secret }}
      items:
        {{- range $setting, $key := $files.settings }}
        - {key: {{ $key | quote }}, path: {{ $key | quote }}}
        {{- end }}
  {{- end }}
  {{- if and $values.blobs.existingClaim (has .stage (include "mailcall.blobStages" .root | fromYamlArray)) }}
  - name: blobs
    persistentVolumeClaim:
      claimName: {{ $values.blobs.existingClaim }}
  {{- end }}
  {{- with $own.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What every container has: image, environment, the files of its volumes. As `mailcall.pod`. */}}
{{- define "mailcall.container" -}}
{{- $values := .root.Values -}}
{{- $own := get $values .stage | default dict -}}
image: {{ include "mailcall.image" .root }}
imagePullPolicy: {{ $values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
env:
  {{- include "mailcall.env" . | trim | nindent 2 }}
{{- with include "mailcall.envFrom" . | fromYamlArray }}
envFrom:
  {{- range . }}
  - secretRef:
      name: {{ . }}
  {{- end }}
{{- end }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- range $name, $files := include "mailcall.files" . | fromYaml }}
  - name: {{ $name }}
    mountPath: /etc/mailcall/{{ $name }}
    readOnly: true
  {{- end }}
  {{- if and $values.blobs.existingClaim (has .stage (include "mailcall.blobStages" .root | fromYamlArray)) }}
  - name: blobs
    mountPath: {{ include "mailcall.blobDirectory" . }}
  {{- end }}
  {{- with $own.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Its environment: `settings` of every stage, then the stage's own, then what the chart itself decides. */}}
{{- define "mailcall.env" -}}
{{- $values := .root.Values -}}
{{- $own := get $values .stage | default dict -}}
{{- $settings := mergeOverwrite (dict) $values.settings ($own.settings | default dict) -}}
{{- range $name, $value := include "mailcall.decided" . | fromYaml }}
{{- $_ := set $settings $name $value -}}
{{- end -}}
{{- range $name, $files := include "mailcall.files" . | fromYaml -}}
{{- range $setting, $key := $files.settings -}}
{{- $_ := set $settings $setting (printf "/etc/mailcall/%s/%s" $name $key) -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := $settings }}
- name: MAILCALL_{{ $name | upper }}
  value: {{ include "mailcall.text" $value | quote }}
{{- end }}
{{- if ne .stage "ingest" }}
- name: MAILCALL_DESK_URL
  valueFrom:
    secretKeyRef:
      name: {{ $values.desk.existingSecret }}
      key: {{ $values.desk.key }}
{{- end }}
{{- end -}}

{{/* A value as an environment variable has it. Helm reads every number as a float, and would write 8000000 as 8e+06. */}}
{{- define "mailcall.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{/* The settings that other values give, by their names. */}}
{{- define "mailcall.decided" -}}
{{- $values := .root.Values -}}
kafka_bootstrap_servers: {{ $values.kafka.bootstrapServers | quote }}
topic_prefix: {{ $values.kafka.topicPrefix | quote }}
{{- $user := (get $values .stage | default dict).kafkaUser }}
{{- with $values.kafka }}
kafka_security_protocol: {{ ternary "SASL_" "" (ne .sasl.mechanism "") }}{{ ternary "SSL" "PLAINTEXT" .tls.enabled }}
{{- $extensions := list -}}
{{- range $name, $value := .sasl.token.extensions }}{{ $extensions = append $extensions (printf "%s=%s" $name $value) }}{{ end }}
{{- range $setting, $value := dict
     "kafka_sasl_mechanism" .sasl.mechanism
     "kafka_username" (ternary ($user | default .sasl.username) "" (ne .sasl.username ""))
     "kafka_aws_region" .sasl.awsRegion
     "kafka_token_url" .sasl.token.url
     "kafka_token_client_id" .sasl.token.clientId
     "kafka_token_scope" .sasl.token.scope
     "kafka_token_extensions" (join "," $extensions) }}
{{- with $value }}
{{ $setting }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if has .stage (include "mailcall.blobStages" .root | fromYamlArray) }}
blob_url: {{ $values.blobs.url | default (printf "file://%s" (include "mailcall.blobDirectory" .)) | quote }}
{{- end }}
{{- if ne .stage "setup" }}
metrics_host: 0.0.0.0
metrics_port: 9100
{{- end }}
{{- if eq .stage "console" }}
window_host: 0.0.0.0
window_port: 8080
window_url: {{ $values.console.url | quote }}
{{- end }}
{{- end -}}

{{/* Names of the secrets whose keys become variables of a stage, as a YAML list. */}}
{{- define "mailcall.envFrom" -}}
{{- $values := .root.Values -}}
{{- if and $values.blobs.existingSecret (has .stage (include "mailcall.blobStages" .root | fromYamlArray)) }}
- {{ $values.blobs.existingSecret }}
{{- end }}
{{- if and $values.mailPasswords.existingSecret (has .stage (list "ingest" "outbound")) }}
- {{ $values.mailPasswords.existingSecret }}
{{- end }}
{{- end -}}

{{/* Files that a stage gets of secrets, and the settings that name them: volume -> secret, setting -> key. */}}
{{- define "mailcall.files" -}}
{{- $values := .root.Values -}}
{{- $user := (get $values .stage | default dict).kafkaUser -}}
{{- with $values.kafka.tls }}
{{- if .existingSecret }}
kafka-ca:
  secret: {{ .existingSecret }}
  settings:
    kafka_ca_file: {{ .ca }}
{{- end }}
{{- with .clientCertificate }}
{{- if .existingSecret }}
kafka-certificate:
  secret: {{ $user | default .existingSecret }}
  settings:
    kafka_certificate_file: {{ .certificate }}
    kafka_key_file: {{ .key }}
{{- end }}
{{- end }}
{{- end }}
{{- with $values.kafka.sasl }}
{{- if and .existingSecret .password }}
kafka-password:
  secret: {{ $user | default .existingSecret }}
  settings:
    kafka_password_file: {{ .password }}
{{- end }}
{{- with .token }}
{{- if .existingSecret }}
kafka-token:
  secret: {{ .existingSecret }}
  settings:
    kafka_token_client_secret_file: {{ .clientSecret }}
    {{- with .ca }}
    kafka_token_ca_file: {{ . }}
    {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $values.tokenKey.existingSecret (has .stage (list "resolver" "outbound" "console")) }}
token-key:
  secret: {{ $values.tokenKey.existingSecret }}
  settings:
    token_key_file: {{ $values.tokenKey.key }}
{{- end }}
{{- if and $values.secretKey.existingSecret (has .stage (list "ingest" "outbound")) }}
secret-key:
  secret: {{ $values.secretKey.existingSecret }}
  settings:
    secret_key_file: {{ $values.secretKey.privateKey }}
{{- end }}
{{- if and $values.secretKey.existingSecret (eq .stage "console") }}
public-key:
  secret: {{ $values.secretKey.existingSecret }}
  settings:
    public_key_file: {{ $values.secretKey.publicKey }}
{{- end }}
{{- if and $values.console.oidc.existingSecret (eq .stage "console") }}
oidc:
  secret: {{ $values.console.oidc.existingSecret }}
  settings:
    {{- with $values.console.oidc.clientSecret }}
    oidc_client_secret_file: {{ . }}
    {{- end }}
    {{- with $values.console.oidc.ca }}
    oidc_ca_file: {{ . }}
    {{- end }}
{{- end }}
{{- end -}}

{{/* The stages that read or write blobs, and where a volume of blobs is mounted. */}}
{{- define "mailcall.blobStages" -}}
[ingest, resolver, console]
{{- end -}}
{{- define "mailcall.blobDirectory" -}}
/var/lib/mailcall/blobs
{{- end -}}

{{/* Whom a stage may talk to, and who may talk to it. `annotations` is for those that are hooks. */}}
{{- define "mailcall.networkPolicy" -}}
{{- $policy := .root.Values.networkPolicy -}}
{{- $peers := include "mailcall.peers" . | fromYamlArray -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "mailcall.fullname" .root }}-{{ .stage }}
  labels:
    {{- include "mailcall.labels" . | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels:
      {{- include "mailcall.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- if has .stage (list "setup" "test") }}
  ingress: []
  {{- else }}
  ingress:
    - ports:
        - port: metrics
      {{- with $policy.metricsFrom }}
      from:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- if eq .stage "console" }}
    - ports:
        - port: http
      {{- with $policy.consoleFrom }}
      from:
        {{- toYaml . | nindent 8 }}
        - podSelector:
            matchLabels:
              {{- include "mailcall.selectorLabels" (dict "root" $.root "stage" "test") | nindent 14 }}
      {{- end }}
    {{- end }}
  {{- end }}
  egress:
    - ports:
        - {port: 53, protocol: UDP}
        - {port: 53, protocol: TCP}
    {{- range $peer := $peers }}
    {{- with get $policy.egress $peer }}
    - ports:
        {{- range .ports | default (include "mailcall.kafkaPorts" $ | fromYamlArray) }}
        - port: {{ int64 . }}
        {{- end }}
      {{- with .to }}
      to:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- end }}
    {{- end }}
    {{- if eq .stage "test" }}
    - ports:
        - port: http
      to:
        - podSelector:
            matchLabels:
              {{- include "mailcall.selectorLabels" (dict "root" .root "stage" "console") | nindent 14 }}
    {{- end }}
{{- end -}}

{{/* What a stage talks to: keys of `networkPolicy.egress`, as a YAML list. */}}
{{- define "mailcall.peers" -}}
{{- $mechanism := .root.Values.kafka.sasl.mechanism -}}
- kafka
{{- if ne .stage "ingest" }}
- desk
{{- end }}
{{- if has .stage (include "mailcall.blobStages" .root | fromYamlArray) }}
- blobs
{{- end }}
{{- if eq .stage "ingest" }}
- incomingMail
{{- end }}
{{- if eq .stage "outbound" }}
- outgoingMail
{{- end }}
{{- if or (has .stage (list "ingest" "outbound" "console")) (has $mechanism (list "OAUTHBEARER" "AWS_MSK_IAM")) }}
- tokens
{{- end }}
{{- end -}}

{{/* The ports of `kafka.bootstrapServers`, each once, as a YAML list. */}}
{{- define "mailcall.kafkaPorts" -}}
{{- $ports := list -}}
{{- range splitList "," .root.Values.kafka.bootstrapServers -}}
{{- $ports = append $ports (splitList ":" . | last | trim | int) -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}
