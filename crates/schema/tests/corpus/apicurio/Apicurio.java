import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import com.networknt.schema.JsonSchema;
import io.apicurio.registry.resolver.ParsedSchema;
import io.apicurio.registry.resolver.ParsedSchemaImpl;
import io.apicurio.registry.resolver.SchemaLookupResult;
import io.apicurio.registry.resolver.SchemaParser;
import io.apicurio.registry.resolver.SchemaResolver;
import io.apicurio.registry.resolver.data.Record;
import io.apicurio.registry.resolver.strategy.ArtifactReference;
import io.apicurio.registry.resolver.strategy.ArtifactReferenceResolverStrategy;
import io.apicurio.registry.rest.client.RegistryClient;
import io.apicurio.registry.serde.AbstractKafkaDeserializer;
import io.apicurio.registry.serde.AbstractKafkaSerializer;
import io.apicurio.registry.serde.Legacy4ByteIdHandler;
import io.apicurio.registry.serde.avro.AvroKafkaDeserializer;
import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import io.apicurio.registry.serde.jsonschema.JsonSchemaKafkaDeserializer;
import io.apicurio.registry.serde.jsonschema.JsonSchemaKafkaSerializer;
import io.apicurio.registry.serde.protobuf.ProtobufKafkaDeserializer;
import io.apicurio.registry.serde.protobuf.ProtobufKafkaSerializer;
import io.apicurio.registry.utils.protobuf.schema.ProtobufSchema;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;

/**
 * Makes {@code apicurio.json}: values that Apicurio's serializers wrote, each with what its own deserializers read.
 *
 * <pre>
 * mvn -q dependency:copy-dependencies -DoutputDirectory=/tmp/apicurio
 * java -cp '/tmp/apicurio/*' Apicurio.java ../apicurio.json
 * </pre>
 *
 * The registry is {@link Fixed}: it holds one schema, with global id 70000000001 or 7, and content id 9.
 */
public class Apicurio {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    private static final ArrayNode CASES = JSON.createArrayNode();

    /** How a serializer is set: the names of its configuration. */
    private static final List<String> SETTINGS = List.of("eight", "four", "eight content", "headers", "headers content");

    private static Map<String, Object> configuration(String kind, String setting) {
        Map<String, Object> all = new HashMap<>();
        all.put("apicurio.registry.url", "http://localhost:1/");
        all.put("apicurio.registry.headers.enabled", setting.startsWith("headers"));
        all.put("apicurio.registry.use-id", setting.endsWith("content") ? "contentId" : "globalId");
        all.put("apicurio.registry.serde.validation-enabled", false);
        if (kind.equals("PROTOBUF")) {
            all.put("apicurio.registry.deserializer.value.return-class", DynamicMessage.class.getName());
            all.put("apicurio.registry.deserializer.key.return-class", DynamicMessage.class.getName());
        }
        if (setting.equals("four")) {
            all.put("apicurio.registry.id-handler", Legacy4ByteIdHandler.class.getName());
        }
        return all;
    }

    /** A registry with one schema. */
    private static final class Fixed<S, U> implements SchemaResolver<S, U> {
        private final long globalId;
        private ParsedSchema<S> only;
        private SchemaParser<S, U> parser;

        Fixed(long globalId, ParsedSchema<S> only) {
            this.globalId = globalId;
            this.only = only;
        }

        @Override
        public void configure(Map<String, ?> configs, SchemaParser<S, U> parser) {
            this.parser = parser;
        }

        @Override
        public SchemaLookupResult<S> resolveSchema(Record<U> record) {
            if (only == null) {
                only = parser.getSchemaFromData(record);
            }
            return resolveSchemaByArtifactReference(null);
        }

        @Override
        public SchemaLookupResult<S> resolveSchemaByArtifactReference(ArtifactReference reference) {
            return SchemaLookupResult.<S>builder().parsedSchema(only).globalId(globalId).contentId(9).build();
        }

        @Override
        public SchemaParser<S, U> getSchemaParser() {
            return parser;
        }

        @Override
        public void setClient(RegistryClient client) {}

        @Override
        public void setArtifactResolverStrategy(ArtifactReferenceResolverStrategy<S, U> strategy) {}

        @Override
        public void reset() {}

        @Override
        public void close() {}
    }

    private interface Json<U> {
        String of(U value) throws Exception;
    }

