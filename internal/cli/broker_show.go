package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"restante/internal/broker/rabbitmq/management"
	"restante/internal/broker/rabbitmq/operate"
)

// printStatus prints the status of a broker for people.
func printStatus(out io.Writer, s *operate.Status) error {
	fmt.Fprintf(out, "RabbitMQ %s\n", orDash(s.Version))
	switch {
	case s.Record == nil:
		fmt.Fprintln(out, "no node of this version has used this virtual host yet")
	default:
		fmt.Fprintf(out, "%d partitions (version %d of the record)\n", s.Record.Partitions, s.Record.Version)
		for _, q := range slices.Sorted(maps.Keys(s.Record.Generations)) {
			if since := s.Record.Since(q); since > 1 {
				fmt.Fprintf(out, "partition %d: its queue was deleted and made again, generation %d\n", q, since)
			}
			if s.Record.Generations[q].Kept > 0 {
				fmt.Fprintf(out, "partition %d: the store had seen a later generation, generation %d\n", q, s.Record.Generation(q))
			}
		}
	}
	if s.Unchecked != "" {
		return nil
	}
	fmt.Fprintln(out)
	if err := printQueues(out, s.Queues); err != nil {
		return err
	}
	fmt.Fprintln(out)
	printPolicies(out, "policy", s.Policies)
	printPolicies(out, "operator policy", s.Operator)
	for _, d := range s.Dangers {
		fmt.Fprintf(out, "DANGER: %s\n", printableBytes([]byte(d.String())))
	}
	if len(s.Dangers) == 0 {
		fmt.Fprintln(out, "nothing is dangerous")
	}
	return nil
}

func printQueues(out io.Writer, queues []management.Queue) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "QUEUE\tMESSAGES\tCONSUMERS\tSTATE\tLEADER\tMEMBERS\tPOLICY")
	for _, q := range queues {
		members := fmt.Sprintf("%d of %d", len(q.Online), len(q.Members))
		policy := strings.Trim(q.Policy+" "+q.OperatorPolicy, " ")
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\t%s\t%s\n", orDash(q.Name), q.Messages, q.Consumers, orDash(q.State), orDash(q.Leader), members, orDash(policy))
	}
	return table.Flush()
}

func printPolicies(out io.Writer, kind string, policies []management.Policy) {
	for _, p := range policies {
		var settings []string
		for _, key := range slices.Sorted(maps.Keys(p.Definition)) {
			settings = append(settings, fmt.Sprintf("%s %v", key, p.Definition[key]))
		}
		text := fmt.Sprintf("%s %s on %s, priority %s: %s", kind, p.Name, p.Pattern, strconv.Itoa(p.Priority), strings.Join(settings, ", "))
		fmt.Fprintln(out, printableBytes([]byte(text)))
	}
}
