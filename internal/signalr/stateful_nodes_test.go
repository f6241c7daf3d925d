package signalr

import (
	"strings"
	"testing"
)

// at makes the client dial another node from now on.
func (c *statefulClient) at(r *rig) *statefulClient {
	c.r = &rig{t: r.t, hub: c.r.hub, server: c.r.server, http: r.http, client: r.client}
	return c
}

// statefulAt connects a client at a node with a token of another one.
func statefulAt(t *testing.T, issuer, node *rig) (*statefulClient, *Conn) {
	t.Helper()
	c := &statefulClient{r: node, token: issuer.negotiateStateful(), protocol: JSON, mute: true}
	c.wsClient = node.dial("?id=" + c.token)
	c.send(statefulHandshake)
	c.expectText("{}")
	return c, node.nextConn()
}

func TestNodes_StatefulClientComesBackAnywhere(t *testing.T) {
	cl := newCluster(t, statefulConfig, "aa", "bb", "cc")
	for _, node := range cl.nodes { // the first one has issued the token
		c, conn := statefulAt(t, cl.nodes[0], node)
		a, seq := &testLog{"a"}, int64(0)
		for i, next := range []*rig{cl.nodes[1], cl.nodes[2], cl.nodes[0], node} {
			seq++
			mustPush(t, conn, a, seq, 1)
			if i%2 == 0 { // sometimes the server does not know of the cut
				c.cut()
				c.suspended(conn)
			}
			c.at(next).redial()
			c.expectAll("sequence 1")
			c.expectAll(gots(a, 1, seq)...)
			c.say(c.sequence(int64(i+1)), c.call("1", "Echo", "1"))
			c.expectAll("answer 1")
			out := conn.resumable()
			out.mu.Lock()
			out.sent, seq = sent{}, 0 // begin anew
			out.mu.Unlock()
		}
	}
	for _, node := range cl.nodes {
		if len(node.hub.conns) > 0 {
			t.Error("a re-dial has opened another connection")
		}
	}
}

func TestNodes_StatefulTokenOpensOneConnection(t *testing.T) {
	cl := newCluster(t, statefulConfig, "aa", "bb", "cc")
	token := cl.nodes[0].negotiateStateful()
	w := cl.nodes[1].dial("?id=" + token)
	w.send(statefulHandshake)
	w.expectText("{}")
	cl.nodes[1].nextConn()
	for _, node := range cl.nodes {
		if _, err := node.tryDial("?id=" + token); err != nil { // it is taken up again, wherever it is asked for
			t.Errorf("dial: %v", err)
		}
		if len(node.hub.conns) > 0 {
			t.Error("the token has opened two connections")
		}
	}
}

func TestNodes_StatefulConnectionWhoseNodeIsGone(t *testing.T) {
	cl := newCluster(t, statefulConfig, "aa", "bb")
	c, conn := statefulAt(t, cl.nodes[0], cl.nodes[0])
	mustPush(t, conn, &testLog{"a"}, 1, 1)
	cl.nodes[0].kill()
	c.cut()
	c.at(cl.nodes[1]).wantDead()
	over, _ := statefulAt(t, cl.nodes[1], cl.nodes[1])
	over.say(over.protocol.appendClose(nil, "", false))
	over.expectAll("close")
	over.wantDead()
	unknown := "bb." + statefulMark + strings.Repeat("x", secretLength)
	cl.nodes[1].want(cl.nodes[1].do("GET", "?id="+unknown, "", upgradeHeaders...), 404, "No Connection with that ID")
}

func TestElsewhere_StatefulClientComesBack(t *testing.T) {
	cl := newCluster(t, statefulConfig, "aa", "bb")
	front := cl.front(t, "aa", "bb")
	for _, first := range []*rig{cl.nodes[0], cl.nodes[1]} {
		c, conn := statefulAt(t, cl.nodes[0], first) // the second takes the token over
		mustPush(t, conn, &testLog{"a"}, 1, 1)
		c.cut()
		c.suspended(conn)
		c.at(front).redial()
		c.expectAll("sequence 1", "Got a1")
		c.cut()
	}
	for range 4 { // every one is opened where it was negotiated
		token := front.negotiateStateful()
		w := front.dial("?id=" + token)
		w.send(statefulHandshake)
		w.expectText("{}")
		issuer, _ := nodeOf(token)
		node := cl.nodes[strings.Index("aabb", issuer)/2]
		if conn := await(t, node.hub.conns); conn.token != token {
			t.Error("another connection")
		}
		_ = w.conn.Close()
	}
	front.want(front.do("GET", "?id=aa."+statefulMark+strings.Repeat("x", secretLength), "", upgradeHeaders...), 404, "No Connection with that ID")
}
