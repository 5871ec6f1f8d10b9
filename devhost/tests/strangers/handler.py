"""A custom handler in Python, by its standard library. See devhost/tests/strangers.rs for what it must do."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


def value(text):
    """A value in an envelope is JSON inside a JSON string."""
    return json.loads(text)


def greet(data, _):
    request = data["req"]
    name = request["Query"]["name"]
    response = {"statusCode": 201, "headers": {"x-by": "python"}, "body": f"{request['Method']} {name}"}
    return {"Outputs": {"res": response, "out": f"greeted {name}!"}, "Logs": ["greeting in python"]}


def take(data, _):
    message = value(data["message"])
    return {"Outputs": {"out": [f"{message} in python", f"{message} again"]}}


def arrive(data, metadata):
    print(f"ARRIVED {value(data['message'])} by {value(metadata['DeliveryCount'])}", flush=True)
    return {}


def tick(data, _):
    print(f"TICK {json.dumps(data['timer']['IsPastDue'])}", flush=True)
    return {"ReturnValue": None}


ENVELOPES = {"/greet": greet, "/pass": take, "/arrive": arrive, "/tick": tick}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def read(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-by", "python")
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        url = urlsplit(self.path)
        body = self.read()
        envelope = ENVELOPES.get(url.path)
        if self.command == "POST" and envelope:
            call = json.loads(body)
            reply = envelope(call["Data"], call["Metadata"])
            self.answer(200, "application/json", json.dumps(reply).encode())
        elif url.path.startswith("/api/raw/"):
            query = parse_qs(url.query)["a"][0]
            self.answer(200, "text/plain", f"{self.command} {url.path} {query} ".encode() + body)
        else:
            self.answer(404, "text/plain", b"")

    do_GET = do_POST = do_PUT = handle_any

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"])), Handler).serve_forever()
