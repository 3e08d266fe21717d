package publish;

import com.google.protobuf.ByteString;
import com.google.pubsub.v1.PubsubMessage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.avro.Conversions;
import org.apache.avro.Schema;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;

/** The schema of a subject in one of its versions, and the messages of docs/wire.md that it makes. */
record Contract(String subject, String version, Schema schema) {
  private static final Pattern FILE = Pattern.compile("(.+)\\.v(\\d+)\\.avsc");

  /** Makes BigDecimal, Instant, LocalDate, UUID and so on of logical types. Without it they are numbers and bytes. */
  static final GenericData MODEL = new GenericData();

  static {
    MODEL.addLogicalTypeConversion(new Conversions.DecimalConversion());
    MODEL.addLogicalTypeConversion(new Conversions.UUIDConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.DateConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.TimeMillisConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.TimeMicrosConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.TimestampMillisConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.TimestampMicrosConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.LocalTimestampMillisConversion());
    MODEL.addLogicalTypeConversion(new TimeConversions.LocalTimestampMicrosConversion());
  }

  /** Reads a file such as parcel_scanned.v1.avsc. */
  static Contract read(Path file) throws IOException {
    Matcher name = FILE.matcher(file.getFileName().toString());
    if (!name.matches()) {
      throw new IOException(file + " is not named <subject>.v<version>.avsc");
    }
    return new Contract(name.group(1), name.group(2), new Schema.Parser().parse(file.toFile()));
  }

  /** The message of an event. The time must be that of the event's field, and no finer than its type. */
  PubsubMessage message(String id, String source, Instant time, GenericRecord event) {
    return PubsubMessage.newBuilder()
        .setData(ByteString.copyFrom(encode(event)))
        .putAttributes("ce-specversion", "1.0")
        .putAttributes("ce-id", id)
        .putAttributes("ce-type", subject)
        .putAttributes("ce-source", source)
        .putAttributes("ce-time", EventId.time(time))
        .putAttributes("ce-dataschema", "headrace:" + subject + ":" + version)
        .putAttributes("content-type", "application/avro")
        .build();
  }

  /** One bare datum. A DataFileWriter or a BinaryMessageEncoder would write a header, too. */
  private byte[] encode(GenericRecord event) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
    try {
      new GenericDatumWriter<GenericRecord>(schema, MODEL).write(event, encoder);
      encoder.flush();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    return bytes.toByteArray();
  }
}
