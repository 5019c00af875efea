/* metrics.prom, for node_exporter's textfile collector: the figures of status.json in
 * Prometheus' text format. doc/monitoring.md lists them. */
#pragma once

struct status;

/* metrics.prom as a new string that the caller frees. */
char *metrics_text(const struct status *status);
