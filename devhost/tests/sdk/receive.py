"""Receives with Azure's Service Bus SDK for Python in every way an application does. Ends with a traceback if anything is not
as it should be, and prints what came of it as JSON.

    receive.py CONNECTION_STRING           everything
    receive.py CONNECTION_STRING hold      receives one message of "brief", says so, and waits to be killed
"""

import json
import sys
import time

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusClient, ServiceBusMessage, ServiceBusReceiveMode
from azure.servicebus import ServiceBusMessageState, ServiceBusSubQueue
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

WAIT = 60


def client():
    return ServiceBusClient.from_connection_string(sys.argv[1], retry_total=0)


def send(bus, entity, ids, **properties):
    with bus.get_queue_sender(entity) as sender:
        sender.send_messages([ServiceBusMessage(id, message_id=id, **properties) for id in ids])


def receive(receiver, count):
    """So many messages, and no fewer."""
    messages = []
    while len(messages) < count:
        more = receiver.receive_messages(max_message_count=count - len(messages), max_wait_time=WAIT)
        assert more, f"only {len(messages)} of {count} came"
        messages += more
    return messages


def by_id(messages):
    return {message.message_id: message for message in messages}


def fails(action, *errors):
    try:
        action()
    except errors as error:
        return type(error).__name__
    raise AssertionError(f"{errors} did not come")


