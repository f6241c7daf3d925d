"""The recipe for signalrcore as a program of the tests."""

import threading

from program import commands, hub_url, say, settings, show, stored
from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.types import HttpTransportType, HubProtocolEncoding
from signalrcore_recipe import Room

TRANSPORTS = {
    "ws": HttpTransportType.web_sockets,
    "sse": HttpTransportType.server_sent_events,
    "lp": HttpTransportType.long_polling,
}
PROTOCOLS = {"json": HubProtocolEncoding.text, "messagepack": HubProtocolEncoding.binary}


class Program(Room):
    def joined(self, answer):
        super().joined(answer)
        say(ready=True)


def builder():
    url, options = hub_url, {"transport": TRANSPORTS[settings["transport"]]}
    if settings["token"] and settings["transport"] == "lp":
        url += f"&access_token={settings['token']}"  # polls do not send the header
    elif settings["token"]:
        options["access_token_factory"] = lambda: settings["token"]
    return HubConnectionBuilder().with_url(url, options).with_hub_protocol(PROTOCOLS[settings["protocol"]])


room = Program(builder, settings["room"], settings["after"], show, stored)
threading.Thread(target=room.run, daemon=True).start()
for command in commands():
    if "send" in command:
        room.send(command["send"])
    elif "stop" in command:
        break
