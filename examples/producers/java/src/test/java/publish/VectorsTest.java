package publish;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.pubsub.v1.PubsubMessage;
import java.io.File;
import java.io.IOException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericRecord;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Each row of docs/wire-vectors.json becomes the payload, the id and the attributes that the vector has. */
class VectorsTest {
  private static final File FILE = new File("../../../docs/wire-vectors.json");

  @TestFactory
  Stream<DynamicTest> vectors() throws IOException {
    JsonNode read = new ObjectMapper().readTree(FILE);
    Map<String, Contract> contracts = new HashMap<>();
    for (JsonNode each : read.get("contracts")) {
      Schema schema = new Schema.Parser().parse(each.get("schema").toString());
      contracts.put(key(each), new Contract(each.get("subject").asText(), each.get("version").asText(), schema));
    }
    return StreamSupport.stream(read.get("vectors").spliterator(), false)
        .filter(vector -> vector.has("row") && !vector.has("any_encoding"))
        .map(vector ->
            DynamicTest.dynamicTest(vector.get("name").asText(), () -> check(contracts.get(key(vector)), vector)));
  }

  private static String key(JsonNode node) {
    return node.get("subject").asText() + ":" + node.get("version").asText();
  }

  private static void check(Contract contract, JsonNode vector) {
    JsonNode attributes = vector.get("attributes");
    GenericRecord event = Rows.event(contract.schema(), vector.get("row"));
    String id = attributes.get("ce-id").asText();
    if (vector.has("id_name")) {
      List<Object> values = identity(contract.schema(), event, vector.get("row"));
      assertEquals(vector.get("id_name").asText(), EventId.name(contract.subject(), values));
      id = EventId.of(contract.subject(), values);
    }
    PubsubMessage message =
        contract.message(id, attributes.get("ce-source").asText(), (Instant) event.get("at"), event);
    assertEquals(vector.get("payload").asText(), HexFormat.of().formatHex(message.getData().toByteArray()));
    message.getAttributesMap().forEach((name, value) -> compare(name, value, attributes.get(name)));
  }

  /** Dates and times of day have the text of the row. */
  private static List<Object> identity(Schema schema, GenericRecord event, JsonNode row) {
    List<Object> values = new ArrayList<>();
    Map<?, ?> annotation = (Map<?, ?>) schema.getObjectProp("headrace");
    for (Object field : (List<?>) ((Map<?, ?>) annotation.get("identity")).get("fields")) {
      Object value = event.get((String) field);
      boolean asInRow = value instanceof java.time.temporal.Temporal && !(value instanceof Instant);
      values.add(asInRow ? row.get((String) field).asText() : value);
    }
    return values;
  }

  /** Vectors show other attributes that are accepted, too: absent ones, and other forms of a time or a content type. */
  private static void compare(String name, String value, JsonNode wanted) {
    if (wanted == null) {
      return;
    }
    switch (name) {
      case "ce-time" -> assertEquals(OffsetDateTime.parse(wanted.asText()).toInstant(), Instant.parse(value));
      case "content-type" -> assertEquals(value, wanted.asText().toLowerCase().split(";")[0]);
      default -> assertEquals(wanted.asText(), value, name);
    }
  }
}
