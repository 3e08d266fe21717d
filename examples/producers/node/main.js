// Publishes the events of examples/producers/README.md, with a Pub/Sub client and an Avro library alone.

import { PubSub } from '@google-cloud/pubsub';
import { Contract } from './contract.js';
import { scan, scanId } from './scan.js';

const SOURCE = '/examples/node';

const { CONTRACT, EVENTS, PUBSUB_PROJECT_ID, TOPIC } = process.env;
const contract = await Contract.read(CONTRACT);
const client = new PubSub({ projectId: PUBSUB_PROJECT_ID });
const topic = client.topic(TOPIC);

// A retry may have the entries of a map in another order: this shows it.
const countsReversed = contract.version === '2';
const confirmations = [];
for (let k = 0n; k < BigInt(EVENTS); k++) {
  const event = scan(k, countsReversed);
  const message = contract.message(scanId(contract.subject, event), SOURCE, event.scanned_at, event);
  confirmations.push(topic.publishMessage(message)); // the client sends it again for a minute, if it must
}
// If one fails, it may have arrived all the same, and the process ends with code 1. An application keeps the event and
// publishes it again.
await Promise.all(confirmations);
await client.close();
