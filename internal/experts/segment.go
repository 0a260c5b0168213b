package experts

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Segment is what the layers share about the tokens of one forward pass.
type Segment struct {
	// Lanes B and Len T; First is the position of the first token in its
	// segment: 0 but in single-token decoding.
	Lanes, Len, First int64
	// Types, Places, Vowels and Words are the token features [B, T] int64.
	Types, Places, Vowels, Words *torch.Tensor
	// Lengths are the valid tokens of each lane, and Valid is their sum.
	Lengths []int64
	Valid   int64
	// Mask [B, T] bool marks the valid tokens; nil when all are.
	Mask *torch.Tensor
	// Documents are those of lanes that hold several; nil where each is one.
	// Confined is what then stands in the caches' place, over all tokens.
	Documents *Documents
	Confined  *nn.Cache
	// Train switches dropout and the capacity limit on.
	Train bool
	// Recorded says that the pass is for gradients, even where a checkpointed
	// block runs without recording at first.
	Recorded bool
	// Balance asks for the load-balancing loss, Usage for the experts' counts.
	Balance, Usage bool

	rows map[string][]*torch.Tensor
}

// Prepare computes the feature rows of each kind in features, in the caller's scope.
func (s *Segment) Prepare(features map[string]Features) {
	s.rows = make(map[string][]*torch.Tensor, len(features))
	for kind, f := range features {
		s.rows[kind] = f.Rows(s)
	}
}

// Positions returns the tokens' positions [B, T] where lanes hold several
// documents, each of which counts from 0; else nil: they count from First.
func (s *Segment) Positions() *torch.Tensor {
	if s.Documents == nil {
		return nil
	}
	return s.Documents.Positions
}

// PerToken gives each token the row of its position, of rows [T, w] of the
// segment's positions: [B·T, w].
func (s *Segment) PerToken(rows *torch.Tensor) *torch.Tensor {
	w := rows.Size(1)
	if s.Documents != nil {
		return rows.IndexSelect(0, s.Documents.Positions.View(s.Lanes*s.Len))
	}
	return rows.Expand(s.Lanes, s.Len, w).Reshape(s.Lanes*s.Len, w)
}

// rowsOf returns the feature rows of a kind as [lanes, places, w], of all
// tokens or where given of those in source [lanes·places].
func (s *Segment) rowsOf(kind string, source *torch.Tensor, lanes, places int64) []*torch.Tensor {
	rows := make([]*torch.Tensor, len(s.rows[kind]))
	for i, table := range s.rows[kind] {
		if source != nil {
			table = table.IndexSelect(0, source)
		}
		rows[i] = table.View(lanes, places, -1)
	}
	return rows
}
