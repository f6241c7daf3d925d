package hub

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
)

// ann and bob have tokens.
func ann() *auth.Client { return &auth.Client{ID: "ann", Rooms: auth.Rooms{"a"}, Publish: true} }
func bob() *auth.Client {
	return &auth.Client{ID: "bob", Rooms: auth.Rooms{"b", "team-*"}, Publish: true}
}

// waysIn are all the ways in which a client can ask for the messages of a room.
var waysIn = map[string]func(ctx context.Context, t *testing.T, h *Hub, room string, after int64) error{
	"hub URL": func(ctx context.Context, t *testing.T, h *Hub, room string, after int64) error {
		url := "room=" + room
		if after != Now {
			url += "&after=" + strconv.FormatInt(after, 10)
		}
		s, err := h.connect(ctx, newPeer(), signalrJSON, queryOf(t, url))
		if err != nil {
			return hubError(err)
		}
		s.Close()
		return nil
	},
	"JoinRoom": func(ctx context.Context, t *testing.T, h *Hub, room string, after int64) error {
		args := []string{strconv.Quote(room)}
		if after != Now {
			args = append(args, strconv.FormatInt(after, 10))
		}
		_, err := invokeAs(ctx, t, connect(t, h, newPeer(), "room="), joinRoom, args...)
		return err
	},
	"GetMessagesSince": func(ctx context.Context, t *testing.T, h *Hub, room string, after int64) error {
		args := []string{strconv.Quote(room), strconv.FormatInt(max(after, 0), 10)}
		_, err := invokeAs(ctx, t, connect(t, h, newPeer(), "room="), getMessagesSince, args...)
		return err
	},
	"event stream": func(ctx context.Context, _ *testing.T, h *Hub, room string, after int64) error {
		if err := h.Follow(ctx, at(room, after), noStream{}); err != nil {
			return hubError(err)
		}
		return nil
	},
}

// noStream is a stream that nothing may be written to.
type noStream struct{ StreamWriter }

func TestHub_NoReaderWithoutTheRight(t *testing.T) {
	expired := &errs.Error{Code: errs.Unauthenticated, Msg: "the token has expired"}
	for client, tc := range map[string]struct {
		mark func(context.Context) context.Context
		want string
	}{
		"of other rooms": {
			func(ctx context.Context) context.Context { return auth.With(ctx, bob()) },
			"forbidden: room: the token is not for this room",
		},
		"of no room": {
			func(ctx context.Context) context.Context { return auth.With(ctx, &auth.Client{ID: "cy"}) },
			"forbidden: room: the token is not for this room",
		},
		"without a verified token": {
			func(ctx context.Context) context.Context { return ctx }, "unauthenticated: a token is needed",
		},
		"with an expired token": {
			func(ctx context.Context) context.Context { return auth.Refused(ctx, expired) },
			"unauthenticated: the token has expired",
		},
	} {
		for way, enter := range waysIn {
			t.Run(client+" by "+way, func(t *testing.T) {
				log := &hooked{history: &history{}}
				log.append("a", 20)
				h := start(t, log)
				for _, room := range []string{"a", "missing"} {
					for _, after := range []int64{Now, 0, 20, 21} {
						err := enter(tc.mark(t.Context()), t, h, room, after)
						if err == nil || err.Error() != tc.want {
							t.Errorf("room %s after %d: %v, want %q", room, after, err, tc.want)
						}
					}
				}
				if n := h.openRooms(); n != 0 {
					t.Errorf("%v rooms have readers", n)
				}
				if asked := log.set(nil); asked != 0 || log.readCount() != 0 {
					t.Errorf("the store was asked %d times about rooms, and read %d times", asked, log.readCount())
				}
			})
		}
	}
}

// The code makes readers in one function, after one check of the rights. Otherwise a way in could be added without it.
func TestReader_IsMadeBehindTheGuard(t *testing.T) {
	sources, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	var makers []ast.Decl
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if makesReader(decl) {
				makers = append(makers, decl)
			}
		}
	}
	if len(makers) != 1 {
		t.Fatalf("%d declarations make readers, want one", len(makers))
	}
	enroll, ok := makers[0].(*ast.FuncDecl)
	if !ok || enroll.Name.Name != "enroll" {
		t.Fatal("readers are made elsewhere than in conn.enroll")
	}
	var calls []string
	ast.Inspect(enroll.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			calls = append(calls, nameOf(call.Fun))
		}
		return true
	})
	if required, entered := slices.Index(calls, "Require"), slices.Index(calls, "enter"); required < 0 || entered < required {
		t.Errorf("conn.enroll calls %q: want Require, which checks the client's right, before enter, which reads the store", calls)
	}
}

