module archipelago.internal/metricsproxy

go 1.24
