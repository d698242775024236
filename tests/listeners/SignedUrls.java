import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/** Lets in who shows a URL signed as IAM of AWS wants it, as the brokers of MSK do: by the rules of AWS, and nothing of the bridge. */
public class SignedUrls implements AuthenticateCallbackHandler {
    private static final String REGION = System.getProperty("iam.region");
    private static final String SECRET = System.getProperty("iam.secret");
    private static final DateTimeFormatter TIME =
        DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {}

    @Override
    public void close() {}

    @Override
    public void handle(Callback[] callbacks) {
        for (Callback callback : callbacks) {
            if (callback instanceof OAuthBearerValidatorCallback shown) {
                try {
                    shown.token(look(shown.tokenValue()));
                } catch (Exception e) {
                    shown.error("invalid_token", null, null);
                }
            } else if (callback instanceof OAuthBearerExtensionsValidatorCallback extensions) {
                extensions.inputExtensions().map().keySet().forEach(extensions::valid);
            }
        }
    }

    private static OAuthBearerToken look(String token) throws Exception {
        String url = new String(Base64.getUrlDecoder().decode(token), StandardCharsets.US_ASCII);
        String host = "kafka." + REGION + ".amazonaws.com";
        if (!url.startsWith("https://" + host + "/?")) throw new IllegalArgumentException("host");
        TreeMap<String, String> parts = new TreeMap<>();
        for (String part : url.substring(url.indexOf('?') + 1).split("&")) {
            parts.put(part.substring(0, part.indexOf('=')), part.substring(part.indexOf('=') + 1));
        }
        String signature = parts.remove("X-Amz-Signature");
        parts.remove("User-Agent");
        String date = parts.get("X-Amz-Date");
        String day = date.substring(0, 8);
        String scope = day + "/" + REGION + "/kafka-cluster/aws4_request";
        String credential = URLDecoder.decode(parts.get("X-Amz-Credential"), StandardCharsets.UTF_8);
        String user = credential.substring(0, credential.indexOf('/'));
        if (!credential.equals(user + "/" + scope)) throw new IllegalArgumentException("scope");
        if (!parts.get("Action").equals("kafka-cluster%3AConnect")) throw new IllegalArgumentException("action");
        long start = Instant.from(TIME.parse(date)).toEpochMilli();
        long seconds = Long.parseLong(parts.get("X-Amz-Expires"));
        if (seconds > 900) throw new IllegalArgumentException("too long");
        long end = start + seconds * 1000;
        if (end < System.currentTimeMillis()) throw new IllegalArgumentException("over");
        StringBuilder query = new StringBuilder();
        parts.forEach((name, value) -> query.append(query.isEmpty() ? "" : "&").append(name).append("=").append(value));
        String request = "GET\n/\n" + query + "\nhost:" + host + "\n\nhost\n" + digest("");
        String text = "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + digest(request);
        byte[] key = ("AWS4" + SECRET).getBytes(StandardCharsets.UTF_8);
        for (String part : scope.split("/")) key = mac(key, part);
        if (!HexFormat.of().formatHex(mac(key, text)).equals(signature)) throw new IllegalArgumentException("signature");
        // The role stays who it is, whatever the credentials.
        return new OAuthBearerToken() {
            @Override public String value() { return token; }
            @Override public Set<String> scope() { return Set.of(); }
            @Override public long lifetimeMs() { return end; }
            @Override public String principalName() { return "role"; }
            @Override public Long startTimeMs() { return start; }
        };
    }

    private static String digest(String text) throws Exception {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    private static byte[] mac(byte[] key, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }
}
