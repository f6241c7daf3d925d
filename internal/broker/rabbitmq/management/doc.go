// Package management asks RabbitMQ's management HTTP API for what AMQP cannot show: lists of queues, and the policies in
// force. Nothing in the journey of a message depends on it: a node that cannot reach the API only knows less.
//
// Read client.go first: Client, and how its address follows from those of the broker. state.go is what it reads. danger.go
// says which settings may lose or hold up messages, and policy.go has the one policy that the manual advises.
package management
