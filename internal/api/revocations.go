package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/revocation"
	"restante/internal/route"
)

// Revoker revokes tokens; revocation.Revoker is one. Its methods are called concurrently, for operators only.
type Revoker interface {
	// Revoke ends tokens on every node, see revocation.Revoker. It blocks for some seconds at most. Errors are classified.
	Revoke(ctx context.Context, k revocation.Key, reason, by string) (revocation.Outcome, error)
	// Entries returns up to limit revocations in force whose kind and name sort after a key, ascending, and whether there are more.
	Entries(after revocation.Key, limit int) (page []revocation.Entry, more bool)
}

// revocationBody is the body of Revoke.
type revocationBody struct {
	Sub    string `json:"sub,omitempty" doc:"the client whose tokens end: all that were issued until now, and those that do not say when they were issued" example:"ann"`
	JTI    string `json:"jti,omitempty" doc:"the id of the one token that ends" example:"9f86d081884c7d65"`
	Reason string `json:"reason,omitempty" doc:"for the list: up to 256 bytes" example:"lost phone"`
}

// revoked is a revocation in an answer.
type revoked struct {
	Sub       string     `json:"sub,omitempty" example:"ann"`
	JTI       string     `json:"jti,omitempty" example:"9f86d081884c7d65"`
	Before    *time.Time `json:"before,omitempty" doc:"of a sub: tokens issued before this moment have ended, those issued from it on are valid" example:"2026-01-02T15:04:06Z"`
	Until     time.Time  `json:"until" doc:"when the entry is forgotten, since every token that it ends has expired" example:"2027-02-06T16:04:05Z"`
	RevokedAt time.Time  `json:"revoked_at" example:"2026-01-02T15:04:05.123456Z"`
	RevokedBy string     `json:"revoked_by,omitempty" doc:"the sub of the operator" example:"operator"`
	Reason    string     `json:"reason,omitempty" example:"lost phone"`
}

// revokedNow is the answer of Revoke.
type revokedNow struct {
	revoked
	Stored  bool `json:"stored" doc:"false while the store is away: the broker keeps it, and the store gets it when it is back"`
	Nodes   int  `json:"nodes" doc:"the living nodes" example:"3"`
	InForce int  `json:"in_force" doc:"those of them that have said that it is in force there" example:"3"`
}

// revocationPage is a page of the list of revocations.
type revocationPage struct {
	Revocations []revoked `json:"revocations" nullable:"false" doc:"in force, in the order of jti and sub, then of their names"`
	Next        string    `json:"next,omitempty" doc:"path of the next page; absent at the end" example:"/admin/revocations?after=sub%3Aann&limit=100"`
}

func wireRevoked(e revocation.Entry) revoked {
	r := revoked{Until: e.Until, RevokedAt: e.At, RevokedBy: e.By, Reason: e.Reason}
	if e.Kind == revocation.JTI {
		r.JTI = e.Name
		return r
	}
	r.Sub, r.Before = e.Name, &e.Before
	return r
}

type (
	revokeInput           struct{ Body revocationBody }
	revokeOutput          struct{ Body revokedNow }
	listRevocationsOutput struct{ Body revocationPage }
	listRevocationsInput  struct {
		After string     `query:"after" doc:"the entries that sort after this one, as next has it" example:"sub:ann"`
		Limit limitParam `query:"limit" doc:"entries in the page; default 100" example:"100"`
	}
)

func (a *API) revoke(h huma.API) {
	register(h, route.Revoke, huma.Operation{
		Tags:    []string{tagAdmin},
		Summary: "Revoke tokens",
		Description: "Ends the tokens of a client (`sub`) that were issued until now, or one token (`jti`), on every node within two seconds: " +
			"requests are answered 401, and connections and streams are ended as when a token expires. A client's newer tokens are valid. " +
			"Answers when it is kept, and when every node has said that it is in force there, or after two seconds. Revoking again moves the moment forward, never back.",
		BodyReadTimeout: -1, MaxBodyBytes: -1, // strict has read the body already
	}, sendErrors, func(ctx context.Context, in *revokeInput) (*revokeOutput, error) {
		client, err := auth.From(ctx) // the body may have taken long
		if err != nil {
			return nil, failed(err)
		}
		key, err := in.Body.key()
		if err != nil {
			return nil, failed(err)
		}
		done, err := a.cfg.Revocations.Revoke(ctx, key, in.Body.Reason, client.ID)
		if err != nil {
			return nil, failed(err)
		}
		return &revokeOutput{revokedNow{wireRevoked(done.Entry), done.Stored, done.Nodes, done.InForce}}, nil
	})
}

// key returns what the body names.
func (b *revocationBody) key() (revocation.Key, error) {
	switch {
	case b.Sub != "" && b.JTI != "":
		return revocation.Key{}, errs.Field("jti", "cannot be combined with sub")
	case b.JTI != "":
		return revocation.Key{Kind: revocation.JTI, Name: b.JTI}, nil
	case b.Sub != "":
		return revocation.Key{Kind: revocation.Sub, Name: chat.TrimName(b.Sub)}, nil
	}
	return revocation.Key{}, errs.Field("sub", "is missing: name a sub or a jti")
}

func (a *API) listRevocations(h huma.API) {
	register(h, route.ListRevocations, huma.Operation{
		Tags:        []string{tagAdmin},
		Summary:     "List what is revoked",
		Description: "The revocations that are in force on the node that answers.",
	}, readErrors, func(_ context.Context, in *listRevocationsInput) (*listRevocationsOutput, error) {
		after, err := keyOf(in.After)
		if err != nil {
			return nil, failed(err)
		}
		entries, more := a.cfg.Revocations.Entries(after, in.Limit.orDefault())
		page := revocationPage{Revocations: make([]revoked, len(entries))}
		for i, e := range entries {
			page.Revocations[i] = wireRevoked(e)
		}
		if more {
			last := entries[len(entries)-1]
			q := url.Values{"after": {string(last.Kind) + ":" + last.Name}, "limit": {strconv.Itoa(in.Limit.orDefault())}}
			page.Next = route.ListRevocations.Path() + "?" + q.Encode()
		}
		return &listRevocationsOutput{page}, nil
	})
}

// keyOf reads the place in the list that next names.
func keyOf(text string) (revocation.Key, error) {
	if text == "" {
		return revocation.Key{}, nil
	}
	kind, name, ok := strings.Cut(text, ":")
	if !ok || kind != string(revocation.Sub) && kind != string(revocation.JTI) {
		return revocation.Key{}, errs.Field("after", "must be sub:NAME or jti:ID, as next has it")
	}
	return revocation.Key{Kind: revocation.Kind(kind), Name: name}, nil
}

// mountRevocations declares the operations, if there is something to revoke with.
func (a *API) mountRevocations(h huma.API) {
	if a.cfg.Revocations == nil {
		return
	}
	a.revoke(h)
	a.listRevocations(h)
}

// endWithToken has a request's body end when its token is revoked. The caller calls stop.
func endWithToken(w http.ResponseWriter, r *http.Request) (stop func()) {
	rc := http.NewResponseController(w)
	return auth.WhenRevoked(r.Context(), func() { _ = rc.SetReadDeadline(time.Unix(1, 0)) }) // a recorder in tests has none
}
