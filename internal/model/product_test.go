package model_test

import (
	"slices"
	"strings"

	"agiformer/internal/config"
)

// lists are the experts of the product: one without a router, two of which a token
// visits one, four and eight of which it visits two; and the kinds that the others are
// compared with, whose tokens' features are in the embeddings.
var lists = [][]string{{"language"}, {"language", "logic"}, kinds, slices.Concat(kinds, kinds), {"plain", "dense"}}

// combination is a tiny model with the flags named and the experts listed.
func combination(experts []string, flags ...string) config.Model {
	c := tiny("base")
	c.Name = strings.Join(flags, "+") + " " + strings.Join(experts, ",")
	c.NExperts, c.ExpertTypes = int64(len(experts)), experts
	c.EmbeddingFeatures = experts[0] == "plain"
	c.UseLinearAttention = slices.Contains(flags, "linear")
	c.UseMemory = slices.Contains(flags, "memory")
	if slices.Contains(flags, "introspection") {
		c.UseIntrospection, c.MaxIterations = true, 3
		c.Introspection = config.Introspection{LossWeight: 0.5, PonderWeight: 0.3}
	}
	return c
}

// product are all 40 combinations of linear attention, memory and introspection
// with the lists of experts.
func product() []config.Model {
	var all []config.Model
	for _, experts := range lists {
		for chosen := range 8 {
			var flags []string
			for i, flag := range []string{"linear", "memory", "introspection"} {
				if chosen>>i&1 == 1 {
					flags = append(flags, flag)
				}
			}
			all = append(all, combination(experts, flags...))
		}
	}
	return all
}

// selection are members of the product in which each flag is on and off, each
// pair of flags is on together, and each list of experts occurs: for tests that
// would take long on all of them.
func selection() []config.Model {
	return []config.Model{
		combination(lists[0], "linear", "introspection"),
		combination(lists[1], "introspection"),
		combination(lists[2], "memory", "introspection"),
		combination(lists[3], "linear"),
		combination(lists[3], "linear", "memory", "introspection"),
	}
}

// shapes are the variants and further models.
func shapes(more []config.Model) []config.Model {
	var all []config.Model
	for _, variant := range variants {
		all = append(all, tiny(variant))
	}
	return append(all, more...)
}
