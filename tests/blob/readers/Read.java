import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventHubClientBuilder;
import com.azure.messaging.eventhubs.EventHubConsumerClient;
import com.azure.messaging.eventhubs.models.EventPosition;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * Reads so many events of a hub's only partition with Microsoft's client, and prints what {@code Parts} of
 * {@code docs/downstream/too-large.md} makes of them: once as they come, and once with each of them given twice.
 *
 * <p>The arguments are the connection string, the hub, and how many there are.
 */
public final class Read {
    private static List<EventData> received(String connection, String hub, int count) {
        EventHubConsumerClient client = new EventHubClientBuilder().connectionString(connection, hub)
            .consumerGroup(EventHubClientBuilder.DEFAULT_CONSUMER_GROUP_NAME).buildConsumerClient();
        List<EventData> events = new ArrayList<>();
        long last = -1;
        while (events.size() < count) {
            EventPosition from = last < 0 ? EventPosition.earliest() : EventPosition.fromSequenceNumber(last);
            for (var it : client.receiveFromPartition("0", count - events.size(), from, Duration.ofSeconds(20))) {
                last = it.getData().getSequenceNumber();
                events.add(it.getData());
            }
        }
        return events;
    }

    public static void main(String[] arguments) throws Exception {
        List<EventData> events = received(arguments[0], arguments[1], Integer.parseInt(arguments[2]));
        for (int times = 1; times <= 2; times++) {
            Parts parts = new Parts(64);
            for (EventData event : events) {
                for (int time = 0; time < times; time++) {
                    byte[] value = parts.value(event);
                    if (value == null) continue;
                    String hash = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(value));
                    System.out.printf("{\"times\":%d,\"id\":\"%s\",\"size\":%d,\"sha256\":\"%s\"}%n", times, event.getMessageId(), value.length, hash);
                }
            }
            System.out.printf("{\"times\":%d,\"open\":%d}%n", times, parts.open.size());
        }
        System.out.flush();
        // To close a client takes seconds, and nobody needs it any more.
        Runtime.getRuntime().halt(0);
    }
}
