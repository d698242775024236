// Does what every client here does, and prints what it saw: one JSON object a line. `expected.rs` judges.

import {
  EventHubBufferedProducerClient,
  EventHubConsumerClient,
  EventHubProducerClient,
  earliestEventPosition,
  latestEventPosition,
} from "@azure/event-hubs";
import WebSocket from "ws";
import { MemoryCheckpointStore } from "./checkpoints.mjs";

const {
  CLIENT_CONNECTION: CONNECTION,
  CLIENT_ENDPOINT: ENDPOINT,
  CLIENT_HUB: HUB,
  CLIENT_OFFSET: OFFSET,
  CLIENT_TRANSPORT: TRANSPORT,
} = process.env;
const TIME_MS = Number(process.env.CLIENT_TIME_MS);
const SEEDED = 20;
const PARTITION = "2";
const LIMIT_MS = 60_000;
const OPTIONS = { retryOptions: { maxRetries: 1, retryDelayInMs: 100, timeoutInMs: 20_000 } };
// The authority is trusted by `NODE_EXTRA_CA_CERTS`.
if (TRANSPORT !== "plain") OPTIONS.customEndpointAddress = `https://${ENDPOINT}`;
if (TRANSPORT === "websocket") OPTIONS.webSocketOptions = { webSocket: WebSocket };

const ASKING = new EventHubProducerClient(CONNECTION, HUB, OPTIONS);

const say = (check, saw) => console.log(JSON.stringify({ check, saw }));

async function withProducer(action, connection = CONNECTION, hub = HUB) {
  const client = new EventHubProducerClient(connection, hub, OPTIONS);
  try {
    return await action(client);
  } finally {
    await client.close();
  }
}

/** The sequence number of the last event of a partition, or -1. */
const lastNumber = async (partition) => (await ASKING.getPartitionProperties(partition)).lastEnqueuedSequenceNumber;

/** A receiver on one partition. */
class Reader {
  events = [];
  error = undefined;
  #changed = () => {};

  constructor(partition, startPosition, ownerLevel, connection = CONNECTION) {
    this.partition = partition;
    this.client = new EventHubConsumerClient("$Default", connection, HUB, OPTIONS);
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
    // A link that is closed while an event is on its way costs this client the connection: it then sends its
    // disposition on a session that has ended.
    if (!this.error) {
      const last = await lastNumber(this.partition);
      await this.wait(() => this.error || this.events.at(-1)?.sequenceNumber === last);
    }
    await this.subscription.close();
    await this.client.close();
  }

  async read(count) {
    await this.wait(() => this.events.length >= count);
    await this.close();
    return this.events.slice(0, count);
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
  say("stolen_by_a_higher_epoch", describe(first.error));
  await first.close();
  await second.wait((it) => it.events.length > 0);
  const third = new Reader(PARTITION, earliestEventPosition, 1);
  await third.wait((it) => it.error || it.events.length > 0);
  say("refused_by_a_higher_epoch", describe(third.error));
  await third.close();
  await second.close();
}

async function sendBuffered() {
  let sent = 0;
  const errors = [];
  const client = new EventHubBufferedProducerClient(CONNECTION, HUB, {
    ...OPTIONS,
    onSendEventsSuccessHandler: ({ events }) => (sent += events.length),
    onSendEventsErrorHandler: ({ error }) => errors.push(describe(error)),
  });
  for (let n = 0; n < 10; n++) {
    await client.enqueueEvent({ body: Buffer.from(`buffered ${n}`) }, { partitionKey: "7149583486996073602" });
  }
  await client.flush();
  say("send_buffered", errors.length > 0 ? errors : sent);
  await client.close();
}

/** What a processor of all partitions reads of one, and which it owned; it sets a checkpoint at one event. */
async function processed(store, checkpointAt, count) {
  const left = new Map();
  for (const partition of ["0", "1", "2", "3"]) left.set(partition, await lastNumber(partition));
  const partitions = new Set();
  const bodies = [];
  const loadBalancingOptions = { strategy: "greedy", updateIntervalInMs: 1_000 };
  const client = new EventHubConsumerClient("$Default", CONNECTION, HUB, store, { ...OPTIONS, loadBalancingOptions });
  let finish, fail;
  const finished = new Promise((resolve, reject) => ([finish, fail] = [resolve, reject]));
  const handlers = {
    async processInitialize({ partitionId }) {
      partitions.add(partitionId);
    },
    async processEvents(events, context) {
      for (const event of events) {
        const body = event.body.toString();
        if (body === checkpointAt) await context.updateCheckpoint(event);
        if (context.partitionId === PARTITION) bodies.push(body);
      }
      // All of them, for the reason that a reader has.
      if (events.at(-1)?.sequenceNumber === left.get(context.partitionId)) left.delete(context.partitionId);
      if (left.size === 0) finish();
    },
    async processError(error) {
      fail(error);
    },
  };
  const options = { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1 };
  const subscription = client.subscribe(handlers, options);
  const timer = setTimeout(() => fail(new Error(`only ${[...partitions]} and ${bodies}`)), LIMIT_MS);
  await finished;
  clearTimeout(timer);
  await subscription.close();
  await client.close();
  return { partitions: [...partitions].sort(), bodies: bodies.slice(0, count) };
}

async function runProcessors() {
  const store = new MemoryCheckpointStore();
  const { partitions, bodies } = await processed(store, `seed ${SEEDED / 2 - 1}`, SEEDED);
  say("processor_partitions", partitions);
  say("processor_first", bodies);
  say("processor_resumed", (await processed(store, undefined, SEEDED / 2)).bodies);
}

function describe(error) {
  // After retries there is one for each attempt, and that may be so more than once.
  while (error?.errors) error = error.errors.at(-1);
  return `${error?.code}: ${error?.message}`;
}

async function fails(check, action) {
  try {
    await action();
    say(check, "no error");
  } catch (error) {
    say(check, describe(error));
  }
}

const sendTo = ({ body = "refused", options = {}, connection, hub }) =>
  withProducer((client) => client.sendBatch([{ body: Buffer.from(body) }], options), connection, hub);

async function receiveAs(connection) {
  const reader = new Reader(PARTITION, earliestEventPosition, undefined, connection);
  await reader.wait((it) => it.error || it.events.length > 0);
  await reader.close();
  if (reader.error) throw reader.error;
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
if (TRANSPORT === "plain") {
  await receiveFromEnd();
  await stolen();
  await fillBatch();
  await sendBuffered();
  await runProcessors();
  await sendTo({ body: "signed", connection: process.env.CLIENT_TOKEN });
  say("send_with_token", 1);
  await fails("wrong_key", () => sendTo({ connection: process.env.CLIENT_WRONG_KEY }));
  await fails("expired_token", () => sendTo({ connection: process.env.CLIENT_EXPIRED_TOKEN }));
  await fails("missing_right_to_send", () => sendTo({ connection: process.env.CLIENT_LISTENER }));
  await fails("missing_right_to_receive", () => receiveAs(process.env.CLIENT_SENDER));
  await fails("unknown_hub", () => sendTo({ hub: "nowhere" }));
  await fails("unknown_partition", () => sendTo({ options: { partitionId: "9" } }));
  await fails("oversize_event", () => sendTo({ body: "refused".repeat(100_000) }));
}
// An AMQP connection that is still going down must not keep the program.
process.exit(0);
