// A custom handler in Node, without packages. See devhost/tests/strangers.rs for what it must do.
'use strict';
const http = require('node:http');

const read = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
};

// A value in an envelope is JSON inside a JSON string.
const value = (text) => JSON.parse(text);

const envelopes = {
  greet({ Data }) {
    const { Query, Method } = Data.req;
    return {
      Outputs: {
        res: { statusCode: 201, headers: { 'x-by': 'node' }, body: `${Method} ${Query.name}` },
        out: `greeted ${Query.name}!`,
      },
      Logs: ['greeting in node'],
    };
  },
  pass({ Data }) {
    return { Outputs: { out: [`${value(Data.message)} in node`, `${value(Data.message)} again`] } };
  },
  arrive({ Data, Metadata }) {
    console.log(`ARRIVED ${value(Data.message)} by ${value(Metadata.DeliveryCount)}`);
    return {};
  },
  tick({ Data }) {
    console.log(`TICK ${Data.timer.IsPastDue}`);
    return { ReturnValue: null };
  },
};

http.createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const envelope = envelopes[pathname.slice(1)];
  if (request.method === 'POST' && envelope) {
    const reply = JSON.stringify(envelope(JSON.parse(await read(request))));
    response.writeHead(200, { 'content-type': 'application/json' }).end(reply);
  } else if (pathname.startsWith('/api/raw/')) {
    const body = await read(request);
    response.writeHead(200, { 'content-type': 'text/plain', 'x-by': 'node' });
    response.write(`${request.method} ${pathname} ${searchParams.get('a')} `);
    response.end(body);
  } else {
    response.writeHead(404).end();
  }
}).listen(Number(process.env.FUNCTIONS_CUSTOMHANDLER_PORT), '127.0.0.1');
