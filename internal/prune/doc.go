// Package prune is the prune command: it measures how much the experts of a
// checkpoint are used on text that the user names, and writes a checkpoint
// without those that are hardly used, their rows of the routers and their
// moments. Which experts are left in which block stands in its configuration,
// model.block_experts.
package prune
