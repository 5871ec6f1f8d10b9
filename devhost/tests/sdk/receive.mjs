// Receives with Azure's Service Bus SDK for Node in every way an application does. Ends with an error if anything is not as it
// should be, and prints what came of it as JSON.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { setTimeout as delay } from "node:timers/promises";

const [connectionString, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { ServiceBusClient } = require("@azure/service-bus");

const maxWaitTimeInMs = 60_000;
const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0, timeoutInMs: maxWaitTimeInMs } });

async function send(entity, ids, properties = {}) {
  const sender = client.createSender(entity);
  await sender.sendMessages(ids.map((id) => ({ body: id, messageId: id, ...properties })));
  await sender.close();
}

// So many messages, and no fewer.
async function receive(receiver, count) {
  const messages = [];
  while (messages.length < count) {
    const more = await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs });
    assert.ok(more.length > 0, `only ${messages.length} of ${count} came`);
    messages.push(...more);
  }
  return messages;
}

const ids = (messages) => messages.map((message) => message.messageId);

async function settle() {
  await send("orders", ["full"], {
    body: { text: "ä" },
    subject: "subject",
    contentType: "application/json",
    correlationId: "correlation",
    to: "to",
    replyTo: "reply-to",
    timeToLive: 3600000,
    applicationProperties: { text: "t", number: 7, truth: true, half: 0.5 },
  });
  await send("orders", ["abandon", "bury", "defer"]);
  const receiver = client.createReceiver("orders");
  const [full, abandon, bury, defer] = await receive(receiver, 4);
  assert.deepEqual(full.body, { text: "ä" });
  assert.equal(full.subject, "subject");
  assert.equal(full.contentType, "application/json");
  assert.equal(full.correlationId, "correlation");
  assert.equal(full.to, "to");
  assert.equal(full.replyTo, "reply-to");
  assert.equal(full.timeToLive, 3600000);
  assert.equal(full.deliveryCount, 0);
  assert.deepEqual(full.applicationProperties, { text: "t", number: 7, truth: true, half: 0.5 });
  assert.equal(full.expiresAtUtc - full.enqueuedTimeUtc, 3600000);
  const before = full.lockedUntilUtc;
  assert.ok((await receiver.renewMessageLock(full)) >= before);
  await receiver.completeMessage(full);
  await receiver.deadLetterMessage(bury, {
    deadLetterReason: "a reason",
    deadLetterErrorDescription: "a description",
    why: "more",
  });
  await receiver.deferMessage(defer, { put: "aside" });
  await receiver.abandonMessage(abandon, { tried: 1 });
  const [again] = await receive(receiver, 1);
  assert.deepEqual([again.messageId, again.deliveryCount], ["abandon", 1]);
  assert.deepEqual(again.applicationProperties, { tried: 1 });
  await receiver.completeMessage(again);
  const [peeked] = await receiver.peekMessages(10);
  assert.deepEqual([peeked.messageId, peeked.state], ["defer", "deferred"]);
  const [deferred] = await receiver.receiveDeferredMessages(defer.sequenceNumber);
  assert.deepEqual(deferred.applicationProperties, { put: "aside" });
  await receiver.renewMessageLock(deferred);
  await receiver.completeMessage(deferred);
  await receiver.close();
  const graves = client.createReceiver("orders", { subQueueType: "deadLetter" });
  const [dead] = await receive(graves, 1);
  assert.deepEqual([dead.deadLetterReason, dead.deadLetterErrorDescription], ["a reason", "a description"]);
  assert.equal(dead.applicationProperties.why, "more");
  await graves.completeMessage(dead);
  await graves.close();
}

