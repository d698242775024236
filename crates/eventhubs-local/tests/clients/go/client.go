// Does what every client here does, and prints what it saw: one JSON object a line. `expected.rs` judges.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

const (
	seeded    = 20
	partition = "2"
	limit     = 60 * time.Second
)

var (
	connection = os.Getenv("CLIENT_CONNECTION")
	hub        = os.Getenv("CLIENT_HUB")
	transport  = os.Getenv("CLIENT_TRANSPORT")
	retry      = azeventhubs.RetryOptions{MaxRetries: 1, RetryDelay: 100 * time.Millisecond}
)

func say(check string, saw any) {
	line, err := json.Marshal(map[string]any{"check": check, "saw": saw})
	must(err)
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func got[T any](value T, err error) T {
	must(err)
	return value
}

// soon is the context of one call.
func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), limit)
}

func newProducer(connection, hub string) (*azeventhubs.ProducerClient, error) {
	path := route()
	return azeventhubs.NewProducerClientFromConnectionString(connection, hub, &azeventhubs.ProducerClientOptions{
		RetryOptions: retry, CustomEndpoint: path.endpoint, TLSConfig: path.tls, NewWebSocketConn: path.dial,
	})
}

func newConsumer(connection string) *azeventhubs.ConsumerClient {
	path, group := route(), azeventhubs.DefaultConsumerGroup
	options := &azeventhubs.ConsumerClientOptions{
		RetryOptions: retry, CustomEndpoint: path.endpoint, TLSConfig: path.tls, NewWebSocketConn: path.dial,
	}
	return got(azeventhubs.NewConsumerClientFromConnectionString(connection, hub, group, options))
}

// reader is a receiver on one partition, with a client of its own.
type reader struct {
	client *azeventhubs.ConsumerClient
	events *azeventhubs.PartitionClient
}

func open(partition string, start azeventhubs.StartPosition, ownerLevel *int64) reader {
	client := newConsumer(connection)
	events := got(client.NewPartitionClient(partition, &azeventhubs.PartitionClientOptions{
		StartPosition: start, OwnerLevel: ownerLevel,
	}))
	return reader{client, events}
}

func (r reader) close() {
	ctx, cancel := soon()
	defer cancel()
	must(r.events.Close(ctx))
	must(r.client.Close(ctx))
}

func read(start azeventhubs.StartPosition, count int) []*azeventhubs.ReceivedEventData {
	ctx, cancel := soon()
	defer cancel()
	reader := open(partition, start, nil)
	defer reader.close()
	var events []*azeventhubs.ReceivedEventData
	for len(events) < count {
		events = append(events, got(reader.events.ReceiveEvents(ctx, count-len(events), nil))...)
	}
	return events
}

func bodies(events []*azeventhubs.ReceivedEventData) []string {
	var bodies []string
	for _, event := range events {
		bodies = append(bodies, string(event.Body))
	}
	return bodies
}

func look(producer *azeventhubs.ProducerClient) {
	ctx, cancel := soon()
	defer cancel()
	properties := got(producer.GetEventHubProperties(ctx, nil))
	say("hub_properties", map[string]any{"name": properties.Name, "partitions": properties.PartitionIDs})
	found := got(producer.GetPartitionProperties(ctx, partition, nil))
	say("partition_properties", map[string]any{
		"id": found.PartitionID, "empty": found.IsEmpty, "first": found.BeginningSequenceNumber,
		"last": found.LastEnqueuedSequenceNumber, "last_offset": found.LastEnqueuedOffset,
	})
	found = got(producer.GetPartitionProperties(ctx, "1", nil))
	say("empty_partition", map[string]any{
		"id": found.PartitionID, "empty": found.IsEmpty, "last": found.LastEnqueuedSequenceNumber,
	})
}

// send sends one batch and returns how many events were in it.
func send(
	producer *azeventhubs.ProducerClient, options azeventhubs.EventDataBatchOptions, events ...*azeventhubs.EventData,
) (int32, error) {
	ctx, cancel := soon()
	defer cancel()
	batch, err := producer.NewEventDataBatch(ctx, &options)
	if err != nil {
		return 0, err
	}
	for _, event := range events {
		if err := batch.AddEventData(event, nil); err != nil {
			return 0, err
		}
	}
	return batch.NumEvents(), producer.SendEventDataBatch(ctx, batch, nil)
}

func to(partition string) azeventhubs.EventDataBatchOptions {
	return azeventhubs.EventDataBatchOptions{PartitionID: &partition}
}

func event(body string) *azeventhubs.EventData {
	return &azeventhubs.EventData{Body: []byte(body)}
}

func sendAll(producer *azeventhubs.ProducerClient) {
	say("send_single", got(send(producer, azeventhubs.EventDataBatchOptions{}, event("single"))))
	key, kind := "customer-17", "text/plain"
	var keyed, targeted []*azeventhubs.EventData
	for n := range 3 {
		id := fmt.Sprintf("keyed-%d", n)
		event := event(fmt.Sprintf("keyed %d", n))
		event.MessageID, event.ContentType = &id, &kind
		event.Properties = map[string]any{"client": "go", "n": n, "flag": true}
		keyed = append(keyed, event)
		targeted = append(targeted, &azeventhubs.EventData{Body: fmt.Appendf(nil, "targeted %d", n)})
	}
	say("send_batch_with_key", got(send(producer, azeventhubs.EventDataBatchOptions{PartitionKey: &key}, keyed...)))
	say("send_batch_to_partition", got(send(producer, to("1"), targeted...)))
}

