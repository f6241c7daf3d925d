package hub

import (
	"context"
	"fmt"
	"testing"

	"restante/internal/memory"
)

// What is held for rooms and readers is about what they take.
func TestHub_PricesAreAboutWhatThingsTake(t *testing.T) {
	const clients, rooms = 200, 200
	owner := func(context.Context) string { return "ann" }
	h := startWith(t, Config{MaxRooms: -1, MaxRoomsPerClient: -1, Owner: owner, Memory: memory.New(memory.Config{Limit: 1 << 30})}, &history{})
	before := heap()
	measure := func(what string, price, n int, grow func()) {
		grow()
		after := heap()
		took := (after - before) / int64(n)
		before = after
		t.Logf("%s takes %d bytes, its price is %d", what, took, price)
		if took > int64(price) || took < int64(price)/4 {
			t.Errorf("%s takes %d bytes, its price is %d", what, took, price)
		}
	}
	follow := func(n int, room func(n int) string) {
		c := h.newConn(t.Context(), newPeer(), eventStream)
		t.Cleanup(c.close)
		for r := range rooms {
			if _, err := c.follow(anyone(t.Context()), at(room(r), Now)); err != nil {
				t.Fatal(n, err)
			}
		}
	}
	measure("a room with a reader", priceOfRoom+priceOfReader, clients*rooms, func() {
		for n := range clients {
			follow(n, func(r int) string { return fmt.Sprint("room-", n, "-", r) })
		}
	})
	measure("a reader of a room", priceOfReader, clients*rooms, func() {
		for n := range clients {
			follow(n, func(r int) string { return fmt.Sprint("room-", 0, "-", r) })
		}
	})
}
