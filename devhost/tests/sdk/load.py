"""Much at once with Azure's Service Bus SDK for Python: `trickle`, `clients` or `volume`. Prints a line for each success."""

import concurrent.futures
import sys
import time

from azure.servicebus import ServiceBusClient, ServiceBusMessage

CONNECTION_STRING, WHAT, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])


def client(**options):
    return ServiceBusClient.from_connection_string(CONNECTION_STRING, **options)


def trickle():
    """One message after the other, each said when it is sent. The SDK tries again for as long as a restart may take."""
    with client(retry_total=20, retry_backoff_factor=0.1, retry_backoff_max=1) as bus:
        with bus.get_queue_sender("orders") as sender:
            for n in range(COUNT):
                sender.send_messages(ServiceBusMessage(b"{}", message_id=f"trickle-{n}"))
                print(f"sent trickle-{n}", flush=True)


def one_client(number):
    with client() as bus:
        with bus.get_queue_sender("orders") as sender:
            for n in range(10):
                sender.send_messages(ServiceBusMessage(b"{}", message_id=f"client-{number}-{n}"))


def clients():
    with concurrent.futures.ThreadPoolExecutor(COUNT) as pool:
        list(pool.map(one_client, range(COUNT)))


def volume():
    body = b"x" * 1000
    with client() as bus:
        with bus.get_queue_sender("orders") as sender:
            for first in range(0, COUNT, 500):
                sender.send_messages(
                    [ServiceBusMessage(body, message_id=f"volume-{n}") for n in range(first, min(first + 500, COUNT))]
                )


start = time.monotonic()
{"trickle": trickle, "clients": clients, "volume": volume}[WHAT]()
print(f"done {time.monotonic() - start}", flush=True)
