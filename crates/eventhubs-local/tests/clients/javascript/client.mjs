// Does what every client here does, and prints what it saw: one JSON object a line. `expected.rs` judges.

import { EventHubConsumerClient, EventHubProducerClient, earliestEventPosition, latestEventPosition } from "@azure/event-hubs";

const { CLIENT_CONNECTION: CONNECTION, CLIENT_HUB: HUB, CLIENT_OFFSET: OFFSET } = process.env;
const TIME_MS = Number(process.env.CLIENT_TIME_MS);
const SEEDED = 20;
const PARTITION = "2";
const LIMIT_MS = 60_000;
const OPTIONS = { retryOptions: { maxRetries: 1, retryDelayInMs: 100, timeoutInMs: 20_000 } };

const say = (check, saw) => console.log(JSON.stringify({ check, saw }));

async function withProducer(action, connection = CONNECTION, hub = HUB) {
  const client = new EventHubProducerClient(connection, hub, OPTIONS);
  try {
    return await action(client);
  } finally {
    await client.close();
  }
}

/** A receiver on one partition. */
class Reader {
  events = [];
  error = undefined;
  #changed = () => {};

  constructor(partition, startPosition, ownerLevel) {
    this.client = new EventHubConsumerClient("$Default", CONNECTION, HUB, OPTIONS);
    const processEvents = async (events) => {
      this.events.push(...events);
      this.#changed();
    };
    const processError = async (error) => {
      this.error = error;
      this.#changed();
    };
    const options = { startPosition, ownerLevel, maxWaitTimeInSeconds: 1 };
    this.subscription = this.client.subscribe(partition, { processEvents, processError }, options);
  }

  /** Waits until `condition` holds, or the time is over. */
  async wait(condition, limitMs = LIMIT_MS) {
    if (condition(this)) return true;
    let timer;
    try {
      return await new Promise((done) => {
        timer = setTimeout(() => done(false), limitMs);
        this.#changed = () => condition(this) && done(true);
      });
    } finally {
      clearTimeout(timer);
      this.#changed = () => {};
    }
  }

  async close() {
    await this.subscription.close();
    await this.client.close();
  }

  async read(count) {
    await this.wait(() => this.events.length >= count);
    await this.close();
    return this.events;
  }
}

async function bodies(position, count) {
  const events = await new Reader(PARTITION, position).read(count);
  return events.map((event) => event.body.toString());
}

async function look() {
  await withProducer(async (client) => {
    const hub = await client.getEventHubProperties();
    say("hub_properties", { name: hub.name, partitions: hub.partitionIds });
    const found = await client.getPartitionProperties(PARTITION);
    say("partition_properties", {
      id: found.partitionId,
      empty: found.isEmpty,
      first: found.beginningSequenceNumber,
      last: found.lastEnqueuedSequenceNumber,
      last_offset: found.lastEnqueuedOffset,
    });
    const { partitionId: id, isEmpty: empty, lastEnqueuedSequenceNumber: last } = await client.getPartitionProperties("1");
    say("empty_partition", { id, empty, last });
  });
}

const full = (event) => new Error(`the batch did not take ${event.body}`);

async function send() {
  await withProducer(async (client) => {
    await client.sendBatch([{ body: Buffer.from("single") }]);
    say("send_single", 1);
    const keyed = await client.createBatch({ partitionKey: "customer-17" });
    for (let n = 0; n < 3; n++) {
      const event = {
        body: Buffer.from(`keyed ${n}`),
        messageId: `keyed-${n}`,
        contentType: "text/plain",
        properties: { client: "javascript", n, flag: true },
      };
      if (!keyed.tryAdd(event)) throw full(event);
    }
    await client.sendBatch(keyed);
    say("send_batch_with_key", keyed.count);
    const targeted = await client.createBatch({ partitionId: "1" });
    for (let n = 0; n < 3; n++) {
      const event = { body: Buffer.from(`targeted ${n}`) };
      if (!targeted.tryAdd(event)) throw full(event);
    }
    await client.sendBatch(targeted);
    say("send_batch_to_partition", targeted.count);
  });
}

async function receive() {
  const events = await new Reader(PARTITION, earliestEventPosition).read(SEEDED);
  say("receive_from_start", events.map((event) => event.body.toString()));
  const event = events[3];
  say("read_event", {
    body: event.body.toString(),
    partition_key: event.partitionKey,
    sequence_number: event.sequenceNumber,
    message_id: event.messageId,
    correlation_id: event.correlationId,
    content_type: event.contentType,
    properties: event.properties,
  });
  say("receive_after_offset", await bodies({ offset: OFFSET }, SEEDED - 5));
  say("receive_from_sequence_number", await bodies({ sequenceNumber: 7, isInclusive: true }, SEEDED - 7));
  say("receive_after_sequence_number", await bodies({ sequenceNumber: 7 }, SEEDED - 8));
  say("receive_from_time", await bodies({ enqueuedOn: TIME_MS }, SEEDED / 2));
}

async function receiveFromEnd() {
  await withProducer(async (client) => {
    const late = { body: Buffer.from("late") };
    await client.sendBatch([{ body: Buffer.from("early") }], { partitionId: "0" });
    const reader = new Reader("0", latestEventPosition);
    // Nobody tells when the receiver is attached: what is sent before that is not for it.
    for (let turn = 0; turn < LIMIT_MS / 200; turn++) {
      await client.sendBatch([late], { partitionId: "0" });
      if (await reader.wait((it) => it.events.length > 0, 200)) break;
    }
    await reader.close();
    say("receive_from_end", reader.events[0]?.body.toString());
  });
}

async function stolen() {
  // On a partition with events: the first has its link when it gets one.
  const first = new Reader(PARTITION, earliestEventPosition, 1);
  await first.wait((it) => it.events.length > 0);
  const second = new Reader(PARTITION, earliestEventPosition, 2);
  await first.wait((it) => it.error);
  say("stolen_by_a_higher_epoch", `${first.error?.code}: ${first.error?.message}`);
  await first.close();
  await second.close();
}

async function fails(check, body, options, connection, hub) {
  try {
    await withProducer((client) => client.sendBatch([{ body: Buffer.from(body) }], options), connection, hub);
    say(check, "no error");
  } catch (error) {
    // After retries there is one for each attempt, and that may be so more than once.
    while (error.errors) error = error.errors.at(-1);
    say(check, `${error.code}: ${error.message}`);
  }
}

async function fillBatch() {
  await withProducer(async (client) => {
    const batch = await client.createBatch({ partitionId: "0" });
    while (batch.count < 100 && batch.tryAdd({ body: Buffer.from("bulk".repeat(25_000)) }));
    await client.sendBatch(batch);
    say("full_batch", batch.count);
  });
}

await look();
await send();
await receive();
await receiveFromEnd();
await stolen();
await fillBatch();
await fails("wrong_key", "refused", {}, process.env.CLIENT_WRONG_KEY);
await fails("unknown_hub", "refused", {}, CONNECTION, "nowhere");
await fails("unknown_partition", "refused", { partitionId: "9" });
await fails("oversize_event", "refused".repeat(100_000), {});
// An AMQP connection that is still going down must not keep the program.
process.exit(0);
