import com.azure.messaging.eventhubs.CheckpointStore;
import com.azure.messaging.eventhubs.EventProcessorClient;
import com.azure.messaging.eventhubs.LoadBalancingStrategy;
import com.azure.messaging.eventhubs.models.Checkpoint;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.PartitionOwnership;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Processors, one after the other, with a checkpoint store in memory. */
final class Processors {
    /** The store; there is one hub and one consumer group, so partitions are its keys. */
    private static final class MemoryStore implements CheckpointStore {
        private final Map<String, PartitionOwnership> ownerships = new ConcurrentHashMap<>();
        private final Map<String, Checkpoint> checkpoints = new ConcurrentHashMap<>();

        @Override
        public Flux<PartitionOwnership> listOwnership(String namespace, String hub, String group) {
            return Flux.defer(() -> Flux.fromIterable(List.copyOf(ownerships.values())));
        }

        @Override
        public Flux<Checkpoint> listCheckpoints(String namespace, String hub, String group) {
            return Flux.defer(() -> Flux.fromIterable(List.copyOf(checkpoints.values())));
        }

        @Override
        public Flux<PartitionOwnership> claimOwnership(List<PartitionOwnership> wanted) {
            return Flux.defer(() -> Flux.fromIterable(wanted).filter(this::claim));
        }

        private synchronized boolean claim(PartitionOwnership wanted) {
            PartitionOwnership held = ownerships.get(wanted.getPartitionId());
            if (held != null && !held.getETag().equals(wanted.getETag())) {
                return false;
            }
            wanted.setETag(UUID.randomUUID().toString()).setLastModifiedTime(System.currentTimeMillis());
            ownerships.put(wanted.getPartitionId(), wanted);
            return true;
        }

        @Override
        public Mono<Void> updateCheckpoint(Checkpoint checkpoint) {
            return Mono.fromRunnable(() -> checkpoints.put(checkpoint.getPartitionId(), checkpoint));
        }
    }

    private final Set<String> partitions = new TreeSet<>();
    private final List<String> bodies = new ArrayList<>();
    private Throwable error;

    private Processors() {
    }

    /** Runs a processor until it owns all partitions and has read so many events of one; it sets a checkpoint at one event. */
    private static Processors process(MemoryStore store, String checkpointAt, int count) throws Exception {
        Processors seen = new Processors();
        EventProcessorClient processor = Connections.processor()
            .checkpointStore(store)
            // A greedy one may go on claiming while it is being stopped; then nobody gets its partitions until they expire.
            .loadBalancingStrategy(LoadBalancingStrategy.BALANCED)
            .loadBalancingUpdateInterval(Duration.ofMillis(250))
            .initialPartitionEventPosition(partition -> EventPosition.earliest())
            .processPartitionInitialization(context -> seen.note(() ->
                seen.partitions.add(context.getPartitionContext().getPartitionId())))
            .processEvent(context -> {
                String body = context.getEventData().getBodyAsString();
                if (body.equals(checkpointAt)) {
                    context.updateCheckpoint();
                }
                if (context.getPartitionContext().getPartitionId().equals(Client.PARTITION)) {
                    seen.note(() -> seen.bodies.add(body));
                }
            })
            .processError(context -> seen.note(() -> seen.error = context.getThrowable()))
            .buildEventProcessorClient();
        processor.start();
        seen.await(count);
        processor.stop();
        return seen;
    }

    private synchronized void note(Runnable change) {
        change.run();
        notifyAll();
    }

    private synchronized void await(int count) throws Exception {
        long deadline = System.nanoTime() + Client.LIMIT.toNanos();
        while (partitions.size() < 4 || bodies.size() < count) {
            long left = (deadline - System.nanoTime()) / 1_000_000;
            if (error != null || left <= 0) {
                throw new IllegalStateException("only " + partitions + " and " + bodies, error);
            }
            wait(left);
        }
    }

    private synchronized List<String> first(int count) {
        return List.copyOf(bodies.subList(0, count));
    }

    static void run() throws Exception {
        MemoryStore store = new MemoryStore();
        Processors first = process(store, "seed " + (Client.SEEDED / 2 - 1), Client.SEEDED);
        Client.say("processor_partitions", first.partitions);
        Client.say("processor_first", first.first(Client.SEEDED));
        int half = Client.SEEDED / 2;
        Client.say("processor_resumed", process(store, "", half).first(half));
    }
}
