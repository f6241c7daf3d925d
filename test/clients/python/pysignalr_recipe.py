import asyncio
import logging
from contextlib import suppress
from uuid import uuid4

from pysignalr.client import SignalRClient


class Room:
    def __init__(self, url, room, seen, show, stored, **options):
        """Follows room from the message after seen; show(message) and stored(id, text, error) are the application's."""
        self.url, self.room, self.seen, self.show, self.stored, self.options = url, room, seen, show, stored, options
        self.epoch, self.outbox = None, {}  # the outbox has what is not known to be stored

    async def run(self):
        while True:  # with a new client: the package would ask for the old connection, which is over
            self.hub = SignalRClient(self.url, **self.options)
            self.hub.on("ReceiveMessage", self.receive)
            self.hub.on_open(self.join)
            self.hub.on_close(self.cut)
            self.hub.on_error(self.failed)
            try:
                await self.hub.run()
            except Exception as e:
                logging.warning("connecting again: %r", e)
            await asyncio.sleep(1)

    async def join(self):
        await self.hub.send("JoinRoom", [self.room, {"after": self.seen, "epoch": self.epoch}], self.joined)

    async def joined(self, answer):
        self.epoch = answer.result["epoch"]
        self.seen = answer.result.get("reset", {"after": self.seen})["after"]
        for id, text in list(self.outbox.items()):
            await self.send(text, id)

    async def receive(self, messages):
        for m in messages:
            if m["seq"] > self.seen:
                self.seen = m["seq"]
                self.show(m)

    async def send(self, text, id=None):
        id = id or str(uuid4())
        self.outbox[id] = text

        async def answered(answer):
            if self.outbox.pop(id, None) is not None:
                self.stored(id, text, answer.error)

        with suppress(Exception):  # joined sends it again
            await self.hub.send("SendMessage", [self.room, text, id], answered)

    async def cut(self):
        raise ConnectionError("the connection has ended")

    async def failed(self, answer):
        logging.warning("a call failed: %s", answer.error)
