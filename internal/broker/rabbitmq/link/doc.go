// Package link is the connection to RabbitMQ: it dials one of several addresses, notices what is lost, dials again, and
// publishes with confirms. It knows nothing of messages of a room; the packages rabbitmq, topology and deadletter are its
// users.
//
// Read it from the outside in. link.go has Link, a connection that comes back, and Broker, which makes the links of one
// node. session.go has Session, one connection from dialling to its loss; socket.go the net.Conn below it, whose writes
// never block; address.go the URLs, and which errors waiting cannot repair. send.go has Sender, which publishes many
// messages at once over one channel; attempt.go has the time limit and the errors of one attempt. once.go dials the
// connection of a tool that ends after its work. names.go has the queues and exchanges that more than one user knows.
package link
