package publish;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.LogicalType;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;

/** Makes the values that the Avro library takes of the JSON that a row has for them. */
final class Rows {
  private Rows() {}

  static GenericRecord event(Schema schema, JsonNode row) {
    GenericRecord event = new GenericData.Record(schema);
    for (Schema.Field field : schema.getFields()) {
      // The column of an optional array cannot tell null from an empty array.
      boolean isNull = row.path(field.name() + "_is_null").asBoolean();
      event.put(field.pos(), isNull ? null : value(field.schema(), row.get(field.name())));
    }
    return event;
  }

  private static Object value(Schema schema, JsonNode json) {
    if (schema.getLogicalType() != null) {
      Object value = logical(schema.getLogicalType(), json.asText());
      if (value != null) {
        return value;
      }
    }
    return switch (schema.getType()) {
      case RECORD -> event(schema, json);
      case UNION -> branch(schema, json);
      case ARRAY -> items(schema, json);
      case MAP -> entries(schema, json);
      case ENUM -> new GenericData.EnumSymbol(schema, json.asText());
      case FIXED -> new GenericData.Fixed(schema, HexFormat.of().parseHex(json.asText()));
      case BYTES -> ByteBuffer.wrap(HexFormat.of().parseHex(json.asText()));
      case STRING -> json.asText();
      case INT -> Integer.valueOf(json.asText());
      case LONG -> Long.valueOf(json.asText());
      case FLOAT -> Float.valueOf(json.asText()); // also of "NaN", "Infinity" and "-Infinity"
      case DOUBLE -> Double.valueOf(json.asText());
      case BOOLEAN -> json.asBoolean();
      case NULL -> null;
    };
  }

  private static Object logical(LogicalType type, String text) {
    return switch (type.getName()) {
      case "decimal" -> new BigDecimal(text);
      case "uuid" -> UUID.fromString(text);
      case "date" -> LocalDate.parse(text);
      case "time-millis", "time-micros" -> LocalTime.parse(text);
      case "timestamp-millis", "timestamp-micros" -> Instant.parse(text);
      case "local-timestamp-millis", "local-timestamp-micros" -> LocalDateTime.parse(text);
      default -> null;
    };
  }

  /** The column of an array in an array, or of items that may be null, has a record around each item. */
  private static List<Object> items(Schema schema, JsonNode json) {
    Schema type = schema.getElementType();
    List<Object> items = new ArrayList<>();
    for (JsonNode item : json) {
      items.add(
          switch (type.getType()) {
            case ARRAY -> value(type, item.get("items"));
            case UNION -> value(type, item.get("value"));
            default -> value(type, item);
          });
    }
    return items;
  }

  private static Map<String, Object> entries(Schema schema, JsonNode json) {
    Map<String, Object> entries = new LinkedHashMap<>();
    json.forEach(entry -> entries.put(entry.get("key").asText(), value(schema.getValueType(), entry.get("value"))));
    return entries;
  }

  /** The column of several types is a record with a member for each, of which one has a value. */
  private static Object branch(Schema schema, JsonNode json) {
    for (Schema branch : schema.getTypes()) {
      JsonNode member = json.isObject() ? json.path(branch.getFullName().replace('.', '_') + "_value") : json;
      boolean empty = json.isObject() && member.isArray() && member.isEmpty();
      if (!member.isNull() && !member.isMissingNode() && !empty && branch.getType() != Schema.Type.NULL) {
        return value(branch, member);
      }
    }
    return null;
  }
}
