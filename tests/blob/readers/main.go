// Reads so many events of a hub's only partition with Microsoft's client, and prints what `Parts` of `docs/downstream/too-large.md` makes
// of them: once as they come, and once with each of them given twice.
//
// The arguments are the connection string, the hub, and how many there are.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

func got[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func say(line map[string]any) {
	fmt.Println(string(got(json.Marshal(line))))
}

func received(connection, hub string, count int) (events []*azeventhubs.ReceivedEventData) {
	limited, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := got(azeventhubs.NewConsumerClientFromConnectionString(connection, hub, azeventhubs.DefaultConsumerGroup, nil))
	first := true
	partition := got(client.NewPartitionClient("0", &azeventhubs.PartitionClientOptions{
		StartPosition: azeventhubs.StartPosition{Earliest: &first},
	}))
	for len(events) < count {
		events = append(events, got(partition.ReceiveEvents(limited, 1, nil))...)
	}
	return events
}

func main() {
	connection, hub, count := os.Args[1], os.Args[2], got(strconv.Atoi(os.Args[3]))
	events := received(connection, hub, count)
	for times := 1; times <= 2; times++ {
		parts := &Parts{Most: 64, Open: map[string][][]byte{}}
		for _, event := range events {
			for range times {
				if value := parts.Value(event); value != nil {
					hash := sha256.Sum256(value)
					say(map[string]any{"times": times, "id": event.MessageID, "size": len(value), "sha256": hex.EncodeToString(hash[:])})
				}
			}
		}
		say(map[string]any{"times": times, "open": len(parts.Open)})
	}
}
