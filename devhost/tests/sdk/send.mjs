// Sends with Azure's Service Bus SDK for Node in every way an application does, and prints what came of it as JSON.
import { createRequire } from "node:module";

const [connectionString, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { ServiceBusClient } = require("@azure/service-bus");

// What an action ends with, and how long that took.
async function outcome(action) {
  const start = performance.now();
  let code = null;
  try {
    await action();
  } catch (error) {
    code = error.code ?? error.name;
  }
  return { error: code, seconds: (performance.now() - start) / 1000 };
}

async function sendOne(client, entity, body) {
  const sender = client.createSender(entity);
  try {
    await sender.sendMessages({ body });
  } finally {
    await sender.close();
  }
}

const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 1, timeoutInMs: 10000 } });
const results = {};
const sender = client.createSender("orders");
await sender.sendMessages({
  body: { text: "ä" },
  messageId: "single",
  sessionId: "session",
  subject: "subject",
  contentType: "application/json",
  correlationId: "correlation",
  to: "to",
  replyTo: "reply-to",
  replyToSessionId: "reply-session",
  partitionKey: "session",
  timeToLive: 3600000,
  applicationProperties: { text: "t", number: 7, big: 2 ** 30, truth: true, half: 0.5 },
});
await sender.sendMessages(Array.from({ length: 10 }, (_, n) => ({ body: "list", messageId: `list-${n}` })));
const batch = await sender.createMessageBatch();
results.batch_bytes_max = batch.maxSizeInBytes;
for (let n = 0; n < 1000; n++) {
  if (!batch.tryAddMessage({ body: "batch", messageId: `batch-${n}` })) throw new Error("the batch is full");
}
await sender.sendMessages(batch);
const later = new Date(Date.now() + 3600000);
const scheduled = [0, 1].map((n) => ({ body: "later", messageId: `later-${n}` }));
const sequences = await sender.scheduleMessages(scheduled, later);
await sender.cancelScheduledMessages(sequences[0]);
await sender.scheduleMessages({ body: "soon", messageId: "soon" }, new Date(Date.now() + 1000));
results.scheduled = sequences.length;
const start = performance.now();
for (let n = 0; n < 1000; n++) await sender.sendMessages({ body: "{}" });
results.one_by_one_per_second = 1000 / ((performance.now() - start) / 1000);
await sender.sendMessages({ body: Buffer.alloc(900_000, "x"), messageId: "large" });
await client.createSender("inventory-events").sendMessages({ body: "event", messageId: "event" });
results.unknown_queue = await outcome(() => sendOne(client, "nope", "x"));
results.too_large = await outcome(() => sendOne(client, "orders", Buffer.alloc(1_100_000)));
results.after_too_large = await outcome(() => sendOne(client, "orders", "fine"));
await client.close();
console.log(JSON.stringify(results));
