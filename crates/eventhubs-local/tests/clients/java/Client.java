import com.azure.core.amqp.exception.AmqpException;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventDataBatch;
import com.azure.messaging.eventhubs.EventHubBufferedProducerClient;
import com.azure.messaging.eventhubs.EventHubConsumerAsyncClient;
import com.azure.messaging.eventhubs.EventHubProducerClient;
import com.azure.messaging.eventhubs.EventHubProperties;
import com.azure.messaging.eventhubs.PartitionProperties;
import com.azure.messaging.eventhubs.models.CreateBatchOptions;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.PartitionEvent;
import com.azure.messaging.eventhubs.models.ReceiveOptions;
import com.azure.messaging.eventhubs.models.SendOptions;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import reactor.core.Disposable;

/** Does what every client here does, and prints what it saw: one JSON object a line. {@code expected.rs} judges. */
public final class Client {
    static final String PARTITION = "2";
    static final int SEEDED = 20;
    static final Duration LIMIT = Duration.ofSeconds(60);

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final CreateBatchOptions ANYWHERE = new CreateBatchOptions();

    /** A receiver on one partition. */
    private static final class Reader implements AutoCloseable {
        private final EventHubConsumerAsyncClient client;
        private final Disposable subscription;
        private final CompletableFuture<String> first = new CompletableFuture<>();
        private final CompletableFuture<Throwable> error = new CompletableFuture<>();

        Reader(String connection, String partition, EventPosition position, Long ownerLevel) {
            client = Connections.client(connection, Connections.HUB).buildAsyncConsumerClient();
            subscription = client.receiveFromPartition(partition, position, new ReceiveOptions().setOwnerLevel(ownerLevel))
                .subscribe(event -> first.complete(event.getData().getBodyAsString()), error::complete);
        }

        Throwable awaitError() throws Exception {
            return error.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
        }

        String awaitEvent(long millis) throws Exception {
            return first.get(millis, TimeUnit.MILLISECONDS);
        }

        @Override
        public void close() {
            subscription.dispose();
            client.close();
        }
    }

    private interface Action {
        void run() throws Exception;
    }

    private Client() {
    }

    static void say(String check, Object saw) throws Exception {
        System.out.println(JSON.writeValueAsString(Map.of("check", check, "saw", saw)));
    }

    private static EventHubProducerClient producer() {
        return Connections.client().buildProducerClient();
    }

    private static List<PartitionEvent> read(EventPosition position, int count) {
        try (EventHubConsumerAsyncClient client = Connections.client().buildAsyncConsumerClient()) {
            return client.receiveFromPartition(PARTITION, position).take(count).collectList().block(LIMIT);
        }
    }

    private static List<String> bodies(List<PartitionEvent> events) {
        return events.stream().map(event -> event.getData().getBodyAsString()).toList();
    }

    private static void look() throws Exception {
        try (EventHubProducerClient client = producer()) {
            EventHubProperties hub = client.getEventHubProperties();
            say("hub_properties", Map.of("name", hub.getName(), "partitions", hub.getPartitionIds().stream().toList()));
            PartitionProperties found = client.getPartitionProperties(PARTITION);
            say("partition_properties", Map.of(
                "id", found.getId(), "empty", found.isEmpty(), "first", found.getBeginningSequenceNumber(),
                "last", found.getLastEnqueuedSequenceNumber(), "last_offset", found.getLastEnqueuedOffset()));
            found = client.getPartitionProperties("1");
            say("empty_partition", Map.of(
                "id", found.getId(), "empty", found.isEmpty(), "last", found.getLastEnqueuedSequenceNumber()));
        }
    }

    private static int send(EventHubProducerClient client, CreateBatchOptions options, List<EventData> events) {
        EventDataBatch batch = client.createBatch(options);
        for (EventData event : events) {
            if (!batch.tryAdd(event)) {
                throw new IllegalStateException("the batch did not take " + event.getBodyAsString());
            }
        }
        client.send(batch);
        return batch.getCount();
    }

    private static CreateBatchOptions to(String partition) {
        return new CreateBatchOptions().setPartitionId(partition);
    }

    private static void send() throws Exception {
        List<EventData> keyed = new ArrayList<>();
        List<EventData> targeted = new ArrayList<>();
        for (int n = 0; n < 3; n++) {
            EventData event = new EventData("keyed " + n).setMessageId("keyed-" + n).setContentType("text/plain");
            event.getProperties().putAll(Map.of("client", "java", "n", n, "flag", true));
            keyed.add(event);
            targeted.add(new EventData("targeted " + n));
        }
        try (EventHubProducerClient client = producer()) {
            say("send_single", send(client, ANYWHERE, List.of(new EventData("single"))));
            CreateBatchOptions withKey = new CreateBatchOptions().setPartitionKey("customer-17");
            say("send_batch_with_key", send(client, withKey, keyed));
            say("send_batch_to_partition", send(client, to("1"), targeted));
        }
    }

    private static void receive() throws Exception {
        List<PartitionEvent> events = read(EventPosition.earliest(), SEEDED);
        say("receive_from_start", bodies(events));
        EventData event = events.get(3).getData();
        say("read_event", Map.of(
            "body", event.getBodyAsString(), "partition_key", event.getPartitionKey(),
            "sequence_number", event.getSequenceNumber(), "message_id", event.getMessageId(),
            "correlation_id", event.getCorrelationId(), "content_type", event.getContentType(),
            "properties", event.getProperties()));
        EventPosition offset = EventPosition.fromOffsetString(System.getenv("CLIENT_OFFSET"));
        say("receive_after_offset", bodies(read(offset, SEEDED - 5)));
        say("receive_from_sequence_number", bodies(read(EventPosition.fromSequenceNumber(7, true), SEEDED - 7)));
        say("receive_after_sequence_number", bodies(read(EventPosition.fromSequenceNumber(7), SEEDED - 8)));
        Instant time = Instant.ofEpochMilli(Long.parseLong(System.getenv("CLIENT_TIME_MS")));
        say("receive_from_time", bodies(read(EventPosition.fromEnqueuedTime(time), SEEDED / 2)));
    }

