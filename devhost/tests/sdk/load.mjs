// Much at once with Azure's Service Bus SDK for Node: `trickle`, `clients` or `volume`. Prints a line for each success.
import { createRequire } from "node:module";

const [connectionString, what, countText, modules] = process.argv.slice(2);
const count = Number(countText);
const require = createRequire(`${modules}/`);
const { ServiceBusClient } = require("@azure/service-bus");

const connect = (options) => new ServiceBusClient(connectionString, options);

// One message after the other, each said when it is sent. The SDK tries again for as long as a restart may take.
async function trickle() {
  const client = connect({ retryOptions: { maxRetries: 20, retryDelayInMs: 200, timeoutInMs: 5000 } });
  const sender = client.createSender("orders");
  for (let n = 0; n < count; n++) {
    await sender.sendMessages({ body: "{}", messageId: `trickle-${n}` });
    console.log(`sent trickle-${n}`);
  }
  await client.close();
}

async function oneClient(number) {
  const client = connect();
  const sender = client.createSender("orders");
  for (let n = 0; n < 10; n++) await sender.sendMessages({ body: "{}", messageId: `client-${number}-${n}` });
  await client.close();
}

const clients = () => Promise.all(Array.from({ length: count }, (_, number) => oneClient(number)));

async function volume() {
  const body = Buffer.alloc(1000, "x");
  const client = connect();
  const sender = client.createSender("orders");
  for (let first = 0; first < count; first += 500) {
    const length = Math.min(500, count - first);
    await sender.sendMessages(Array.from({ length }, (_, n) => ({ body, messageId: `volume-${first + n}` })));
  }
  await client.close();
}

const start = performance.now();
await { trickle, clients, volume }[what]();
console.log(`done ${(performance.now() - start) / 1000}`);
