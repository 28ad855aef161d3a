{{- define "weir.name" -}}
{{ printf "%s" .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "weir.labels" -}}
app.kubernetes.io/name: weir
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* weir.yaml: the user's, and what the pod fixes. */ -}}
{{- define "weir.config" -}}
{{- $fixed := dict "listen" "*:6432" "journal" (dict "path" "/var/lib/weir/journal") "admin" (dict "listen" "*:6433") "shutdown" (dict "timeout_ms" (mul .Values.shutdownSeconds 1000)) -}}
{{- if .Values.tls.secret -}}
{{- $_ := set $fixed "tls" (dict "cert" "/run/secrets/weir/tls.crt" "key" "/run/secrets/weir/tls.key" "required" .Values.tls.required) -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.config) $fixed | toYaml -}}
{{- end }}
