import logging
import socket
import threading
import time
from contextlib import suppress
from uuid import uuid4

socket.setdefaulttimeout(60)  # without it the package does not notice a network that is dead


class Room:
    def __init__(self, builder, room, seen, show, stored):
        """Follows room from the message after seen; show(message) and stored(id, text, error) are the application's."""
        self.builder, self.room, self.seen, self.show, self.stored = builder, room, seen, show, stored
        self.epoch, self.outbox, self.over = None, {}, threading.Event()  # the outbox has what is not known to be stored

    def run(self):
        while True:  # with a new connection: with_automatic_reconnect gives up after a reset or a refused attempt
            self.hub = self.builder().build()
            self.hub.on("ReceiveMessage", self.receive)
            self.hub.on_open(self.join)
            self.hub.on_error(self.failed)
            self.hub.on_close(self.over.set)
            self.over.clear()
            try:
                self.hub.start()
                while not self.over.wait(0.2) and self.hub.transport.is_running():
                    pass
                self.hub.transport._client.close()  # its thread for long polling would ask on and on
            except Exception as e:
                logging.warning("connecting again: %r", e)
            time.sleep(1)

    def join(self):
        self.hub.invoke("JoinRoom", [self.room, {"after": self.seen, "epoch": self.epoch}], self.joined)

    def joined(self, answer):
        self.epoch = answer.result["epoch"]
        self.seen = answer.result.get("reset", {"after": self.seen})["after"]
        for id, text in list(self.outbox.items()):
            self.send(text, id)

    def receive(self, messages):
        for m in messages:
            if m["seq"] == self.seen + 1:
                self.seen = m["seq"]
                self.show(m)
            elif m["seq"] > self.seen:
                self.over.set()  # long polling can lose an answer in a cut and goes on: connect again, from seen

    def send(self, text, id=None):
        id = id or str(uuid4())
        self.outbox[id] = text
        with suppress(Exception):  # joined sends it again
            self.hub.invoke("SendMessage", [self.room, text, id], self.answered, invocation_id=id)

    def answered(self, answer):  # the id of the call is that of the message
        if (text := self.outbox.pop(answer.invocation_id, None)) is not None:
            self.stored(answer.invocation_id, text, answer.error)

    def failed(self, answer):
        logging.warning("a call failed: %s", answer.error)
        if answer.invocation_id in self.outbox:
            self.answered(answer)
        else:
            self.over.set()  # it was JoinRoom: connect again
