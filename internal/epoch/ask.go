package epoch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"restante/internal/errs"
	"restante/internal/peer"
	"restante/internal/store/driver"
)

// askEvery is how often the heartbeats are looked at for answers.
const askEvery = 100 * time.Millisecond

// answers is what the nodes have found.
type answers struct {
	complete bool             // a node remembers across, and has found everything
	lacks    bool             // a node misses something
	missing  map[string]int64 // by room, the least number that is missing
}

// ask waits until every living node that works with the same store has said what it finds in the database, or for Config.Patience.
// Then nodes that have no access to the database are left out. A node that serves from another database is an error.
func (j *Judge) ask(ctx context.Context, at sight) (answers, error) {
	late := time.Now().Add(j.cfg.Patience)
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		now := time.Now()
		nodes, all := j.cfg.Nodes.Others(at.store, now)
		got, waiting, elsewhere, err := count(nodes, at)
		switch {
		case err != nil:
			return got, err
		case all && waiting == 0, now.After(late) && elsewhere == "":
			return got, nil
		case now.After(late):
			return got, &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf("node %s works with another database that is the same store %s: "+
				"a database and its copy must not be used at the same time", elsewhere, at.store)}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return got, errs.Wrap(errs.Unavailable, context.Cause(ctx), "the other nodes have not said what they find")
		}
	}
}

// count counts the answers of nodes, and the nodes that have not answered. Elsewhere is one of them that serves, "" for none.
func count(nodes []peer.Node, at sight) (got answers, waiting int, elsewhere string, err error) {
	for i := range nodes {
		told := nodes[i].Store
		serves := told.Serves && !slices.Contains(nodes[i].Failing, storing)
		switch {
		case told.Look == at.String() && told.Finds != "":
			got.addTold(told)
		case serves && ended(told.Look, at):
			return got, 0, "", &errs.Error{Code: errs.Unavailable, Msg: "another node has ended the epoch of the database: looking again"}
		default:
			waiting++
			if serves {
				elsewhere = nodes[i].ID
			}
		}
	}
	return got, waiting, elsewhere, nil
}

// storing is the name of the check of a node that can use its database.
const storing = "storing"

// ended reports whether a look is of the same server in another epoch.
func ended(look string, at sight) bool {
	server, rest, _ := strings.Cut(look, ":")
	epoch, _, _ := strings.Cut(rest, ":")
	mine, _, _ := strings.Cut(at.String(), ":")
	return server == mine && epoch != at.epoch
}

func (a *answers) addTold(told *peer.StoreState) {
	a.complete = a.complete || told.Finds == peer.Complete
	a.lacks = a.lacks || told.Finds == peer.Lacks
	for room, seq := range told.Missing {
		a.miss(room, seq)
	}
}

// add adds what this node has found.
func (a *answers) add(finding peer.Finding, missing []driver.Seen) {
	a.addTold(&peer.StoreState{Finds: finding})
	for _, m := range missing {
		a.miss(m.Room, m.Seq)
	}
}

func (a *answers) miss(room string, seq int64) {
	if a.missing == nil {
		a.missing = map[string]int64{}
	}
	if least, known := a.missing[room]; !known || seq < least {
		a.missing[room] = seq
	}
}

// verdict decides from all answers.
func (a *answers) verdict(l *driver.Look, at sight) driver.Verdict {
	v := driver.Verdict{}
	switch {
	case a.lacks && len(a.missing) == 0:
		v.End = "the database went back to before the epoch that nodes worked in"
	case a.lacks:
		v.End = "the database does not have messages that nodes had stored or delivered"
	case a.complete:
	case !at.known:
		v.End = "the database is an older or another copy, and no node remembers what it had"
	case l.Confirmed != "" && l.Confirmed != l.Fingerprint:
		v.End = "the database is on another server or was made again, and no node remembers what it had"
	}
	if v.End != "" {
		for _, room := range slices.Sorted(maps.Keys(a.missing)) {
			v.Missing = append(v.Missing, driver.Seen{Room: room, Seq: a.missing[room]})
		}
	}
	return v
}

// maxTold is how many bytes of rooms and numbers a heartbeat tells.
const maxTold = 6 << 10

// tellable returns what a heartbeat tells of missing messages.
func tellable(missing []driver.Seen) map[string]int64 {
	told := map[string]int64{}
	for size, i := 0, 0; i < len(missing); i++ {
		if size += 2*len(missing[i].Room) + 24; size > maxTold {
			break
		}
		told[missing[i].Room] = missing[i].Seq
	}
	return told
}

// maxDescribed is how many rooms a line of the log names.
const maxDescribed = 20

// describe returns the number of rooms, and the first missing numbers as a text.
func describe(missing []driver.Seen) (rooms int, numbers string) {
	var b strings.Builder
	for i, m := range missing {
		if i == maxDescribed {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %d", m.Room, m.Seq)
	}
	return len(missing), b.String()
}
