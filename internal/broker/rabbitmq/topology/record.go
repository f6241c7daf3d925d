package topology

import (
	"encoding/json"
	"fmt"
	"maps"

	"restante/internal/peer"
	"restante/internal/revocation"
)

// Record is what all nodes must agree on about a broker. It stands on the broker itself, see Keeper, and is changed under a
// lock that one node at a time has. A copy may be read concurrently.
type Record struct {
	// Version rises by one with each change.
	Version int64
	// Partitions is how many there are. It does not change while nodes run.
	Partitions int
	// Made says that every queue existed once: one that is missing was deleted.
	Made bool
	// Generations has the partitions that are in a later generation than the first: their queue was deleted and made again, or
	// the store has seen a later generation.
	Generations map[int]Generation
	// Store is the store that the messages of this broker are for. Its zero value says that no node has named one yet.
	Store peer.StoreRecord
	// Revoked is what is known of revoked tokens without the store. Its zero value says that there are none.
	Revoked revocation.Summary

	// others are members of newer versions. They are kept as they are.
	others map[string]json.RawMessage
}

// Generation is the present generation of a partition.
type Generation struct {
	// Number is 2 or more.
	Number int64 `json:"number"`
	// Kept is the generation in which the queue was made, if it was raised since, see Keeper.Raise: the queue and what is in it
	// stayed. 0 says that it was made in the present one.
	Kept int64 `json:"kept,omitempty"`
	// Refilling is the id of the node that puts back what it had in hand when the queue was deleted, "" when that is done.
	// The queue may exist meanwhile, and is not bound.
	Refilling string `json:"refilling,omitempty"`
	// Received has, by the id of the publishing node, the greatest number of the generation before the queue was made that was
	// delivered to a consumer or put back. What such a node has published after that, and the broker has confirmed, is destroyed.
	Received map[string]int64 `json:"received,omitempty"`
}

// Generation returns the generation of a partition: 1, 2, 3, …
func (r *Record) Generation(partition int) int64 {
	if g, ok := r.Generations[partition]; ok {
		return g.Number
	}
	return 1
}

// Since returns the generation in which the present queue of a partition was made. It is less than Generation if the queue was
// raised since.
func (r *Record) Since(partition int) int64 {
	if g := r.Generations[partition]; g.Kept > 0 {
		return g.Kept
	}
	return r.Generation(partition)
}

// IsPresent reports whether messages of a generation of a partition are of its present queue.
func (r *Record) IsPresent(partition int, generation int64) bool {
	return r.Since(partition) <= generation && generation <= r.Generation(partition)
}

// clone returns a copy whose generations can be changed.
func (r *Record) clone() Record {
	c := *r
	if c.Generations = maps.Clone(r.Generations); c.Generations == nil {
		c.Generations = map[int]Generation{}
	}
	return c
}

// parseRecord reads a record that stands on the broker.
func parseRecord(body []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(body, &r); err != nil {
		return r, err
	}
	if r.Version < 1 || r.Partitions < 1 || r.Partitions > MaxPartitions {
		return r, fmt.Errorf("a record of version %d with %d partitions", r.Version, r.Partitions)
	}
	return r, nil
}

// wireRecord is a Record as it is written.
type wireRecord struct {
	Version     int64              `json:"version"`
	Partitions  int                `json:"partitions"`
	Made        bool               `json:"made"`
	Generations map[int]Generation `json:"generations,omitempty"`
	Store       *peer.StoreRecord  `json:"store,omitempty"`
	Revoked     revocation.Summary `json:"revoked,omitzero"`
}

// MarshalJSON implements json.Marshaler. It writes the members of newer versions, too.
func (r Record) MarshalJSON() ([]byte, error) {
	w := wireRecord{Version: r.Version, Partitions: r.Partitions, Made: r.Made, Generations: r.Generations, Revoked: r.Revoked}
	if r.Store.ID != "" {
		w.Store = &r.Store
	}
	known, err := json.Marshal(w)
	if err != nil || len(r.others) == 0 {
		return known, err
	}
	all := maps.Clone(r.others)
	if err := json.Unmarshal(known, &all); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Record) UnmarshalJSON(b []byte) error {
	var w wireRecord
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	for _, name := range [...]string{"version", "partitions", "made", "generations", "store", "revoked"} {
		delete(all, name)
	}
	*r = Record{Version: w.Version, Partitions: w.Partitions, Made: w.Made, Generations: w.Generations, Revoked: w.Revoked, others: all}
	if w.Store != nil {
		r.Store = *w.Store
	}
	return nil
}