func makesReader(decl ast.Decl) (makes bool) {
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			makes = makes || fmt.Sprint(n.Type) == "reader"
		case *ast.CallExpr:
			makes = makes || fmt.Sprint(n.Fun) == "new" && fmt.Sprint(n.Args[0]) == "reader"
		}
		return true
	})
	return makes
}

// nameOf returns the name of a called function or method.
func nameOf(f ast.Expr) string {
	switch f := f.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func TestHub_ConnectByToken(t *testing.T) {
	everywhere := &auth.Client{ID: "ann", Rooms: auth.Rooms{"*"}}
	for _, tc := range []struct {
		client *auth.Client
		url    string
		joined string // rooms
		err    string
	}{
		{auth.Anyone(), "", "lobby", ""},
		{everywhere, "", "lobby", ""},
		{bob(), "", "", ""},
		{bob(), "room=", "", ""},
		{bob(), "room=lobby", "", "forbidden: room: "},
		{bob(), "after=0", "", "invalid: after: is given 1 times for 0 rooms"},
		{bob(), "room=b&room=team-x", "b team-x", ""},
		{bob(), "room=b&room=a", "", "forbidden: room: "},
		{bob(), "room=b&client_id=bob", "b", ""},
		{bob(), "room=b&client_id=%20bob%E3%80%80", "b", ""},
		{bob(), "room=b&client_id=ann", "", "forbidden: client_id: is not the one of the token"},
		{auth.Anyone(), "room=b&client_id=ann", "b", ""},
	} {
		h := start(t, &history{})
		p := newPeer()
		s, err := h.connect(auth.With(t.Context(), tc.client), p, signalrJSON, queryOf(t, tc.url))
		if err != nil {
			if text := hubError(err).Error(); tc.err == "" || !strings.HasPrefix(text, tc.err) {
				t.Errorf("%q by %q: %v, want %q", tc.url, tc.client.ID, text, tc.err)
			}
			if n := h.openRooms(); n != 0 {
				t.Errorf("%q by %q was refused, and left %v rooms open", tc.url, tc.client.ID, n)
			}
			continue
		}
		var joined []string
		for _, rd := range s.conn.readers {
			joined = append(joined, rd.room.name)
		}
		if got := strings.Join(joined, " "); tc.err != "" || got != tc.joined {
			t.Errorf("%q by %q reads %q, want %q %s", tc.url, tc.client.ID, got, tc.joined, tc.err)
		}
		s.Close()
	}
}

func TestSession_SendsInTheNameOfTheToken(t *testing.T) {
	readOnly := &auth.Client{ID: "bob", Rooms: auth.Rooms{"*"}}
	for _, tc := range []struct {
		client *auth.Client
		arg    string
		sender string
		err    string
	}{
		{bob(), `{"room":"b","msg":"hi"}`, "bob", ""},
		{bob(), `{"room":"b","msg":"hi","client_id":"bob"}`, "bob", ""},
		{bob(), `{"room":"b","msg":"hi","client_id":" "}`, "bob", ""},
		{bob(), `{"room":"b","msg":"hi","client_id":"ann"}`, "", "forbidden: client_id: "},
		{bob(), `{"room":"a","msg":"hi"}`, "", "forbidden: room: "},
		{bob(), `{"msg":"hi"}`, "", "forbidden: room: "}, // the default room
		{readOnly, `{"room":"b","msg":"hi"}`, "", "forbidden: the token is for reading only"},
		{auth.Anyone(), `{"room":"b","msg":"hi","client_id":"cy"}`, "cy", ""},
		{auth.Anyone(), `{"room":"b","msg":"hi","client_id":"\u200b"}`, "", "invalid: client_id: is missing"},
		{auth.Anyone(), `{"room":"b","msg":"hi"}`, "", "invalid: client_id: is missing"},
	} {
		owner, _, sent := newSession(t)
		ctx := auth.With(t.Context(), tc.client)
		s, err := owner.hub.connect(ctx, newPeer(), signalrJSON, queryOf(t, "room="))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_, err = invokeAs(ctx, t, s, sendMessage, tc.arg)
		switch {
		case tc.err != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.err) || len(*sent) != 0):
			t.Errorf("%s: %v, sent %v, want %q", tc.arg, err, *sent, tc.err)
		case tc.err == "" && (err != nil || len(*sent) != 1 || (*sent)[0].ClientID != tc.sender):
			t.Errorf("%s: %v, sent %v, want one of %s", tc.arg, err, *sent, tc.sender)
		}
	}
}

