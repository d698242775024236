// Processors, one after the other, with a checkpoint store in memory.
package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

// memory is the store; there is one hub and one consumer group, so partitions are its keys.
type memory struct {
	lock        sync.Mutex
	claims      int
	ownerships  map[string]azeventhubs.Ownership
	checkpoints map[string]azeventhubs.Checkpoint
}

func (m *memory) ClaimOwnership(
	_ context.Context, wanted []azeventhubs.Ownership, _ *azeventhubs.ClaimOwnershipOptions,
) ([]azeventhubs.Ownership, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	var claimed []azeventhubs.Ownership
	for _, ownership := range wanted {
		held, exists := m.ownerships[ownership.PartitionID]
		if exists && (ownership.ETag == nil || *ownership.ETag != *held.ETag) {
			continue
		}
		m.claims++
		tag := azcore.ETag(fmt.Sprint(m.claims))
		ownership.ETag, ownership.LastModifiedTime = &tag, time.Now().UTC()
		m.ownerships[ownership.PartitionID] = ownership
		claimed = append(claimed, ownership)
	}
	return claimed, nil
}

func (m *memory) ListOwnership(
	_ context.Context, _, _, _ string, _ *azeventhubs.ListOwnershipOptions,
) ([]azeventhubs.Ownership, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	var all []azeventhubs.Ownership
	for _, ownership := range m.ownerships {
		all = append(all, ownership)
	}
	return all, nil
}

func (m *memory) ListCheckpoints(
	_ context.Context, _, _, _ string, _ *azeventhubs.ListCheckpointsOptions,
) ([]azeventhubs.Checkpoint, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	var all []azeventhubs.Checkpoint
	for _, checkpoint := range m.checkpoints {
		all = append(all, checkpoint)
	}
	return all, nil
}

func (m *memory) SetCheckpoint(
	_ context.Context, checkpoint azeventhubs.Checkpoint, _ *azeventhubs.SetCheckpointOptions,
) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.checkpoints[checkpoint.PartitionID] = checkpoint
	return nil
}

// process runs a processor until it owns all four partitions and has read count events of one, setting a checkpoint
// there after the event with the body checkpointAt. It returns the partitions and the first bodies.
func process(store *memory, checkpointAt string, count int) ([]string, []string) {
	ctx, cancel := soon()
	defer cancel()
	earliest := true
	client := newConsumer(connection)
	processor := got(azeventhubs.NewProcessor(client, store, &azeventhubs.ProcessorOptions{
		LoadBalancingStrategy: azeventhubs.ProcessorStrategyGreedy,
		UpdateInterval:        time.Second,
		StartPositions:        azeventhubs.StartPositions{Default: azeventhubs.StartPosition{Earliest: &earliest}},
	}))
	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- processor.Run(running) }()
	var partitions, bodies []string
	for len(partitions) < 4 {
		events := processor.NextPartitionClient(ctx)
		if events == nil {
			panic(fmt.Sprintf("only %v were claimed in time", partitions))
		}
		partitions = append(partitions, events.PartitionID())
		if events.PartitionID() == partition {
			bodies = readAndCheckpoint(ctx, events, checkpointAt, count)
		}
		defer events.Close(ctx)
	}
	stop()
	must(<-ended)
	must(client.Close(ctx))
	slices.Sort(partitions)
	return partitions, bodies
}

func readAndCheckpoint(
	ctx context.Context, events *azeventhubs.ProcessorPartitionClient, checkpointAt string, count int,
) []string {
	var bodies []string
	for len(bodies) < count {
		received, err := events.ReceiveEvents(ctx, count-len(bodies), nil)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			panic(err)
		}
		for _, event := range received {
			bodies = append(bodies, string(event.Body))
			if string(event.Body) == checkpointAt {
				must(events.UpdateCheckpoint(ctx, event, nil))
			}
		}
		if ctx.Err() != nil {
			panic(fmt.Sprintf("only %v were received in time", bodies))
		}
	}
	return bodies
}

func runProcessors() {
	store := &memory{
		ownerships: map[string]azeventhubs.Ownership{}, checkpoints: map[string]azeventhubs.Checkpoint{},
	}
	partitions, first := process(store, fmt.Sprintf("seed %d", seeded/2-1), seeded)
	say("processor_partitions", partitions)
	say("processor_first", first)
	_, resumed := process(store, "", seeded/2)
	say("processor_resumed", resumed)
}