async function modes() {
  // Waiting ends when the time is over, and takes nothing with it.
  const receiver = client.createReceiver("orders", { receiveMode: "receiveAndDelete" });
  assert.deepEqual(await receiver.receiveMessages(5, { maxWaitTimeInMs: 100 }), []);
  await send("orders", ["1", "2", "3"]);
  assert.deepEqual(ids(await receive(receiver, 3)), ["1", "2", "3"]);
  await receiver.close();
  // A stream of messages. (Completing by itself, the SDK tells nobody when it is done.)
  const many = Array.from({ length: 50 }, (_, n) => `${n}`);
  await send("orders", many);
  const stream = client.createReceiver("orders");
  const seen = new Set();
  await new Promise((resolve, reject) => {
    stream.subscribe(
      {
        processMessage: async (message) => {
          await stream.completeMessage(message);
          seen.add(message.messageId);
          if (seen.size === many.length) resolve();
        },
        processError: async ({ error }) => reject(error),
      },
      { maxConcurrentCalls: 10, autoCompleteMessages: false },
    );
  });
  await stream.close();
  // What a receiver has not settled is there for others when it closes.
  await send("inventory-events", ["event"]);
  const first = client.createReceiver("inventory-events", "all");
  assert.deepEqual(ids(await receive(first, 1)), ["event"]);
  await first.close();
  const second = client.createReceiver("inventory-events", "all");
  const [event] = await receive(second, 1);
  assert.deepEqual([event.messageId, event.deliveryCount], ["event", 1]);
  await second.completeMessage(event);
  await second.close();
  const sender = client.createSender("orders");
  await sender.sendMessages({ body: Buffer.alloc(900_000, "x") });
  const large = client.createReceiver("orders", { skipParsingBodyAsJson: true });
  const [whole] = await receive(large, 1);
  assert.equal(whole.body.length, 900_000);
  await large.completeMessage(whole);
  await large.close();
  // Its lock runs out: it is another's, and settling it is refused.
  await send("brief", ["late"]);
  const slow = client.createReceiver("brief", { maxAutoLockRenewalDurationInMs: 0 });
  const [late] = await receive(slow, 1);
  await delay(Math.max(0, late.lockedUntilUtc - Date.now()) + 50);
  await assert.rejects(slow.completeMessage(late), { code: "MessageLockLost" });
  await slow.close();
  const quick = client.createReceiver("brief", { receiveMode: "receiveAndDelete" });
  const [next] = await receive(quick, 1);
  assert.deepEqual([next.messageId, next.deliveryCount], ["late", 1]);
  await quick.close();
  await assert.rejects(client.createReceiver("sessions").receiveMessages(1, { maxWaitTimeInMs }));
  await assert.rejects(client.createReceiver("nope").receiveMessages(1, { maxWaitTimeInMs }), {
    code: "MessagingEntityNotFound",
  });
}

async function sessions() {
  for (const [id, sessionId] of [["a1", "a"], ["b1", "b"], ["a2", "a"], ["a3", "a"]]) {
    await send("sessions", [id], { sessionId });
  }
  const a = await client.acceptNextSession("sessions");
  assert.equal(a.sessionId, "a");
  const [a1, a2] = await receive(a, 2);
  assert.deepEqual(ids([a1, a2]), ["a1", "a2"]);
  assert.equal(await a.getSessionState(), null);
  await a.setSessionState({ so: "far" });
  const before = a.sessionLockedUntilUtc;
  assert.ok((await a.renewSessionLock()) >= before);
  await assert.rejects(client.acceptSession("sessions", "a"), { code: "SessionCannotBeLocked" });
  const b = await client.acceptNextSession("sessions");
  assert.equal(b.sessionId, "b");
  await b.completeMessage((await receive(b, 1))[0]);
  await b.close();
  await a.completeMessage(a1);
  await a.deferMessage(a2);
  assert.deepEqual(ids(await a.peekMessages(10)), ["a2", "a3"]);
  await a.close();
  const again = await client.acceptSession("sessions", "a");
  assert.deepEqual(await again.getSessionState(), { so: "far" });
  await again.setSessionState(null);
  const [a3] = await receive(again, 1);
  assert.deepEqual([a3.messageId, a3.deliveryCount], ["a3", 0]);
  await again.completeMessage(a3);
  const [deferred] = await again.receiveDeferredMessages(a2.sequenceNumber);
  await again.completeMessage(deferred);
  await again.close();
}

async function rules() {
  const manager = client.createRuleManager("inventory-events", "ruled");
  const all = async () => {
    const rules = [];
    // Where there are none, the SDK yields `undefined`.
    for await (const rule of manager.listRules()) if (rule) rules.push(rule);
    return rules;
  };
  assert.deepEqual((await all()).map((rule) => rule.name), ["$Default"]);
  await manager.deleteRule("$Default");
  assert.deepEqual(await all(), []);
  await send("inventory-events", ["none"]);
  await manager.createRule("big", { sqlExpression: "size > 10" }, { sqlExpression: "SET big = TRUE" });
  await manager.createRule("red", { subject: "red", applicationProperties: { kind: "paint" } });
  await assert.rejects(manager.createRule("big", { sqlExpression: "1=1" }), { code: "MessagingEntityAlreadyExists" });
  await assert.rejects(manager.createRule("bad", { sqlExpression: "size >" }));
  await assert.rejects(manager.deleteRule("nope"), { code: "MessagingEntityNotFound" });
  const [big, red] = await all();
  assert.deepEqual([big.filter.sqlExpression, big.action.sqlExpression], ["size > 10", "SET big = TRUE"]);
  assert.deepEqual([red.filter.subject, red.filter.applicationProperties], ["red", { kind: "paint" }]);
  await send("inventory-events", ["small"], { applicationProperties: { size: 1 } });
  await send("inventory-events", ["large"], { applicationProperties: { size: 11 } });
  await send("inventory-events", ["paint"], { subject: "red", applicationProperties: { kind: "paint" } });
  const receiver = client.createReceiver("inventory-events", "ruled", { receiveMode: "receiveAndDelete" });
  // The first is from before there were other rules than the default.
  assert.deepEqual(ids(await receive(receiver, 3)), ["event", "large", "paint"]);
  await receiver.close();
}

await settle();
await modes();
await sessions();
await rules();
await client.close();
console.log(JSON.stringify({ done: true }));
