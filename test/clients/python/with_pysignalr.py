"""The recipe for pysignalr as a program of the tests."""

import asyncio
import threading

from program import commands, hub_url, say, settings, show, stored
from pysignalr.protocol.json import JSONProtocol
from pysignalr.protocol.messagepack import MessagepackProtocol
from pysignalr_recipe import Room


class Program(Room):
    async def joined(self, answer):
        await super().joined(answer)
        say(ready=True)

    async def cut(self):
        say(down=True)
        await super().cut()


def obey(room, loop, following):
    for command in commands():
        if "send" in command:
            asyncio.run_coroutine_threadsafe(room.send(command["send"]), loop)
        elif "stop" in command:
            loop.call_soon_threadsafe(following.cancel)


async def main():
    protocol = MessagepackProtocol() if settings["protocol"] == "messagepack" else JSONProtocol()
    headers = {"Authorization": f"Bearer {settings['token']}"} if settings["token"] else {}
    room = Program(hub_url, settings["room"], settings["after"], show, stored, protocol=protocol, headers=headers)
    following = asyncio.ensure_future(room.run())
    threading.Thread(target=obey, args=(room, asyncio.get_running_loop(), following), daemon=True).start()
    try:
        await following
    except asyncio.CancelledError:
        say(note="stopped")


asyncio.run(main())
