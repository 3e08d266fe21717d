// Google's client for Go beside the local broker and Google's emulator:
//
//	go_client publish|receive PROJECT TOPIC-OR-SUBSCRIPTION COUNT [MESSAGE]
//
// It prints ticks as headrace.dev.bench.ticks does: seconds, messages done, processor seconds, resident bytes. MESSAGE
// is a JSON object with the data, in base64, and the attributes of the message that is published again and again.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"cloud.google.com/go/pubsub/v2"
)

const (
	waiting     = 20_000 // confirmations that the publisher may be ahead of
	outstanding = 10_000
	parts       = 50
)

type message struct {
	Data       []byte            `json:"data"`
	Attributes map[string]string `json:"attributes"`
}

var began = time.Now()

func main() {
	mode, project, resource := os.Args[1], os.Args[2], os.Args[3]
	count, err := strconv.ParseInt(os.Args[4], 10, 64)
	check(err)
	ctx := context.Background()
	client, err := pubsub.NewClient(ctx, project)
	check(err)
	defer client.Close()
	if mode == "publish" {
		var one message
		check(json.Unmarshal([]byte(os.Args[5]), &one))
		publish(ctx, client.Publisher(resource), count, one)
	} else {
		receive(ctx, client.Subscriber(resource), count)
	}
}

func publish(ctx context.Context, publisher *pubsub.Publisher, count int64, one message) {
	results := make(chan *pubsub.PublishResult, waiting)
	go func() {
		defer close(results)
		for number := int64(0); number < count; number++ {
			attributes := make(map[string]string, len(one.Attributes))
			for name, value := range one.Attributes {
				attributes[name] = value
			}
			attributes["ce-id"] = "event-" + strconv.FormatInt(number, 10)
			results <- publisher.Publish(ctx, &pubsub.Message{Data: one.Data, Attributes: attributes})
		}
	}()
	done := int64(0)
	for result := range results {
		_, err := result.Get(ctx)
		check(err)
		done++
		tick(done, count)
	}
	publisher.Stop()
}

func receive(ctx context.Context, subscriber *pubsub.Subscriber, count int64) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	subscriber.ReceiveSettings.MaxOutstandingMessages = outstanding
	var done atomic.Int64
	check(subscriber.Receive(ctx, func(_ context.Context, received *pubsub.Message) {
		received.Ack()
		now := done.Add(1)
		tick(now, count)
		if now == count {
			cancel()
		}
	}))
}

func tick(done, count int64) {
	if done%max(1, count/parts) != 0 && done != count {
		return
	}
	var used syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	processor := float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
	fmt.Printf("[%f, %d, %f, %d]\n", time.Since(began).Seconds(), done, processor, used.Maxrss*1024)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
