// Sends events that its client numbers, one delivery after the other. The server answers one of them to nobody.

import { EventHubBufferedProducerClient } from "@azure/event-hubs";

const { CLIENT_CONNECTION: CONNECTION, CLIENT_HUB: HUB } = process.env;
const PARTITION = "1";
const DELIVERIES = 3;
const EVENTS = 5;

let sent = 0;
const errors = [];
const client = new EventHubBufferedProducerClient(CONNECTION, HUB, {
  // A delivery that is not answered within this time is sent again.
  retryOptions: { maxRetries: 5, retryDelayInMs: 100, timeoutInMs: 5_000 },
  enableIdempotentRetries: true,
  onSendEventsSuccessHandler: ({ events }) => (sent += events.length),
  onSendEventsErrorHandler: ({ error }) => errors.push(`${error?.code}: ${error?.message}`),
});
for (let delivery = 0; delivery < DELIVERIES; delivery++) {
  for (let n = 0; n < EVENTS; n++) {
    await client.enqueueEvent({ body: Buffer.from(`${delivery}.${n}`) }, { partitionId: PARTITION });
  }
  await client.flush();
}
console.log(JSON.stringify({ check: "send_numbered", saw: errors.length > 0 ? errors : sent }));
await client.close();
// An AMQP connection that is still going down must not keep the program.
process.exit(0);
