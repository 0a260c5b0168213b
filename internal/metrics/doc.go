// Package metrics writes what a run reports: metrics.jsonl, which scripts read
// and which is cut back when a run is taken up again, TensorBoard event files,
// and the progress shown to people.
package metrics
