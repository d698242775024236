// Reads so many CloudEvents of a hub with the SDK of CloudEvents, over AMQP, and prints of each what the SDK says: its data in base64.
//
// The arguments are the server's address, the name of a key and the key, the hub, and how many there are.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/Azure/go-amqp"
	protocol "github.com/cloudevents/sdk-go/protocol/amqp/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cloudevents "github.com/cloudevents/sdk-go/v2/event"
)

func got[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// attributes of an event, in their canonical text but for the numbers among the extensions.
func attributes(event *cloudevents.Event) map[string]any {
	all := map[string]any{"specversion": event.SpecVersion(), "id": event.ID(), "source": event.Source(), "type": event.Type()}
	optional := map[string]string{"subject": event.Subject(), "datacontenttype": event.DataContentType()}
	if !event.Time().IsZero() {
		optional["time"] = event.Time().Format(time.RFC3339Nano)
	}
	for name, value := range optional {
		if value != "" {
			all[name] = value
		}
	}
	for name, value := range event.Extensions() {
		all[name] = value
	}
	return all
}

func main() {
	address, name, key, hub, count := os.Args[1], os.Args[2], os.Args[3], os.Args[4], got(strconv.Atoi(os.Args[5]))
	limited, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := got(amqp.Dial("amqp://"+address, amqp.ConnSASLPlain(name, key)))
	partition := hub + "/ConsumerGroups/$Default/Partitions/0"
	first := protocol.WithReceiverLinkOption(amqp.LinkSelectorFilter("amqp.annotation.x-opt-offset > '-1'"))
	hubs := got(protocol.NewReceiverProtocolFromClient(client, got(client.NewSession()), partition, first))
	for range count {
		message := got(hubs.Receive(limited))
		event := got(binding.ToEvent(limited, message))
		if err := event.Validate(); err != nil {
			panic(err)
		}
		mode := message.ReadEncoding().String()
		said := map[string]any{"mode": mode, "attributes": attributes(event), "data": event.Data()}
		fmt.Println(string(got(json.Marshal(said))))
		if err := message.Finish(nil); err != nil {
			panic(err)
		}
	}
}
