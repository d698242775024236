"""A server on Qpid Proton: a queue for each address, and addresses that behave in a way of their own.

`outcomes` answers in turn with each outcome there is; `limited` takes messages of up to 10 000 bytes; `settled` has
messages that are settled already; `missing` is not there.
"""

import collections
import sys

from proton import Condition, Delivery, Endpoint, Message, Terminus
from proton.handlers import MessagingHandler
from proton.reactor import Container

LIMIT = 10_000
SIZES = [1, 100_000, 300_000, 0, 4_096]


class Server(MessagingHandler):
    def __init__(self, port):
        # No message is accepted by itself, and credit is given by hand.
        super().__init__(prefetch=0, auto_accept=False, auto_settle=True)
        self.port = port
        self.queues = collections.defaultdict(collections.deque)
        self.readers = collections.defaultdict(list)
        self.came = 0

    def on_start(self, event):
        event.container.listen(f"127.0.0.1:{self.port}")

    def on_connection_bound(self, event):
        event.transport.max_frame_size = 4_096
        event.transport.idle_timeout = 20

    def on_link_opening(self, event):
        link = event.link
        address = link.remote_target.address if link.is_receiver else link.remote_source.address
        if address == "missing":
            # As the standard has it: attached without a terminus, then detached with the reason.
            link.source.type = link.target.type = Terminus.UNSPECIFIED
            return
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        if address == "limited":
            link.max_message_size = LIMIT
        link.open()
        if link.is_receiver:
            link.flow(10)
        elif address == "settled":
            self.queues[address].extend(Message(body=bytes([size % 251]) * size, inferred=True) for size in SIZES)
        if link.is_sender:
            self.readers[address].append(link)
            self.give(address)

    def on_link_local_open(self, event):
        link = event.link
        if Terminus.UNSPECIFIED in (link.source.type, link.target.type):
            link.condition = Condition("amqp:not-found", "there is no such node")
            link.close()

    def on_sendable(self, event):
        self.give(event.link.source.address)

    def give(self, address):
        for link in self.readers[address]:
            while link.credit > 0 and self.queues[address]:
                sent = link.send(self.queues[address].popleft())
                if address == "settled":
                    sent.settle()

    def on_message(self, event):
        link, delivery = event.link, event.delivery
        address = link.target.address
        link.flow(1)
        if address == "outcomes":
            self.answer(delivery)
        elif address == "limited" and len(event.message.encode()) > LIMIT:
            link.condition = Condition("amqp:link:message-size-exceeded", "too large")
            link.close()
        else:
            self.queues[address].append(event.message)
            delivery.update(Delivery.ACCEPTED)
            delivery.settle()
            self.give(address)

    def answer(self, delivery):
        outcomes = [Delivery.ACCEPTED, Delivery.REJECTED, Delivery.RELEASED, Delivery.MODIFIED]
        outcome = outcomes[self.came % len(outcomes)]
        self.came += 1
        if outcome == Delivery.REJECTED:
            delivery.local.condition = Condition("amqp:not-allowed", "not this one")
        delivery.update(outcome)
        delivery.settle()

    def leave(self, link):
        for readers in self.readers.values():
            if link in readers:
                readers.remove(link)

    # What was on its way to a link that ended goes to the next.
    def on_released(self, event):
        self.leave(event.link)

    def on_link_closing(self, event):
        self.leave(event.link)
        event.link.close()

    def on_session_closing(self, event):
        link = event.connection.link_head(Endpoint.LOCAL_ACTIVE)
        while link is not None:
            if link.session == event.session:
                self.leave(link)
            link = link.next(Endpoint.LOCAL_ACTIVE)
        event.session.close()

    def on_disconnected(self, event):
        self.readers.clear()


Container(Server(int(sys.argv[1]))).run()
