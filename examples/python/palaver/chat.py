"""A line of text is a message: python3 -m palaver.chat HOST:PORT ROOM --name NAME [--seed FILE]"""

import argparse
import os
import selectors
import socket
import sys
import time
from pathlib import Path

from .client import Client, Refused
from .content import Files, text_body, text_of
from .registry import EVENTS, KINDS


def milliseconds() -> int:
    return time.monotonic_ns() // 1_000_000


class Chat:
    """One room on a terminal, or in a pipe."""

    def __init__(self, client: Client, sock: socket.socket, room: str):
        self.client, self.sock, self.room = client, sock, room
        self.conversation = None
        self.names: dict[int, str] = {}
        self.lines: list[str] = []
        self.done = False
        self.files = Files()

    def run(self) -> int:
        selector = selectors.DefaultSelector()
        selector.register(self.sock, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            self.flush()
            if self.client.state == "closed":
                return self.finish()
            for key, _ in selector.select(max(0, self.client.deadline() - milliseconds()) / 1000):
                if key.fileobj is self.sock:
                    self.read()
                else:
                    line = sys.stdin.readline()
                    self.lines += [line.rstrip("\n")] if line.strip() else []
                    if not line:
                        selector.unregister(sys.stdin)
                        self.done = True
            self.client.tick(milliseconds())
            self.events()
            self.talk()

    def flush(self) -> None:
        data, self.client.out = bytes(self.client.out), bytearray()
        self.sock.sendall(data)

    def finish(self) -> int:
        self.sock.close()
        close = next((f["close"] for n, f in self.client.events if n == "ended"), None)
        if close:
            print(f"closed: {close['code']} {close['text']}", file=sys.stderr)
        return 0 if self.done and not close else 1

    def read(self) -> None:
        data = self.sock.recv(65536)
        if data:
            self.client.receive(data, milliseconds())
        else:
            self.client.link_ended(milliseconds())

    def talk(self) -> None:
        """Sends what was typed as the window allows; at the end of input says goodbye when all is taken."""
        while self.conversation and self.lines:
            try:
                self.client.message(self.conversation, KINDS["text"], text_body(self.lines[0]))
            except Refused:
                return
            self.lines.pop(0)
        known = self.client.conversations.get(self.conversation)
        if self.done and known and not known.under_way:
            self.client.close("goodbye")

    def events(self) -> None:
        while self.client.state != "closed" and self.client.events:
            name, fields = self.client.events.pop(0)
            getattr(self, f"on_{name}", lambda _: None)(fields)

    def on_ready(self, _ready: dict) -> None:
        self.client.request("join", room=self.room, options=1)

    def on_join_answer(self, fields: dict) -> None:
        if "code" in fields:
            print(f"refused: {fields['text']}", file=sys.stderr)
            self.client.close("goodbye")
        self.names |= {member["alias"]: member["name"] for member in fields.get("members", ())}
        self.conversation = fields.get("conversation")

    def on_event(self, event: dict) -> None:
        if event["kind"] == EVENTS["joined"]:
            self.names[event["subject"]] = event["name"]
        kinds = {number: name for name, number in EVENTS.items()}
        print(f"* {event['name'] or self.room} {kinds[event['kind']]} {event['text']}".rstrip(), flush=True)

    def on_message(self, message: dict) -> None:
        sender = self.names.get(message["sender"], "?")
        if message["kind"] in (KINDS["text"], KINDS["action"]):
            print(f"{sender}: {text_of(message['body'])}", flush=True)
            return
        file = self.files.part((sender, message["conversation"]), message["kind"], message["body"])
        if file:
            print(f"{sender}: file {file[0]}, {len(file[1])} bytes", flush=True)


def seed_of(path: str | None) -> bytes:
    """The identity in a file, made at the first use; without a file a fresh one."""
    if path is None:
        return os.urandom(32)
    if not Path(path).exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(32))
    return Path(path).read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description="Talk in one room of a Palaver relay over TCP.")
    parser.add_argument("address", help="HOST:PORT of a relay on this machine; TCP here is not encrypted")
    parser.add_argument("room")
    parser.add_argument("--name", required=True)
    parser.add_argument("--seed", help="file with the identity's 32 bytes")
    parser.add_argument("--pin", help="the relay's key in hex")
    parser.add_argument("--token", default="")
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")
    sock = socket.create_connection((host.strip("[]"), int(port)))
    pin = bytes.fromhex(options.pin) if options.pin else None
    mine = {"client_id": os.urandom(8), "token": options.token, "pin": pin}
    client = Client(options.name, seed_of(options.seed), milliseconds(), **mine)
    return Chat(client, sock, options.room).run()


if __name__ == "__main__":
    sys.exit(main())
