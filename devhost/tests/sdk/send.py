"""Sends with Azure's Service Bus SDK for Python in every way an application does, and prints what came of it as JSON."""

import datetime
import json
import sys
import time

from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError


def outcome(action):
    """The name of the exception that an action ends with, and how long that took."""
    start = time.monotonic()
    try:
        action()
        name = None
    except ServiceBusError as error:
        name = type(error).__name__
    except ValueError:
        name = "ValueError"
    return {"error": name, "seconds": time.monotonic() - start}


def send_one(client, entity, body=b"{}"):
    with client.get_queue_sender(entity) as sender:
        sender.send_messages(ServiceBusMessage(body))


def main():
    results = {}
    with ServiceBusClient.from_connection_string(sys.argv[1], retry_total=1) as client:
        with client.get_queue_sender("orders") as sender:
            sender.send_messages(
                ServiceBusMessage(
                    '{"text": "ä"}',
                    message_id="single",
                    session_id="session",
                    subject="subject",
                    content_type="application/json",
                    correlation_id="correlation",
                    to="to",
                    reply_to="reply-to",
                    reply_to_session_id="reply-session",
                    partition_key="session",
                    time_to_live=datetime.timedelta(hours=1),
                    application_properties={"text": "t", "number": 7, "big": 2**30, "truth": True, "half": 0.5},
                )
            )
            sender.send_messages([ServiceBusMessage(b"list", message_id=f"list-{n}") for n in range(10)])
            batch = sender.create_message_batch()
            results["batch_bytes_max"] = batch.max_size_in_bytes
            for n in range(1000):
                batch.add_message(ServiceBusMessage(b"batch", message_id=f"batch-{n}"))
            sender.send_messages(batch)
            later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
            soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
            scheduled = [ServiceBusMessage(b"later", message_id=f"later-{n}") for n in range(2)]
            sequences = sender.schedule_messages(scheduled, later)
            sender.cancel_scheduled_messages(sequences[0])
            sender.schedule_messages(ServiceBusMessage(b"soon", message_id="soon"), soon)
            results["scheduled"] = len(sequences)
            start = time.monotonic()
            for n in range(1000):
                sender.send_messages(ServiceBusMessage(b"{}"))
            results["one_by_one_per_second"] = 1000 / (time.monotonic() - start)
            sender.send_messages(ServiceBusMessage(b"x" * 900_000, message_id="large"))
        with client.get_topic_sender("inventory-events") as sender:
            sender.send_messages(ServiceBusMessage(b"event", message_id="event"))
        results["unknown_queue"] = outcome(lambda: send_one(client, "nope"))
        results["too_large"] = outcome(lambda: send_one(client, "orders", b"x" * 1_100_000))
        results["after_too_large"] = outcome(lambda: send_one(client, "orders", b"fine"))
    print(json.dumps(results))


main()
