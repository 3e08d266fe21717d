// Command publish publishes the events of examples/producers/README.md, with a Pub/Sub client and an Avro library alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"

	"cloud.google.com/go/pubsub/v2"
)

const source = "/examples/go"

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	events, err := strconv.ParseInt(os.Getenv("EVENTS"), 10, 64)
	if err != nil {
		return fmt.Errorf("EVENTS: %w", err)
	}
	contract, err := ReadContract(os.Getenv("CONTRACT"))
	if err != nil {
		return err
	}
	client, err := pubsub.NewClient(ctx, os.Getenv("PUBSUB_PROJECT_ID"))
	if err != nil {
		return err
	}
	publisher := client.Publisher(os.Getenv("TOPIC"))
	err = publish(ctx, publisher, contract, events)
	publisher.Stop()
	return errors.Join(err, client.Close())
}

func publish(ctx context.Context, publisher *pubsub.Publisher, contract Contract, events int64) error {
	results := make([]*pubsub.PublishResult, events)
	for k := range events {
		scan := NewScan(k)
		message, err := contract.Message(scan.ID(contract.Subject), source, scan.ScannedAt, scan)
		if err != nil {
			return fmt.Errorf("event %d: %w", k, err)
		}
		results[k] = publisher.Publish(ctx, message) // the client sends it again for a minute, if it must
	}
	for k, result := range results {
		if _, err := result.Get(ctx); err != nil {
			// It may have arrived all the same. An application keeps the event and publishes it again.
			return fmt.Errorf("event %d is not confirmed: %w", k, err)
		}
	}
	return nil
}