// A client may leave a room that it may not read: it has not joined it.
func TestSession_LeaveRoomNeedsNoRight(t *testing.T) {
	s, _, _ := newSession(t)
	if _, err := invokeAs(auth.With(t.Context(), bob()), t, s, leaveRoom, `"a"`); err != nil {
		t.Errorf("got %v", err)
	}
}

// Requests that bring calls may have a newer token of the same client. The rights of the connection do not change.
func TestHub_RightsAreThoseOfTheOpeningToken(t *testing.T) {
	log := &history{}
	log.append("a", 3)
	log.append("secret", 3)
	h := start(t, log)
	wider := &auth.Client{ID: "ann", Rooms: auth.Rooms{"*"}, Publish: true}
	ask := func(client *auth.Client, method, query, body string) string {
		r := httptest.NewRequestWithContext(auth.With(t.Context(), client), method, "/messageHub"+query, strings.NewReader(body))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code/100 != 2 {
			t.Fatalf("%s: %d %s", method, w.Code, w.Body)
		}
		return w.Body.String()
	}
	_, rest, _ := strings.Cut(ask(ann(), http.MethodPost, "/negotiate?negotiateVersion=1", ""), `"connectionToken":"`)
	token, _, _ := strings.Cut(rest, `"`)
	id := "?room=&id=" + token
	ask(ann(), http.MethodGet, id, "")
	ask(wider, http.MethodPost, id, `{"protocol":"json","version":1}`+"\x1e")
	for _, call := range []string{
		`{"type":1,"invocationId":"1","target":"JoinRoom","arguments":["secret",0]}`,
		`{"type":1,"invocationId":"2","target":"GetMessagesSince","arguments":["secret",0]}`,
		`{"type":1,"invocationId":"3","target":"JoinRoom","arguments":["a"]}`,
	} {
		ask(wider, http.MethodPost, id, call+"\x1e")
	}
	var got string
	for !strings.Contains(got, `"invocationId":"3"`) {
		got += ask(wider, http.MethodGet, id, "")
	}
	defer ask(wider, http.MethodDelete, id, "")
	if n := strings.Count(got, "HubException: forbidden: room: "); n != 2 || strings.Contains(got, "message 1") {
		t.Errorf("%d calls were refused, want two: %s", n, got)
	}
	if !strings.Contains(got, `"result":{"last_seq":3,"oldest_seq":1,"epoch":"aaaaaaaaaaaaaaaa"}`) {
		t.Errorf("the room of the token is refused too: %s", got)
	}
	if rooms := h.listRooms(); len(rooms) != 1 || rooms[0].name != "a" {
		t.Errorf("readers of %v, want of a", rooms)
	}
}

// A connection needs a client even if it reads nothing yet.
func TestHub_ConnectNeedsAClient(t *testing.T) {
	var count counter
	h := startWith(t, Config{Connect: count.connect}, &history{})
	_, err := h.connect(t.Context(), newPeer(), signalrJSON, queryOf(t, "room="))
	if errs.CodeOf(err) != errs.Unauthenticated || count.total != 0 {
		t.Errorf("got %v, counted %d times", err, count.total)
	}
}

func TestCursorsOf_DefaultRoomOnlyIfTheClientMayReadIt(t *testing.T) {
	for _, client := range []*auth.Client{bob(), {ID: "cy", Rooms: auth.Rooms{chat.DefaultRoom}}} {
		cursors, err := cursorsOf(nil, client)
		if want := client.CanRead(chat.DefaultRoom) == nil; err != nil || (len(cursors) == 1) != want {
			t.Errorf("%s: %v, %v, joins: want %v", client.ID, cursors, err, want)
		}
	}
}
