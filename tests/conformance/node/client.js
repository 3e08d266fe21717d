// Cases of the conformance suite with Google's client for Node: node client.js CASE '{"argument": ...}' prints the
// result as one JSON object. The client finds the service by PUBSUB_EMULATOR_HOST, or uses the service itself.
'use strict';

const {PubSub} = require('@google-cloud/pubsub');

const sleep = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
const numbers = count => Array.from({length: count}, (_, number) => number);

function described(message) {
  return {
    data: message.data.toString(),
    attributes: message.attributes,
    id: message.id,
    key: message.orderingKey ?? '',
    attempt: message.deliveryAttempt,
  };
}

const cases = {
  // Publish with attributes, in batches.
  async publish(pubsub, {topic, count, batch}) {
    const publisher = pubsub.topic(topic, {batching: {maxMessages: batch, maxMilliseconds: 50}});
    const sent = numbers(count).map(number =>
      publisher.publishMessage({data: Buffer.from(`${number}`), attributes: {number: `${number}`, kind: 'ä'}})
    );
    return {ids: await Promise.all(sent)};
  },

  // Publish with ordering keys, in batches.
  async publishOrdered(pubsub, {topic, count, keys}) {
    const publisher = pubsub.topic(topic, {messageOrdering: true, batching: {maxMessages: 7, maxMilliseconds: 20}});
    const sent = numbers(count).flatMap(number =>
      keys.map(orderingKey => publisher.publishMessage({data: Buffer.from(`${number}`), orderingKey}))
    );
    return {ids: await Promise.all(sent)};
  },

  // Receive until so many messages are acknowledged, refuse each as often as asked, and close.
  async receive(pubsub, {subscription, count, options, work, refusals, confirmed}) {
    const from = pubsub.subscription(subscription, options);
    const deliveries = [];
    const refused = new Map();
    let held = 0;
    let most = 0;
    let acknowledged = 0;
    await new Promise((resolve, reject) => {
      from.on('error', reject);
      from.on('message', async message => {
        most = Math.max(most, ++held);
        deliveries.push(described(message));
        await sleep(work ?? 0);
        held--;
        const times = refused.get(message.id) ?? 0;
        if (times < (refusals ?? 0)) {
          refused.set(message.id, times + 1);
          message.nack();
          return;
        }
        if (confirmed) {
          await message.ackWithResponse();
        } else {
          message.ack();
        }
        if (++acknowledged === count) {
          resolve();
        }
      });
    });
    await from.close();
    return {deliveries, most};
  },

  // Refuse what comes until nothing has come for some time.
  async refuse(pubsub, {subscription, quiet}) {
    const from = pubsub.subscription(subscription);
    const deliveries = [];
    let since = Date.now();
    from.on('message', message => {
      since = Date.now();
      deliveries.push(described(message));
      message.nack();
    });
    await new Promise((resolve, reject) => {
      from.on('error', reject);
      const timer = setInterval(() => {
        if (Date.now() - since > quiet) {
          clearInterval(timer);
          resolve();
        }
      }, 100);
    });
    await from.close();
    return {deliveries};
  },

  // Close while messages are worked on: what was acknowledged by then, and whatever else was delivered.
  async close(pubsub, {subscription, after, options, work}) {
    const from = pubsub.subscription(subscription, options);
    const delivered = [];
    const acknowledged = [];
    await new Promise((resolve, reject) => {
      from.on('error', reject);
      from.on('message', async message => {
        delivered.push(message.data.toString());
        if (delivered.length === after) {
          resolve();
        }
        await sleep(work);
        message.ack();
        acknowledged.push(message.data.toString());
      });
    });
    await from.close();
    const atClose = [...acknowledged];
    await sleep(2 * work);
    return {delivered, acknowledged: atClose, later: acknowledged.slice(atClose.length)};
  },

  // Codes of errors, as callers see them.
  async errors(pubsub, {topic, subscription, missing}) {
    const calls = {
      publish: () => pubsub.topic(missing).publishMessage({data: Buffer.from('a')}),
      empty: () => pubsub.topic(topic, {batching: {maxMessages: 1}}).publishMessage({data: Buffer.alloc(0)}),
      createTopic: () => pubsub.createTopic(topic),
      invalidName: () => pubsub.createTopic('goog-not-allowed'),
      createSubscription: () => pubsub.topic(missing).createSubscription(`${missing}-subscription`),
      duplicateSubscription: () => pubsub.topic(topic).createSubscription(subscription),
      deleteTopic: () => pubsub.topic(missing).delete(),
      getSubscription: () => pubsub.subscription(missing).getMetadata(),
      stream: () => streamError(pubsub, missing),
    };
    const codes = {};
    for (const [name, call] of Object.entries(calls)) {
      codes[name] = await call().then(
        () => 'none',
        error => error.code
      );
    }
    return {codes};
  },

  // The code of the error that ends a subscription's stream.
  async streamError(pubsub, {subscription}) {
    return {code: await streamError(pubsub, subscription).catch(error => error.code)};
  },
};

// The error of a subscription's stream.
function streamError(pubsub, name) {
  return new Promise((resolve, reject) => {
    const from = pubsub.subscription(name);
    from.on('error', error => from.close().then(() => reject(error)));
    from.on('message', () => resolve());
  });
}

async function main([name, given]) {
  const {project, ...rest} = JSON.parse(given);
  const pubsub = new PubSub({projectId: project});
  const result = await cases[name](pubsub, rest);
  await pubsub.close();
  console.log(JSON.stringify(result));
}

main(process.argv.slice(2)).catch(error => {
  console.error(error);
  process.exitCode = 1;
});
