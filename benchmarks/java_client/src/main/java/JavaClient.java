import com.google.api.core.ApiFuture;
import com.google.api.core.ApiFutureCallback;
import com.google.api.core.ApiFutures;
import com.google.api.gax.batching.BatchingSettings;
import com.google.api.gax.batching.FlowControlSettings;
import com.google.api.gax.batching.FlowController.LimitExceededBehavior;
import com.google.api.gax.core.NoCredentialsProvider;
import com.google.api.gax.grpc.GrpcTransportChannel;
import com.google.api.gax.rpc.FixedTransportChannelProvider;
import com.google.cloud.pubsub.v1.Publisher;
import com.google.common.util.concurrent.MoreExecutors;
import com.google.protobuf.ByteString;
import com.google.pubsub.v1.PubsubMessage;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/**
 * Google's client for Java, with the SDK's limits: {@code JavaClient TOPIC COUNT DATA NAME VALUE ...}.
 *
 * <p>DATA is in base64; the attributes follow. It publishes COUNT messages to warm up, then COUNT more, and prints the
 * rate and the processor microseconds of the latter as a JSON object.
 */
public final class JavaClient {
  public static void main(String[] given) throws Exception {
    String topic = given[0];
    int count = Integer.parseInt(given[1]);
    ByteString data = ByteString.copyFrom(Base64.getDecoder().decode(given[2]));
    Map<String, String> attributes = new HashMap<>();
    for (int at = 3; at < given.length; at += 2) {
      attributes.put(given[at], given[at + 1]);
    }
    ManagedChannel channel =
        ManagedChannelBuilder.forTarget(System.getenv("PUBSUB_EMULATOR_HOST")).usePlaintext().build();
    Publisher publisher = publisher(topic, channel);
    publish(publisher, count, data, attributes);
    long began = System.nanoTime();
    long used = processorNanos();
    publish(publisher, count, data, attributes);
    double seconds = (System.nanoTime() - began) / 1e9;
    double micros = (processorNanos() - used) / 1e3;
    System.out.printf("{\"eps\": %.1f, \"cpu_us\": %.3f}%n", count / seconds, micros / count);
    publisher.shutdown();
    channel.shutdownNow();
  }

  private static Publisher publisher(String topic, ManagedChannel channel) throws Exception {
    FlowControlSettings flow =
        FlowControlSettings.newBuilder()
            .setMaxOutstandingElementCount(10_000L)
            .setMaxOutstandingRequestBytes(64L * 1024 * 1024)
            .setLimitExceededBehavior(LimitExceededBehavior.Block)
            .build();
    BatchingSettings batches =
        BatchingSettings.newBuilder()
            .setElementCountThreshold(500L)
            .setRequestByteThreshold(1_000_000L)
            .setDelayThresholdDuration(Duration.ofMillis(10))
            .setFlowControlSettings(flow)
            .build();
    return Publisher.newBuilder(topic)
        .setChannelProvider(FixedTransportChannelProvider.create(GrpcTransportChannel.create(channel)))
        .setCredentialsProvider(NoCredentialsProvider.create())
        .setBatchingSettings(batches)
        .build();
  }

  private static void publish(Publisher publisher, int count, ByteString data, Map<String, String> attributes)
      throws InterruptedException {
    CountDownLatch confirmed = new CountDownLatch(count);
    ApiFutureCallback<String> done =
        new ApiFutureCallback<>() {
          @Override
          public void onSuccess(String id) {
            confirmed.countDown();
          }

          @Override
          public void onFailure(Throwable error) {
            error.printStackTrace();
            System.exit(1);
          }
        };
    for (int number = 0; number < count; number++) {
      PubsubMessage message =
          PubsubMessage.newBuilder()
              .setData(data)
              .putAllAttributes(attributes)
              .putAttributes("ce-id", "event-" + number)
              .build();
      ApiFuture<String> future = publisher.publish(message);
      ApiFutures.addCallback(future, done, MoreExecutors.directExecutor());
    }
    confirmed.await();
  }

  private static long processorNanos() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }
}
