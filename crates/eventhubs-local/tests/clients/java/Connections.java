import com.azure.core.amqp.AmqpRetryOptions;
import com.azure.core.amqp.AmqpTransportType;
import com.azure.messaging.eventhubs.EventHubBufferedProducerClientBuilder;
import com.azure.messaging.eventhubs.EventHubClientBuilder;
import com.azure.messaging.eventhubs.EventProcessorClientBuilder;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;

/** How the server is reached: over plain TCP, TLS or WebSocket. */
final class Connections {
    static final String CONNECTION = System.getenv("CLIENT_CONNECTION");
    static final String HUB = System.getenv("CLIENT_HUB");
    static final String TRANSPORT = System.getenv("CLIENT_TRANSPORT");

    private static final String ENDPOINT = "https://" + System.getenv("CLIENT_ENDPOINT");
    private static final AmqpRetryOptions RETRY = new AmqpRetryOptions()
        .setMaxRetries(1).setDelay(Duration.ofMillis(100)).setTryTimeout(Duration.ofSeconds(20));

    private Connections() {
    }

    static boolean isPlain() {
        return TRANSPORT.equals("plain");
    }

    private static AmqpTransportType type() {
        return TRANSPORT.equals("websocket") ? AmqpTransportType.AMQP_WEB_SOCKETS : AmqpTransportType.AMQP;
    }

    static EventHubClientBuilder client(String connection, String hub) {
        EventHubClientBuilder builder = new EventHubClientBuilder().connectionString(connection, hub)
            .consumerGroup(EventHubClientBuilder.DEFAULT_CONSUMER_GROUP_NAME).retryOptions(RETRY).transportType(type());
        return isPlain() ? builder : builder.customEndpointAddress(ENDPOINT);
    }

    static EventHubClientBuilder client() {
        return client(CONNECTION, HUB);
    }

    static EventHubBufferedProducerClientBuilder buffered() {
        return new EventHubBufferedProducerClientBuilder().connectionString(CONNECTION, HUB).retryOptions(RETRY);
    }

    static EventProcessorClientBuilder processor() {
        return new EventProcessorClientBuilder().connectionString(CONNECTION, HUB)
            .consumerGroup(EventHubClientBuilder.DEFAULT_CONSUMER_GROUP_NAME).retryOptions(RETRY);
    }

    /** Makes a trust store of the authority's certificate, as keytool does; before the first connection. */
    static void trustAuthority() throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (FileInputStream pem = new FileInputStream(System.getenv("CLIENT_CA"))) {
            trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        Path store = Files.createTempFile("client", ".p12");
        store.toFile().deleteOnExit();
        try (FileOutputStream file = new FileOutputStream(store.toFile())) {
            trusted.store(file, "password".toCharArray());
        }
        System.setProperty("javax.net.ssl.trustStore", store.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", "password");
    }
}
