package main

import (
	"encoding/binary"
	"fmt"

	"agiformer/internal/checkpoint"
	"agiformer/internal/data"
)

// readBatches reads ids, types, places, vowels, words and targets [n, B, T]
// and resets [n, B] as batches of training.
func readBatches(path string) ([]*data.Batch, error) {
	file, err := checkpoint.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, ok := file.Info("ids")
	if !ok || len(info.Shape) != 3 {
		return nil, fmt.Errorf("%s: no tensor ids of three dimensions: make the folder with bench/prepare.py", path)
	}
	n, lanes, length := int(info.Shape[0]), int(info.Shape[1]), int(info.Shape[2])
	columns := map[string][]int64{}
	for _, name := range []string{"ids", "types", "places", "vowels", "words", "targets"} {
		bytes, err := file.Read(name)
		if err != nil {
			return nil, err
		}
		values := make([]int64, len(bytes)/8)
		for i := range values {
			values[i] = int64(binary.LittleEndian.Uint64(bytes[8*i:]))
		}
		columns[name] = values
	}
	resets, err := file.Read("resets")
	if err != nil {
		return nil, err
	}
	batches := make([]*data.Batch, n)
	for i := range batches {
		part := func(name string) []int64 { return columns[name][i*lanes*length : (i+1)*lanes*length] }
		batches[i] = newBatch(lanes, length, part, resets[i*lanes:(i+1)*lanes])
	}
	return batches, nil
}

func newBatch(lanes, length int, part func(string) []int64, resets []byte) *data.Batch {
	b := &data.Batch{
		B: lanes, T: length, IDs: part("ids"), Targets: part("targets"),
		Types: part("types"), Places: part("places"), Vowels: part("vowels"), Words: part("words"),
	}
	for _, target := range b.Targets {
		if target != 0 {
			b.TargetCount++
		}
	}
	for _, reset := range resets {
		b.Lengths = append(b.Lengths, int64(length))
		b.Reset = append(b.Reset, reset != 0)
	}
	return b
}

// resized is b with another number of lanes: its lanes again and again.
func resized(b *data.Batch, lanes int) *data.Batch {
	columns := map[string][]int64{"ids": b.IDs, "targets": b.Targets, "types": b.Types, "places": b.Places, "vowels": b.Vowels, "words": b.Words}
	repeat := func(name string) []int64 {
		values := make([]int64, 0, lanes*b.T)
		for lane := range lanes {
			from := lane % b.B * b.T
			values = append(values, columns[name][from:from+b.T]...)
		}
		return values
	}
	return newBatch(lanes, b.T, repeat, make([]byte, lanes))
}