def settle(bus):
    """Every way to settle a message, and what becomes of it."""
    with bus.get_queue_sender("orders") as sender:
        sender.send_messages(
            ServiceBusMessage(
                b"body",
                message_id="full",
                subject="subject",
                content_type="text/plain",
                correlation_id="correlation",
                to="to",
                reply_to="reply-to",
                session_id="session",
                application_properties={"text": "t", "number": 7, "truth": True, "half": 0.5},
            )
        )
    send(bus, "orders", ["abandon", "bury", "defer"])
    with bus.get_queue_receiver("orders") as receiver:
        # Between two calls the SDK gives back what comes, so the order is not certain.
        messages = by_id(receive(receiver, 4))
        full, abandon, bury, defer = (messages[id] for id in ["full", "abandon", "bury", "defer"])
        assert (b"".join(full.body), full.subject) == (b"body", "subject")
        assert (full.content_type, full.correlation_id, full.to) == ("text/plain", "correlation", "to")
        assert (full.reply_to, full.session_id, full.delivery_count) == ("reply-to", "session", 0)
        own = {name.decode(): value for name, value in full.application_properties.items()}
        assert own == {"text": b"t", "number": 7, "truth": True, "half": 0.5}, own
        assert full.sequence_number < abandon.sequence_number < bury.sequence_number
        before = full.locked_until_utc
        assert receiver.renew_message_lock(full) >= before
        receiver.complete_message(full)
        receiver.dead_letter_message(bury, reason="a reason", error_description="a description")
        receiver.defer_message(defer)
        receiver.abandon_message(abandon)
        [again] = receive(receiver, 1)
        assert (again.message_id, again.delivery_count) == ("abandon", 1)
        receiver.complete_message(again)
        fails(lambda: receiver.receive_deferred_messages([again.sequence_number]), ServiceBusError)
        [peeked] = receiver.peek_messages(max_message_count=10)
        assert (peeked.message_id, peeked.state) == ("defer", ServiceBusMessageState.DEFERRED)
        [deferred] = receiver.receive_deferred_messages([defer.sequence_number])
        assert deferred.message_id == "defer"
        receiver.renew_message_lock(deferred)
        receiver.complete_message(deferred)
        assert receiver.peek_messages() == []
    with bus.get_queue_receiver("orders", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        [dead] = receive(receiver, 1)
        assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("a reason", "a description")
        receiver.complete_message(dead)


def modes(bus):
    """Deleting as they come, fetching ahead, and giving back."""
    send(bus, "orders", ["1", "2", "3"])
    with bus.get_queue_receiver("orders", receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE) as receiver:
        assert list(by_id(receive(receiver, 3))) == ["1", "2", "3"]
        assert receiver.receive_messages(max_wait_time=0.1) == []
    many = [str(n) for n in range(50)]
    send(bus, "orders", many)
    # What was fetched ahead, or is not settled, is there for others as soon as its receiver closes.
    with bus.get_queue_receiver("orders", prefetch_count=20) as receiver:
        receive(receiver, 3)
    with bus.get_queue_receiver("orders") as receiver:
        messages = receive(receiver, len(many))
        assert sorted(by_id(messages)) == sorted(many)
        for message in messages:
            receiver.complete_message(message)
    with bus.get_queue_sender("orders") as sender:
        sender.send_messages(ServiceBusMessage(b"x" * 900_000))
    with bus.get_queue_receiver("orders") as receiver:
        [large] = receive(receiver, 1)
        assert len(b"".join(large.body)) == 900_000
        receiver.complete_message(large)
    with bus.get_topic_sender("inventory-events") as sender:
        sender.send_messages(ServiceBusMessage(b"event", message_id="event"))
    with bus.get_subscription_receiver("inventory-events", "all", max_wait_time=WAIT) as receiver:
        for message in receiver:
            assert message.message_id == "event"
            receiver.complete_message(message)
            break
    fails(lambda: receive_from("sessions"), ServiceBusError)
    fails(lambda: receive_from("nope"), ServiceBusError)


def receive_from(entity):
    with client() as bus, bus.get_queue_receiver(entity) as receiver:
        receiver.receive_messages(max_wait_time=WAIT)


def session(bus, id, **options):
    return bus.get_queue_receiver("sessions", session_id=id, **options)


def sessions(bus):
    """Sessions: the next one, a certain one, what is kept with them, and their locks."""
    with bus.get_queue_sender("sessions") as sender:
        for id in ["a1", "b1", "a2", "a3"]:
            sender.send_messages(ServiceBusMessage(id, message_id=id, session_id=id[0]))
    with session(bus, NEXT_AVAILABLE_SESSION) as a:
        assert a.session.session_id == "a"
        messages = by_id(receive(a, 3))
        assert a.session.get_state() is None
        a.session.set_state(b"so far")
        before = a.session.locked_until_utc
        assert a.session.renew_lock() >= before
        assert fails(lambda: session(bus, "a").__enter__(), SessionCannotBeLockedError)
        with session(bus, NEXT_AVAILABLE_SESSION) as b:
            assert b.session.session_id == "b"
            b.complete_message(receive(b, 1)[0])
            # All sessions with messages are taken.
            none = session(bus, NEXT_AVAILABLE_SESSION, max_wait_time=1)
            fails(none.__enter__, OperationTimeoutError)
        a.complete_message(messages["a1"])
        a.defer_message(messages["a2"])
    # The session goes on where it was, and nothing counts as a delivery that only ended with its receiver.
    with session(bus, "a") as a:
        assert a.session.get_state() == b"so far"
        a.session.set_state(None)
        assert a.session.get_state() is None
        [a3] = receive(a, 1)
        assert (a3.message_id, a3.delivery_count) == ("a3", 0)
        a.complete_message(a3)
        [deferred] = a.receive_deferred_messages([messages["a2"].sequence_number])
        a.complete_message(deferred)
    # Its lock runs out: what was not settled cannot be any more.
    send(bus, "brief-sessions", ["c1"], session_id="c")
    c, c1 = in_time(bus)
    time.sleep(max(0, c.session.locked_until_utc.timestamp() - time.time()) + 0.05)
    fails(lambda: c.complete_message(c1), SessionLockLostError)
    c.close()


def in_time(bus):
    """A session with a short lock, and its message. On a busy machine the lock may be over before the message is asked for."""
    while True:
        receiver = bus.get_queue_receiver("brief-sessions", session_id="c")
        try:
            return receiver, receive(receiver, 1)[0]
        except SessionLockLostError:
            receiver.close()


def hold():
    with client() as bus, bus.get_queue_receiver("brief") as receiver:
        [message] = receive(receiver, 1)
        print("holds", message.message_id, flush=True)
        time.sleep(600)


def main():
    if sys.argv[2:] == ["hold"]:
        return hold()
    with client() as bus:
        settle(bus)
        modes(bus)
        sessions(bus)
    print(json.dumps({"done": True}))


main()
