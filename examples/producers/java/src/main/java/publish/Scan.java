package publish;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;

/** An event of parcel_scanned: number {@code k} of the task. */
record Scan(long k) {
  private static final List<String> SUFFIXES =
      List.of("", " & Söhne <1>", " \"fragile\"", "\t\\", "\u2028漢字 😀");
  private static final List<String> DEPOTS = List.of("NORTH", "SOUTH", "EAST");

  String id(String subject) {
    return EventId.of(subject, List.of(parcel(), scannedAt(), depot(), fee()));
  }

  String parcel() {
    return "parcel-" + k + SUFFIXES.get((int) (k % 5));
  }

  Instant scannedAt() {
    return Instant.EPOCH.plus(1_767_225_600_000_000L + k * 1_500_000 + k % 3, ChronoUnit.MICROS);
  }

  String depot() {
    return DEPOTS.get((int) (k % 3));
  }

  BigDecimal fee() {
    return BigDecimal.valueOf((k - 100) * 12_345, 3);
  }

  /** The record to encode. Fields that are not set, such as those of a newer version, have their defaults. */
  GenericRecord record(Schema schema, boolean countsReversed) {
    return new GenericRecordBuilder(schema)
        .set("parcel", parcel())
        .set("scanned_at", scannedAt())
        .set("depot", new GenericData.EnumSymbol(schema.getField("depot").schema(), depot()))
        .set("fee", fee())
        .set("barcode", (k - 2_500) * 3_000_000_000_000_007L)
        .set("attempts", (int) (k % 7 - 3))
        .set("express", k % 2 == 1)
        .set("celsius", k % 4 == 0 ? null : k / 8.0 - 20)
        .set("courier", new UUID(0x4000, 0x8000_0000_0000_0000L + k))
        .set("delivery_day", LocalDate.EPOCH.plusDays(20_454 + k % 400))
        .set("opens_at", LocalTime.ofNanoOfDay(k * 17_000_003 % 86_400_000_000L * 1_000))
        .set("scanned_local", LocalDateTime.ofInstant(scannedAt(), ZoneOffset.UTC).plusHours(1))
        .set("label", k % 10 == 0 ? ByteBuffer.allocate(0) : fourBytes(k))
        .set("seal", new GenericData.Fixed(schema.getField("seal").schema(), fourBytes(4_294_967_295L - k).array()))
        .set("tags", List.of("tag-0", "tag-1", "tag-2").subList(0, (int) (k % 4)))
        .set("stops", stops(schema.getField("stops").schema().getElementType()))
        .set("counts", counts(countsReversed))
        .build();
  }

  private List<GenericRecord> stops(Schema schema) {
    List<GenericRecord> stops = new ArrayList<>();
    for (int number = 0; number < k % 3; number++) {
      stops.add(
          new GenericRecordBuilder(schema)
              .set("city", "Zürich" + number)
              .set("minutes", (int) (k * number))
              .build());
    }
    return stops;
  }

  private Map<String, Long> counts(boolean reversed) {
    Map<String, Long> counts = new LinkedHashMap<>();
    if (k % 5 != 0) {
      List<String> keys = new ArrayList<>(List.of("a", "b", "ç"));
      if (reversed) {
        Collections.reverse(keys);
      }
      Map<String, Long> values = Map.of("a", k, "b", -k, "ç", k * 1_000_000_007);
      keys.forEach(key -> counts.put(key, values.get(key)));
    }
    return counts;
  }

  private static ByteBuffer fourBytes(long number) {
    return ByteBuffer.allocate(4).putInt(0, (int) number);
  }
}
