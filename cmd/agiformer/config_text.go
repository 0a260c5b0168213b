package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"agiformer/internal/config"
)

// groupsText lists the groups with their options, the chosen ones marked.
func groupsText(opts config.Options) ([]byte, error) {
	groups, err := config.Groups(opts)
	if err != nil {
		return nil, err
	}
	chosen := map[string]bool{}
	if tree, err := config.Compose(opts); err == nil {
		for _, c := range tree.Choices {
			group, _, _ := strings.Cut(c.Group, "@")
			chosen[group+"/"+c.Option] = true
		}
	}
	var b strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&b, "%s\n", g.Name)
		for _, o := range g.Options {
			mark := " "
			if chosen[g.Name+"/"+o] {
				mark = "*"
			}
			fmt.Fprintf(&b, "  %s %s=%s\n", mark, g.Name, o)
		}
	}
	return []byte(b.String()), nil
}

// diffText compares two configurations, each given as a line of overrides.
func diffText(opts config.Options, sides []string) ([]byte, error) {
	if len(sides) != 2 {
		return nil, fmt.Errorf("--diff compares two configurations: give it twice, as in --diff model=base --diff model=minimal")
	}
	common := opts.Overrides
	var trees [2]*config.Tree
	for i, side := range sides {
		opts.Overrides = append(append([]string{}, common...), strings.Fields(side)...)
		tree, err := config.Compose(opts)
		if err != nil {
			return nil, fmt.Errorf("--diff '%s': %w", side, err)
		}
		trees[i] = tree
	}
	return []byte(config.Diff(trees[0], trees[1])), nil
}

// completeOverrides offers group=option and the keys of the configuration.
func completeOverrides(cmd *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
	opts, _, err := composeOptions(cmd, nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offers []string
	offer := func(text string) {
		if strings.HasPrefix(text, start) {
			offers = append(offers, text)
		}
	}
	if groups, err := config.Groups(opts); err == nil {
		for _, g := range groups {
			for _, o := range g.Options {
				offer(g.Name + "=" + o)
			}
		}
	}
	if tree, err := config.Compose(opts); err == nil {
		for _, key := range tree.Keys() {
			offer(key + "=")
		}
	}
	return offers, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}
