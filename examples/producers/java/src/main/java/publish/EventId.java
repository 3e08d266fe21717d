package publish;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;

/** The id of an event, derived from its fields, as docs/identity.md describes it. */
final class EventId {
  private static final UUID NAMESPACE = UUID.fromString("6f0f5a0e-3c58-5b6e-9a55-0d8a3d0c7a11");

  // Instant.toString() would write three digits of a second where three suffice. An id has six or none.
  private static final DateTimeFormatter SECONDS =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss'Z'").withZone(ZoneOffset.UTC);
  private static final DateTimeFormatter MICROS =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS'Z'").withZone(ZoneOffset.UTC);

  private EventId() {}

  /** The id of an event with these values in the fields that the contract names in "identity". */
  static String of(String subject, List<?> values) {
    // A UUID of version 5. UUID.nameUUIDFromBytes makes version 3.
    MessageDigest sha1 = sha1();
    sha1.update(
        ByteBuffer.allocate(16)
            .putLong(NAMESPACE.getMostSignificantBits())
            .putLong(NAMESPACE.getLeastSignificantBits())
            .array());
    ByteBuffer hash =
        ByteBuffer.wrap(sha1.digest(name(subject, values).getBytes(StandardCharsets.UTF_8)));
    hash.put(6, (byte) (hash.get(6) & 0x0f | 0x50)); // version 5
    hash.put(8, (byte) (hash.get(8) & 0x3f | 0x80)); // variant of RFC 9562
    return new UUID(hash.getLong(), hash.getLong()).toString();
  }

  /** The text that is hashed. */
  static String name(String subject, List<?> values) {
    StringBuilder name = new StringBuilder("[");
    appendText(name, subject);
    for (Object value : values) {
      name.append(',');
      if (value instanceof Boolean || value instanceof Integer || value instanceof Long) {
        name.append(value);
      } else if (value instanceof BigDecimal decimal) {
        appendText(name, decimal.stripTrailingZeros().toPlainString());
      } else if (value instanceof Instant moment) {
        appendText(name, time(moment));
      } else if (value instanceof ByteBuffer bytes) {
        appendText(name, HexFormat.of().formatHex(bytes.array()));
      } else {
        appendText(name, value.toString()); // a text, a UUID or the symbol of an enum
      }
    }
    return name.append(']').toString();
  }

  /** A moment as an id has it. ce-time may have this form, too. */
  static String time(Instant moment) {
    return (moment.getNano() == 0 ? SECONDS : MICROS).format(moment);
  }

  private static void appendText(StringBuilder name, String text) {
    name.append('"');
    for (char c : text.toCharArray()) {
      switch (c) {
        case '"', '\\' -> name.append('\\').append(c);
        case '\b' -> name.append("\\b");
        case '\t' -> name.append("\\t");
        case '\n' -> name.append("\\n");
        case '\f' -> name.append("\\f");
        case '\r' -> name.append("\\r");
        default -> {
          if (c < ' ') {
            name.append(String.format("\\u%04x", (int) c));
          } else {
            name.append(c);
          }
        }
      }
    }
    name.append('"');
  }

  private static MessageDigest sha1() {
    try {
      return MessageDigest.getInstance("SHA-1");
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error); // every Java has SHA-1
    }
  }
}
