package publish;

import com.google.api.core.ApiFuture;
import com.google.api.core.ApiFutures;
import com.google.api.gax.batching.BatchingSettings;
import com.google.api.gax.core.NoCredentialsProvider;
import com.google.api.gax.grpc.GrpcTransportChannel;
import com.google.api.gax.rpc.FixedTransportChannelProvider;
import com.google.cloud.pubsub.v1.Publisher;
import com.google.pubsub.v1.TopicName;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Publishes the events of examples/producers/README.md, with a Pub/Sub client and an Avro library alone. */
final class Main {
  private static final String SOURCE = "/examples/java";

  // The default is a call for each thousand bytes. With so many calls at once some take long, and are then repeated.
  private static final BatchingSettings BATCHES =
      BatchingSettings.newBuilder()
          .setElementCountThreshold(500L)
          .setRequestByteThreshold(1_000_000L)
          .setDelayThresholdDuration(Duration.ofMillis(20))
          .build();

  private Main() {}

  public static void main(String[] arguments) throws Exception {
    Map<String, String> variables = System.getenv();
    Contract contract = Contract.read(Path.of(variables.get("CONTRACT")));
    TopicName topic = TopicName.of(variables.get("PUBSUB_PROJECT_ID"), variables.get("TOPIC"));
    long events = Long.parseLong(variables.get("EVENTS"));

    Publisher.Builder builder = Publisher.newBuilder(topic).setBatchingSettings(BATCHES);
    ManagedChannel emulator = null;
    if (variables.containsKey("PUBSUB_EMULATOR_HOST")) { // Java's client does not look at it
      emulator = ManagedChannelBuilder.forTarget(variables.get("PUBSUB_EMULATOR_HOST")).usePlaintext().build();
      builder
          .setChannelProvider(FixedTransportChannelProvider.create(GrpcTransportChannel.create(emulator)))
          .setCredentialsProvider(NoCredentialsProvider.create());
    }
    Publisher publisher = builder.build();
    try {
      publish(publisher, contract, events);
    } finally {
      publisher.shutdown();
      publisher.awaitTermination(1, TimeUnit.MINUTES);
      if (emulator != null) {
        emulator.shutdown();
      }
    }
  }

  private static void publish(Publisher publisher, Contract contract, long events) throws Exception {
    // A retry may have the entries of a map in another order: this shows it.
    boolean countsReversed = contract.version().equals("2");
    List<ApiFuture<String>> confirmations = new ArrayList<>();
    for (long k = 0; k < events; k++) {
      Scan scan = new Scan(k);
      confirmations.add( // the client sends a message again for ten minutes, if it must
          publisher.publish(
              contract.message(
                  scan.id(contract.subject()),
                  SOURCE,
                  scan.scannedAt(),
                  scan.record(contract.schema(), countsReversed))));
    }
    // If one fails, it may have arrived all the same. An application keeps the event and publishes it again.
    ApiFutures.allAsList(confirmations).get();
  }
}
