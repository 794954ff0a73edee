"""A chat relay with a thread for each connection: lines in, lines out. What tutorials write."""

import socket
import sys
import threading

rooms = {}
lock = threading.Lock()


def serve(connection):
    for line in connection.makefile("rb"):
        verb, to, *rest = line.rstrip(b"\n").split(b" ", 2)
        if verb == b"JOIN":
            with lock:
                rooms.setdefault(to, []).append(connection)
            connection.sendall(b"joined\n")
        elif verb == b"SAY":
            with lock:
                members = list(rooms.get(to, ()))
            for member in members:
                member.sendall(rest[0] + b"\n")


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
    threading.stack_size(256 * 1024)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()
