package link

import "testing"

func TestPartition_IsForEver(t *testing.T) {
	// Messages of a room that is in another partition from one version to the next would overtake each other.
	for room, want := range map[string]int{"lobby": 3, "a": 4, "general": 3, "team-42": 5, "x.y_z": 3} {
		if got := Partition(room, 8); got != want {
			t.Errorf("partition of %s: %d, want %d", room, got, want)
		}
	}
}