func receive() {
	earliest, offset, seven := true, os.Getenv("CLIENT_OFFSET"), int64(7)
	millis := got(strconv.ParseInt(os.Getenv("CLIENT_TIME_MS"), 10, 64))
	time := time.UnixMilli(millis)
	events := read(azeventhubs.StartPosition{Earliest: &earliest}, seeded)
	say("receive_from_start", bodies(events))
	event := events[3]
	say("read_event", map[string]any{
		"body": string(event.Body), "partition_key": event.PartitionKey, "sequence_number": event.SequenceNumber,
		"message_id": event.MessageID, "correlation_id": event.CorrelationID, "content_type": event.ContentType,
		"properties": event.Properties,
	})
	for _, from := range []struct {
		check string
		start azeventhubs.StartPosition
		first int
	}{
		{"receive_after_offset", azeventhubs.StartPosition{Offset: &offset}, 5},
		{"receive_from_sequence_number", azeventhubs.StartPosition{SequenceNumber: &seven, Inclusive: true}, 7},
		{"receive_after_sequence_number", azeventhubs.StartPosition{SequenceNumber: &seven}, 8},
		{"receive_from_time", azeventhubs.StartPosition{EnqueuedTime: &time}, seeded / 2},
	} {
		say(from.check, bodies(read(from.start, seeded-from.first)))
	}
}

func receiveFromEnd(producer *azeventhubs.ProducerClient) {
	ctx, cancel := soon()
	defer cancel()
	got(send(producer, to("0"), event("early")))
	latest := true
	reader := open("0", azeventhubs.StartPosition{Latest: &latest}, nil)
	received := make(chan string)
	go func() { received <- string(got(reader.events.ReceiveEvents(ctx, 1, nil))[0].Body) }()
	for {
		// Nobody tells when the receiver is attached: what is sent before that is not for it.
		got(send(producer, to("0"), event("late")))
		select {
		case body := <-received:
			say("receive_from_end", body)
			reader.close()
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func stolen() {
	ctx, cancel := soon()
	defer cancel()
	earliest, low, high := true, int64(1), int64(2)
	start := azeventhubs.StartPosition{Earliest: &earliest}
	first, second := open(partition, start, &low), open(partition, start, &high)
	got(first.events.ReceiveEvents(ctx, 1, nil))
	got(second.events.ReceiveEvents(ctx, 1, nil))
	var err error
	for err == nil {
		_, err = first.events.ReceiveEvents(ctx, seeded, nil)
	}
	say("stolen_by_a_higher_epoch", describe(err))
	first.close()
	third := open(partition, start, &low)
	_, err = third.events.ReceiveEvents(ctx, 1, nil)
	say("refused_by_a_higher_epoch", describe(err))
	third.close()
	second.close()
}

func fillBatch(producer *azeventhubs.ProducerClient) {
	ctx, cancel := soon()
	defer cancel()
	options := to("0")
	batch := got(producer.NewEventDataBatch(ctx, &options))
	var err error
	for err == nil && batch.NumEvents() < 100 {
		err = batch.AddEventData(&azeventhubs.EventData{Body: bytes.Repeat([]byte("bulk"), 25_000)}, nil)
	}
	if !errors.Is(err, azeventhubs.ErrEventDataTooLarge) {
		panic(err)
	}
	must(producer.SendEventDataBatch(ctx, batch, nil))
	say("full_batch", batch.NumEvents())
}

func describe(err error) string {
	var known *azeventhubs.Error
	if errors.As(err, &known) {
		return fmt.Sprintf("%s: %v", known.Code, err)
	}
	return fmt.Sprint(err)
}

// sends is what an attempt to send comes to: the client's words for what is wrong.
func sends(connection, hub string, options azeventhubs.EventDataBatchOptions, body []byte) string {
	producer := got(newProducer(connection, hub))
	_, err := send(producer, options, &azeventhubs.EventData{Body: body})
	// What went wrong may go wrong again here.
	ctx, cancel := soon()
	defer cancel()
	_ = producer.Close(ctx)
	return describe(err)
}

// receives is the same for an attempt to receive.
func receives(connection string) string {
	ctx, cancel := soon()
	defer cancel()
	earliest := true
	client := newConsumer(connection)
	events := got(client.NewPartitionClient(partition, &azeventhubs.PartitionClientOptions{
		StartPosition: azeventhubs.StartPosition{Earliest: &earliest},
	}))
	_, err := events.ReceiveEvents(ctx, 1, nil)
	_ = client.Close(ctx)
	return describe(err)
}

func sayFailures() {
	none, body := azeventhubs.EventDataBatchOptions{}, []byte("refused")
	say("wrong_key", sends(os.Getenv("CLIENT_WRONG_KEY"), hub, none, body))
	say("expired_token", sends(os.Getenv("CLIENT_EXPIRED_TOKEN"), hub, none, body))
	say("missing_right_to_send", sends(os.Getenv("CLIENT_LISTENER"), hub, none, body))
	say("missing_right_to_receive", receives(os.Getenv("CLIENT_SENDER")))
	say("unknown_hub", sends(connection, "nowhere", none, body))
	say("unknown_partition", sends(connection, hub, to("9"), body))
	say("oversize_event", sends(connection, hub, none, bytes.Repeat(body, 100_000)))
}

func sendWithToken() {
	ctx, cancel := soon()
	defer cancel()
	producer := got(newProducer(os.Getenv("CLIENT_TOKEN"), hub))
	say("send_with_token", got(send(producer, azeventhubs.EventDataBatchOptions{}, event("signed"))))
	must(producer.Close(ctx))
}

func main() {
	ctx, cancel := soon()
	defer cancel()
	producer := got(newProducer(connection, hub))
	look(producer)
	sendAll(producer)
	receive()
	if transport == "plain" {
		receiveFromEnd(producer)
		stolen()
		fillBatch(producer)
		runProcessors()
		sendWithToken()
		sayFailures()
	}
	must(producer.Close(ctx))
}