    private static void receiveFromEnd() throws Exception {
        try (EventHubProducerClient client = producer()) {
            send(client, to("0"), List.of(new EventData("early")));
            try (Reader reader = new Reader(Connections.CONNECTION, "0", EventPosition.latest(), null)) {
                // Nobody tells when the receiver is attached: what is sent before that is not for it.
                for (int turn = 0; turn < LIMIT.toMillis() / 200; turn++) {
                    send(client, to("0"), List.of(new EventData("late")));
                    try {
                        say("receive_from_end", reader.awaitEvent(200));
                        break;
                    } catch (TimeoutException notYet) {
                        // Once more.
                    }
                }
            }
        }
    }

    private static Reader withLevel(long ownerLevel) {
        return new Reader(Connections.CONNECTION, PARTITION, EventPosition.earliest(), ownerLevel);
    }

    private static void epochs() throws Exception {
        try (Reader first = withLevel(1)) {
            // It has its link when it gets an event.
            first.awaitEvent(LIMIT.toMillis());
            try (Reader second = withLevel(2)) {
                say("stolen_by_a_higher_epoch", describe(first.awaitError()));
                second.awaitEvent(LIMIT.toMillis());
                try (Reader third = withLevel(1)) {
                    say("refused_by_a_higher_epoch", describe(third.awaitError()));
                }
            }
        }
    }

    private static void fillBatch() throws Exception {
        try (EventHubProducerClient client = producer()) {
            EventDataBatch batch = client.createBatch(to("0"));
            while (batch.getCount() < 100 && batch.tryAdd(new EventData("bulk".repeat(25_000)))) {
                // Until it is full.
            }
            client.send(batch);
            say("full_batch", batch.getCount());
        }
    }

    private static void sendBuffered() throws Exception {
        AtomicInteger sent = new AtomicInteger();
        List<String> errors = new ArrayList<>();
        try (EventHubBufferedProducerClient client = Connections.buffered()
            .onSendBatchSucceeded(context -> context.getEvents().forEach(event -> sent.incrementAndGet()))
            .onSendBatchFailed(context -> errors.add(describe(context.getThrowable())))
            .buildClient()) {
            SendOptions withKey = new SendOptions().setPartitionKey("7149583486996073602");
            for (int n = 0; n < 10; n++) {
                client.enqueueEvent(new EventData("buffered " + n), withKey);
            }
            client.flush();
        }
        say("send_buffered", errors.isEmpty() ? sent.get() : errors);
    }

    private static String describe(Throwable error) {
        if (error instanceof AmqpException amqp && amqp.getErrorCondition() != null) {
            return amqp.getErrorCondition().getErrorCondition() + ": " + error.getMessage();
        }
        return error.getClass().getSimpleName() + ": " + error.getMessage();
    }

    private static void fails(String check, Action action) throws Exception {
        String saw = "no error";
        try {
            action.run();
        } catch (Exception error) {
            saw = describe(error);
        }
        say(check, saw);
    }

    private static void sendTo(String connection, String hub, CreateBatchOptions options, String body) {
        try (EventHubProducerClient client = Connections.client(connection, hub).buildProducerClient()) {
            send(client, options, List.of(new EventData(body)));
        }
    }

    private static void sendAs(String who, String body) {
        sendTo(System.getenv(who), Connections.HUB, ANYWHERE, body);
    }

    private static void sendOversize() {
        try (EventHubProducerClient client = producer()) {
            // Past the batch, which would not take it.
            client.send(List.of(new EventData("refused".repeat(100_000))));
        }
    }

    private static void receiveAs(String who) throws Exception {
        try (Reader reader = new Reader(System.getenv(who), PARTITION, EventPosition.earliest(), null)) {
            throw (Exception) reader.awaitError();
        }
    }

    private static void failures() throws Exception {
        fails("wrong_key", () -> sendAs("CLIENT_WRONG_KEY", "refused"));
        fails("expired_token", () -> sendAs("CLIENT_EXPIRED_TOKEN", "refused"));
        fails("missing_right_to_send", () -> sendAs("CLIENT_LISTENER", "refused"));
        fails("missing_right_to_receive", () -> receiveAs("CLIENT_SENDER"));
        fails("unknown_hub", () -> sendTo(Connections.CONNECTION, "nowhere", ANYWHERE, "refused"));
        fails("unknown_partition", () -> sendTo(Connections.CONNECTION, Connections.HUB, to("9"), "refused"));
        fails("oversize_event", Client::sendOversize);
    }

    private static void everything() throws Exception {
        if (!Connections.isPlain()) {
            Connections.trustAuthority();
        }
        look();
        send();
        receive();
        if (Connections.isPlain()) {
            receiveFromEnd();
            epochs();
            fillBatch();
            sendBuffered();
            Processors.run();
            sendAs("CLIENT_TOKEN", "signed");
            say("send_with_token", 1);
            failures();
        }
    }

    public static void main(String[] arguments) {
        // Threads of the client that are still there must not keep the program, whether it is done or has failed.
        try {
            everything();
            System.exit(0);
        } catch (Throwable failure) {
            failure.printStackTrace();
            System.exit(1);
        }
    }
}
