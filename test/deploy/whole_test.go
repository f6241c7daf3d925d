package deploy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"restante/internal/testkit"
)

// TestCompose_TheNodesWorkTogether starts a node of each role as the compose file does, but for the addresses, behind its
// load balancer; on RabbitMQ as the user that the manual describes, who may do no more than that.
func TestCompose_TheNodesWorkTogether(t *testing.T) {
	rabbit, database := testkit.RabbitMQ(t).Node(0), testkit.Database(t)
	permit(t, rabbit)
	p := project(t)
	servers := map[string]*testkit.Server{}
	for _, name := range restanteServices(p) {
		servers[name] = testkit.Start(t, testkit.Options{Env: environment(p.Services[name], rabbit.Addr(), database)})
	}
	b := startBalancer(t, servers["api"].Addr(), servers["hub"].Addr())
	eventually(t, "the load balancer has nodes", func() bool { code, _ := status(t, "GET", b.metrics+"/health"); return code == http.StatusOK })
	if code, body := status(t, "POST", b.url+"/message?msg=hello&client_id=ann&room=ops"); code != http.StatusAccepted {
		t.Fatal(code, body)
	}
	if got := firstEvent(t, b.url, "ops"); !strings.Contains(got, "hello") {
		t.Errorf("the message is not delivered: %q", got)
	}
	for name, s := range servers {
		out := testkit.Run(t, "", testkit.Binary(t), append(p.Services[name].HealthCheck.Test[2:], "--url", s.URL())...)
		if out != "ready\n" {
			t.Errorf("%s is not healthy: %s", name, out)
		}
	}
}

// environment returns what a service is told, with the addresses of other servers.
func environment(s types.ServiceConfig, rabbit, database string) (variables []string) {
	for name, value := range s.Environment {
		switch name {
		case "RESTANTE_BROKER":
			*value = strings.NewReplacer("change-me", "SECRET", "rabbitmq:5672", rabbit).Replace(*value)
		case "RESTANTE_STORE":
			*value = database
		}
		variables = append(variables, name+"="+*value)
	}
	return variables
}
