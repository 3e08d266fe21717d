{{- define "headrace.name" -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "headrace.selector" -}}
app.kubernetes.io/name: headrace
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "headrace.labels" -}}
{{ include "headrace.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "headrace.account" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "headrace.name" .) -}}
{{- else -}}
{{- required "serviceAccount.name: missing; name the account that exists, or set serviceAccount.create" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* Helm reads whole numbers as floats, and would print 2000000 as 2e+06. */ -}}
{{- define "headrace.setting" -}}
{{- if kindIs "float64" . -}}{{ printf "%d" (int64 .) }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}
