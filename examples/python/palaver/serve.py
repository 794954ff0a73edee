"""Runs the relay on a TCP port: python3 -m palaver.serve [--port N] [--data FILE] ..."""

import argparse
import random
import selectors
import signal
import socket
import time

from .codec import encode, framed
from .registry import ERRORS, LIMITS
from .relay import Config, Relay
from .store import Store

CHUNK = 65536


def milliseconds() -> int:
    return time.monotonic_ns() // 1_000_000


class Server:
    """Sockets of a relay: moves bytes, ends links, wakes the relay in time."""

    def __init__(self, relay: Relay, host: str, port: int):
        self.relay = relay
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server((host, port), backlog=256)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.lingering: dict[socket.socket, int] = {}
        self.links: dict[socket.socket, object] = {}
        self.running = True

    def run(self) -> None:
        while self.running:
            self.turn()
        self.relay.now = milliseconds()
        for link in list(self.relay.links):
            link.close("going_away", retry_ms=1000 + random.randrange(5000))
        until = milliseconds() + LIMITS["linger_ms"]
        while self.links and milliseconds() < until:
            self.turn()

    def turn(self) -> None:
        due = [at for at in (self.relay.deadline(), *self.lingering.values()) if at is not None]
        wait = max(0, min(due, default=milliseconds() + 1000) - milliseconds()) / 1000
        for key, mask in self.selector.select(min(wait, 1)):
            if key.fileobj is self.listener:
                self.accept()
            elif key.fileobj in self.links:
                self.move(key.fileobj, mask)
        self.relay.tick(milliseconds())
        for sock, link in list(self.links.items()):
            self.settle(sock, link)

    def accept(self) -> None:
        try:
            sock, peer = self.listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host = f"[{peer[0]}]" if ":" in peer[0] else peer[0]
        self.links[sock] = self.relay.open(f"{host}:{peer[1]}", milliseconds())
        self.selector.register(sock, selectors.EVENT_READ)

    def move(self, sock: socket.socket, mask: int) -> None:
        link = self.links[sock]
        try:
            if mask & selectors.EVENT_WRITE and link.out:
                link.taken(sock.send(link.out[:CHUNK]), milliseconds())
            if mask & selectors.EVENT_READ and link.held_until is None:
                data = sock.recv(CHUNK)
                if not data:
                    return self.end(sock, link)
                self.relay.receive(link, data, milliseconds())
        except BlockingIOError:
            pass
        except OSError:
            self.end(sock, link)

    def settle(self, sock: socket.socket, link) -> None:
        """Sends what waits; a link that is closed here ends when its bytes are out or its time is over."""
        try:
            while link.out:
                link.taken(sock.send(link.out[:CHUNK]), milliseconds())
        except BlockingIOError:
            pass
        except OSError:
            return self.end(sock, link)
        if link.ended:
            return self.end(sock, link)
        if link.sent_close:
            if sock not in self.lingering:
                self.lingering[sock] = milliseconds() + self.relay.limits["linger_ms"]
            if milliseconds() >= self.lingering[sock]:
                return self.end(sock, link)
            if not link.out:
                try:
                    sock.shutdown(socket.SHUT_WR)
                except OSError:
                    return self.end(sock, link)
        write = selectors.EVENT_WRITE if link.out else 0
        read = selectors.EVENT_READ if link.held_until is None else 0
        self.watch(sock, read | write)

    def watch(self, sock: socket.socket, mask: int) -> None:
        if mask == 0 and sock in self.selector.get_map():
            self.selector.unregister(sock)
        elif mask and sock not in self.selector.get_map():
            self.selector.register(sock, mask)
        elif mask:
            self.selector.modify(sock, mask)

    def end(self, sock: socket.socket, link) -> None:
        if self.links.pop(sock, None) is not None:
            self.lingering.pop(sock, None)
            self.watch(sock, 0)
            sock.close()
            link.link_ended(milliseconds())


def main() -> None:
    parser = argparse.ArgumentParser(description="A small Palaver relay over TCP.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7667, help="0 takes a free one")
    parser.add_argument("--data", help="file for key, names and bans; without it they are forgotten")
    parser.add_argument("--name", default="python")
    parser.add_argument("--token", default="", help="admit only who shows it")
    parser.add_argument("--operator", action="append", default=[], help="key of a relay operator, in hex")
    parser.add_argument("--room", action="append", default=[], help="a room that is always there")
    parser.add_argument("--limit", action="append", default=[], help="NAME=NUMBER of the registry")
    options = parser.parse_args()
    limits = {name: int(value) for name, _, value in (text.partition("=") for text in options.limit)}
    operators = frozenset(bytes.fromhex(key) for key in options.operator)
    rooms = tuple(options.room)
    config = Config(options.name, options.token, None, operators, rooms, limits)
    wall = time.time_ns() // 1_000_000
    relay = Relay(config, Store(options.data), wall_ms=wall, now=milliseconds())
    server = Server(relay, options.host, options.port)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(server, "running", False))
    print(f"listening on {options.host}:{server.listener.getsockname()[1]} key {relay.key.hex()}", flush=True)
    server.run()


if __name__ == "__main__":
    main()