    private static <S, U> void add(
            String kind, String setting, boolean key, Fixed<S, U> registry, AbstractKafkaSerializer<S, U> serializer,
            AbstractKafkaDeserializer<S, U> deserializer, U value, Json<U> json) throws Exception {
        serializer.setSchemaResolver(registry);
        deserializer.setSchemaResolver(registry);
        serializer.configure(configuration(kind, setting), key);
        deserializer.configure(configuration(kind, setting), key);
        RecordHeaders headers = new RecordHeaders();
        boolean inHeaders = setting.startsWith("headers");
        byte[] written = inHeaders ? serializer.serialize("topic", headers, value) : serializer.serialize("topic", value);
        U read = inHeaders ? deserializer.deserialize("topic", headers, written) : deserializer.deserialize("topic", written);
        ObjectNode one = CASES.addObject();
        one.put("name", kind + ", " + setting + (key ? ", key" : ""));
        one.put("kind", kind);
        one.put("part", key ? "key" : "value");
        one.put("width", setting.equals("four") ? 4 : 8);
        one.put("counts", setting.endsWith("content") ? "content" : "global");
        one.put("schema", new String(registry.only.getRawSchema(), StandardCharsets.UTF_8));
        references(registry.only, one.putArray("references"));
        ObjectNode all = one.putObject("headers");
        for (Header header : headers) {
            all.put(header.key(), HexFormat.of().formatHex(header.value()));
        }
        one.put("bytes", HexFormat.of().formatHex(written));
        one.put("id", setting.endsWith("content") ? "content id 9" : "global id " + registry.globalId);
        one.set("json", JSON.readTree(json.of(read)));
    }

    /** All that a schema refers to; what is referred to comes first. Of Avro, Apicurio registers each type with a name by itself. */
    private static <S> void references(ParsedSchema<S> schema, ArrayNode all) {
        if (schema.getSchemaReferences() == null) {
            return;
        }
        for (ParsedSchema<S> reference : schema.getSchemaReferences()) {
            references(reference, all);
            all.addObject().put("name", reference.referenceName()).put("text", new String(reference.getRawSchema(), StandardCharsets.UTF_8));
        }
    }

    private static GenericData.Record order() {
        Schema schema = new Schema.Parser().parse("""
            {"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},
             {"name":"note","type":["null","string"]},{"name":"lines","type":{"type":"array","items":"string"}},
             {"name":"state","type":{"type":"enum","name":"State","symbols":["OPEN","PAID"]}}]}""");
        GenericData.Record order = new GenericData.Record(schema);
        order.put("id", 7L);
        order.put("note", "by \"hand\"");
        order.put("lines", List.of("a", "b"));
        order.put("state", new GenericData.EnumSymbol(schema.getField("state").schema(), "PAID"));
        return order;
    }

    private static DynamicMessage paid() throws Exception {
        FieldDescriptorProto.Builder text = FieldDescriptorProto.newBuilder().setName("order_id").setNumber(1)
            .setType(FieldDescriptorProto.Type.TYPE_STRING).setLabel(FieldDescriptorProto.Label.LABEL_OPTIONAL);
        FieldDescriptorProto.Builder number = FieldDescriptorProto.newBuilder().setName("cents").setNumber(2)
            .setType(FieldDescriptorProto.Type.TYPE_INT64).setLabel(FieldDescriptorProto.Label.LABEL_OPTIONAL);
        FileDescriptorProto file = FileDescriptorProto.newBuilder().setName("paid.proto").setPackage("shop").setSyntax("proto3")
            .addMessageType(DescriptorProto.newBuilder().setName("Opened").addField(number))
            .addMessageType(DescriptorProto.newBuilder().setName("Paid").addField(text).addField(number)).build();
        FileDescriptor compiled = FileDescriptor.buildFrom(file, new FileDescriptor[0]);
        var descriptor = compiled.findMessageTypeByName("Paid");
        return DynamicMessage.newBuilder(descriptor).setField(descriptor.findFieldByName("order_id"), "A-7")
            .setField(descriptor.findFieldByName("cents"), 1L << 60).build();
    }

    public static void main(String[] arguments) throws Exception {
        for (String setting : SETTINGS) {
            long id = setting.equals("four") ? 7 : 70_000_000_001L;
            for (boolean key : new boolean[] {false, true}) {
                Fixed<Schema, GenericData.Record> avro = new Fixed<>(id, null);
                add("AVRO", setting, key, avro, new AvroKafkaSerializer<>(),
                    new AvroKafkaDeserializer<>(), order(), Object::toString);
                Fixed<ProtobufSchema, Message> protobuf = new Fixed<>(id, null);
                add("PROTOBUF", setting, key, protobuf, new ProtobufKafkaSerializer<>(),
                    new ProtobufKafkaDeserializer<>(), paid(), JsonFormat.printer()::print);
                Fixed<JsonSchema, JsonNode> json = new Fixed<>(id, new ParsedSchemaImpl<JsonSchema>().setRawSchema("{}".getBytes()));
                add("JSON", setting, key, json, new JsonSchemaKafkaSerializer<>(), new JsonSchemaKafkaDeserializer<>(),
                    JSON.createObjectNode().put("id", 1).put("text", "\"ü\""), JsonNode::toString);
            }
        }
        JSON.writeValue(new File(arguments[0]), CASES);
        System.exit(0);
    }
}
