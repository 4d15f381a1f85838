module studioml.fleet/sandbox/runner

go 1.26.0

require (
	github.com/rabbitmq/amqp091-go v1.16.0
	golang.org/x/crypto v0.58.0
)

require golang.org/x/sys v0.49.0 // indirect
