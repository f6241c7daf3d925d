package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/internal/testkit"
)

// TestPasswords_ANewOneInTheFileNeedsNoRestart changes the password of the node's user in RabbitMQ and in the file, and then closes every
// connection of that user.
func TestPasswords_ANewOneInTheFileNeedsNoRestart(t *testing.T) {
	t.Parallel()
	cluster, node := testkit.NewCluster(t), testkit.RabbitMQ(t).Node(0)
	vhost, user := testkit.VHostName(t, cluster.Broker[0]), "rotates-"+filepath.Base(t.TempDir())
	file := filepath.Join(t.TempDir(), "password")
	manage := func(method, path, body string) string {
		t.Helper()
		answer, err := node.Manage(t.Context(), method, path, body)
		if err != nil {
			t.Fatalf("%s %s: %v %s", method, path, err, answer)
		}
		return answer
	}
	set := func(password string) {
		t.Helper()
		manage("PUT", "/users/"+user, `{"password":"`+password+`","tags":"management"}`)
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set("first-password")
	manage("PUT", "/permissions/"+vhost+"/"+user, `{"configure":".*","write":".*","read":".*"}`)
	address, err := url.Parse(cluster.Broker[0])
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.User(user)
	cluster.Broker = []string{address.String()}
	s := cluster.Start(t, testkit.Options{Args: []string{"--broker-password-file", file}})
	connections := func() (names []string) {
		var all []struct{ Name, User string }
		if err := json.Unmarshal([]byte(manage("GET", "/vhosts/"+vhost+"/connections", "")), &all); err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			names = append(names, c.Name)
		}
		return names
	}
	eventually(t, func() bool { return s.Ready() == http.StatusOK && len(connections()) >= 4 }) // RabbitMQ lists connections late
	set("second-password")
	for _, name := range connections() {
		_, _ = node.Manage(t.Context(), "DELETE", "/connections/"+url.PathEscape(name), "") // one that has ended needs no closing
	}
	eventually(t, func() bool { return strings.Contains(s.Log(), "connection to the broker lost") })
	eventually(t, func() bool {
		code, _ := newSite(t, s.URL()).ask(bearer{}, http.MethodPost, "/message?msg=new+password&client_id=ann", "")
		return code == "202"
	})
	s.WaitSeq("lobby", 1)
	if log := s.Log(); strings.Contains(log, "first-password") || strings.Contains(log, "second-password") {
		t.Error("the log shows a password")
	}
}
