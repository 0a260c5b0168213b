package metrics

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"time"
)

// TensorBoard writes scalars to an event file as TensorBoard reads them: TFRecord
// frames around two protocol buffer messages, Event and Summary
// (tensorflow/core/util/event.proto, core/framework/summary.proto). The Go
// libraries that do this need all of TensorFlow.
type TensorBoard struct{ file *os.File }

// NewTensorBoard starts an event file in folder dir, which is made if needed,
// for a run that goes on after a step (0: a new run). Then a session start tells
// TensorBoard to drop what an earlier file holds of later steps.
func NewTensorBoard(dir string, after int64) (*TensorBoard, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	now := time.Now()
	name := fmt.Sprintf("events.out.tfevents.%010d.%s.%d.%d", now.Unix(), host, os.Getpid(), now.Nanosecond())
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	t := &TensorBoard{file: f}
	version := protoBytes(eventHead(now, 0), 3, []byte("brain.Event:2")) // Event.file_version
	if err := t.record(version); err != nil || after == 0 {
		return t, err
	}
	// Event.session_log with SessionLog.status = START.
	return t, t.record(protoBytes(eventHead(now, after+1), 7, []byte{1 << 3, 1}))
}

// Scalar is one point of one curve.
type Scalar struct {
	Tag   string // as train/loss
	Value float64
}

// Write writes the points of a step as one event.
func (t *TensorBoard) Write(step int64, scalars ...Scalar) error {
	var summary []byte
	for _, s := range scalars {
		value := protoBytes(nil, 1, []byte(s.Tag)) // Value.tag
		value = append(value, 2<<3|5)              // Value.simple_value, fixed32
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(float32(s.Value)))
		summary = protoBytes(summary, 1, value) // Summary.value
	}
	return t.record(protoBytes(eventHead(time.Now(), step), 5, summary))
}

// Close closes the file.
func (t *TensorBoard) Close() error { return t.file.Close() }

// eventHead encodes Event.wall_time (field 1, double) and Event.step (field 2).
func eventHead(at time.Time, step int64) []byte {
	head := []byte{1<<3 | 1}
	head = binary.LittleEndian.AppendUint64(head, math.Float64bits(float64(at.UnixNano())/1e9))
	return binary.AppendUvarint(append(head, 2<<3), uint64(step))
}

// protoBytes appends a length-delimited field.
func protoBytes(to []byte, field byte, data []byte) []byte {
	to = append(to, field<<3|2)
	to = binary.AppendUvarint(to, uint64(len(data)))
	return append(to, data...)
}

// record writes one TFRecord: length, its checksum, data, their checksum.
func (t *TensorBoard) record(data []byte) error {
	frame := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	frame = binary.LittleEndian.AppendUint32(frame, maskedCRC(frame))
	frame = append(frame, data...)
	frame = binary.LittleEndian.AppendUint32(frame, maskedCRC(data))
	_, err := t.file.Write(frame)
	return err
}

// maskedCRC is TFRecord's checksum: CRC-32C rotated right by 15 bits, plus a
// constant.
func maskedCRC(data []byte) uint32 {
	crc := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (crc>>15 | crc<<17) + 0xa282ead8
}
