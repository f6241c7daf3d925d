"""What the programs of both packages share: the settings, lines of JSON in and out."""

import json
import logging
import sys
from urllib.parse import quote

settings = json.loads(sys.argv[1])
hub_url = f"{settings['url']}/messageHub?room=-&client_id={quote(settings['client_id'])}"
logging.basicConfig(stream=sys.stderr, level=logging.INFO)


def say(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def show(m):
    say(seq=m["seq"], msg=m["msg"], id=m["id"])


def stored(id, text, error):
    if error:
        say(failed=text, error=error)
    else:
        say(sent=text, id=id)


def commands():
    for line in sys.stdin:
        yield json.loads(line)
